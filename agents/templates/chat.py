"""Chat templates of Hugging Face tokenizers, one message at a time."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from forethought.agents.templates.template import Role, Template
from forethought.agents.templates.words import WordTemplate


def load_template(path: str | Path) -> Template:
    """The template of a model folder or hub name. Raises ValueError if it has none we can use."""
    if (Path(path) / WordTemplate.FILE).exists():
        return WordTemplate.load(Path(path))
    tokenizer = AutoTokenizer.from_pretrained(str(path))
    vocabulary = tokenizer.get_vocab()
    if "<|im_start|>" not in vocabulary or "<|im_end|>" not in vocabulary:
        raise ValueError(
            f"model {str(path)!r} has no ChatML tokens (<|im_start|>, <|im_end|>); "
            "use an instruction-tuned model of the SmolLM or Qwen families"
        )
    return ChatMLTemplate(tokenizer)


class ChatMLTemplate:
    """`<|im_start|>role\\ntext<|im_end|>\\n`, as SmolLM, Qwen and many others were trained on.

    No default system message is added, and tool results are written as user messages: the small
    models have no tool role.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._begin = tokenizer.convert_tokens_to_ids("<|im_start|>")
        self._end = tokenizer.convert_tokens_to_ids("<|im_end|>")
        self._newline = self.encode("\n")
        self._headers = {
            role: [self._begin, *self.encode("user" if role == "tool" else role), *self._newline]
            for role in ("system", "user", "assistant", "tool")
        }
        eos = tokenizer.eos_token_id
        self.stop_ids = frozenset({self._end} | ({eos} if isinstance(eos, int) else set()))

    def render(self, role: Role, text: str) -> list[int]:
        """Header, text, closing token, newline."""
        return [*self._headers[role], *self.encode(text), self._end, *self._newline]

    def reply_opening(self) -> list[int]:
        """Header of an assistant message."""
        return list(self._headers["assistant"])

    def reply_closing(self, *, stopped: bool) -> list[int]:
        """The closing token, unless the reply has it, and the newline."""
        return [*([] if stopped else [self._end]), *self._newline]

    def encode(self, text: str) -> list[int]:
        """Token ids of plain text; nothing in it is taken for a special token.

        Half of a surrogate pair, which no tokenizer takes, becomes a question mark.
        """
        sound = text.encode("utf-8", "replace").decode()
        return list(
            self._tokenizer.encode(sound, add_special_tokens=False, split_special_tokens=True)
        )

    def decode(self, ids: list[int]) -> str:
        """Text without special tokens."""
        return str(self._tokenizer.decode(ids, skip_special_tokens=True))

    def save(self, folder: Path) -> None:
        """Write the tokenizer beside a model."""
        self._tokenizer.save_pretrained(folder)
