"""A word-level template for small models trained from scratch.

Frequent pieces of text (words, numbers, marks) are one token each; what is not in the vocabulary
falls back to bytes, so any text can be written and read back.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from forethought.agents.templates.template import Role

_PIECE = re.compile(r" ?[A-Za-z]+(?:-[A-Za-z]+)*| ?\d|\n| ?[^\sA-Za-z\d]|\s", re.UNICODE)
_ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")


class WordTemplate:
    """Ids 0..255 are bytes, then one token a role, the end token, then the vocabulary."""

    FILE = "words.json"

    def __init__(self, words: list[str]) -> None:
        self.words = words
        first = 256 + len(_ROLES) + 1
        self._role_ids = {role: 256 + index for index, role in enumerate(_ROLES)}
        self._end = first - 1
        self._ids = {word: first + index for index, word in enumerate(words)}
        self._texts = {index: word for word, index in self._ids.items()}
        self.vocab_size = first + len(words)
        self.stop_ids = frozenset({self._end})

    @classmethod
    def fit(cls, texts: Iterable[str], *, max_words: int = 2000) -> WordTemplate:
        """A vocabulary of the most frequent pieces in `texts`."""
        counts = Counter(piece for text in texts for piece in _PIECE.findall(text))
        ranked = sorted(counts, key=lambda piece: (-counts[piece], piece))
        return cls(
            [piece for piece in ranked[:max_words] if len(piece.encode("utf-8", "replace")) > 1]
        )

    @classmethod
    def load(cls, folder: Path) -> WordTemplate:
        """Read `words.json` of a model folder."""
        return cls(json.loads((folder / cls.FILE).read_text(encoding="utf-8")))

    def save(self, folder: Path) -> None:
        """Write `words.json` beside the model."""
        (folder / self.FILE).write_text(json.dumps(self.words), encoding="utf-8")

    def render(self, role: Role, text: str) -> list[int]:
        """Role token, text, end token."""
        return [self._role_ids[role], *self.encode(text), self._end]

    def reply_opening(self) -> list[int]:
        """The assistant's role token."""
        return [self._role_ids["assistant"]]

    def reply_closing(self, *, stopped: bool) -> list[int]:
        """The end token, unless the reply has it."""
        return [] if stopped else [self._end]

    def encode(self, text: str) -> list[int]:
        """Words where known, bytes elsewhere; half of a surrogate pair becomes a question mark."""
        ids: list[int] = []
        for piece in _PIECE.findall(text):
            known = self._ids.get(piece)
            ids.extend(piece.encode("utf-8", "replace") if known is None else [known])
        return ids

    def decode(self, ids: list[int]) -> str:
        """The text of words and bytes; role and end tokens are left out."""
        parts = (
            bytes([index]) if index < 256 else self._texts.get(index, "").encode() for index in ids
        )
        return b"".join(parts).decode("utf-8", "replace")
