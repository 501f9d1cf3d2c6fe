"""Text as a Gymnasium space: any unicode string up to a length."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from forethought.envs.calls import Action

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789 .,?()-\nάжש中🙂"


class Text(gymnasium.Space[str]):
    """Strings of at most `max_chars` characters; actions count by their text.

    `gymnasium.spaces.Text` admits a fixed character set and checks it character by character; a
    language model writes any unicode, so this one checks the length alone.
    """

    def __init__(self, max_chars: int = 1 << 20, *, seed: int | None = None) -> None:
        self.max_chars = max_chars
        super().__init__(shape=None, dtype=None, seed=seed)

    def contains(self, x: Any) -> bool:
        """Whether `x` is text of an allowed length."""
        text = x.text if isinstance(x, Action) else x
        return isinstance(text, str) and len(text) <= self.max_chars

    def sample(self, mask: Any | None = None, probability: Any | None = None) -> str:
        """A short random string; masks have no meaning for text and are ignored."""
        length = int(self.np_random.integers(1, min(32, self.max_chars) + 1))
        picks = self.np_random.integers(0, len(_ALPHABET), size=length)
        return "".join(_ALPHABET[int(pick)] for pick in np.atleast_1d(picks))

    @property
    def is_np_flattenable(self) -> bool:
        """Text has no fixed-size array form."""
        return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Text) and self.max_chars == other.max_chars

    def __hash__(self) -> int:
        return hash((Text, self.max_chars))

    def __repr__(self) -> str:
        return f"Text({self.max_chars})"


def as_text(source: str, given: object) -> str:
    """What `source` gave an agent to read. Raises TypeError if that is no text."""
    if not isinstance(given, str):
        raise TypeError(f"{source} gives {given!r:.80}; what an agent reads is text")
    return given
