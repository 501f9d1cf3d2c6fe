"""Template: how one chat message becomes token ids, each message on its own.

A message is rendered once, when it arrives, and never again. A prompt is the concatenation of its
messages' ids and the opening of the reply; a sampled reply stays the ids that were sampled. So
nothing is ever tokenised twice, and a conversation costs time linear in its length.
"""

from __future__ import annotations

from typing import Literal, Protocol

Role = Literal["system", "user", "assistant", "tool"]


class Template(Protocol):
    """Renders messages to ids and sampled ids to text."""

    @property
    def stop_ids(self) -> frozenset[int]:
        """Tokens that end a reply."""
        ...

    def render(self, role: Role, text: str) -> list[int]:
        """A whole message, from its opening to its closing tokens."""
        ...

    def reply_opening(self) -> list[int]:
        """What stands before a reply of the assistant."""
        ...

    def reply_closing(self, *, stopped: bool) -> list[int]:
        """What follows a sampled reply; `stopped` if its own last token is a stop token."""
        ...

    def encode(self, text: str) -> list[int]:
        """Text as it would stand in a reply, without opening or stop token."""
        ...

    def decode(self, ids: list[int]) -> str:
        """Text of sampled ids, special tokens left out."""
        ...


class ByteTemplate:
    """One token a UTF-8 byte; 256 opens a message, 257 ends it. For scripts and tests."""

    vocab_size = 258
    stop_ids: frozenset[int] = frozenset({257})

    def render(self, role: Role, text: str) -> list[int]:
        """`<256>role\\ntext<257>`."""
        return [256, *role.encode(), 10, *text.encode(), 257]

    def reply_opening(self) -> list[int]:
        """`<256>assistant\\n`."""
        return [256, *b"assistant\n"]

    def reply_closing(self, *, stopped: bool) -> list[int]:
        """The closing token, unless the reply has it."""
        return [] if stopped else [257]

    def encode(self, text: str) -> list[int]:
        """The UTF-8 bytes."""
        return list(text.encode())

    def decode(self, ids: list[int]) -> str:
        """The bytes as UTF-8, replacing what is not."""
        return bytes([token for token in ids if token < 256]).decode("utf-8", "replace")
