"""PackedTemplate: chat messages as ids that can be turned back into the very same messages.

A server that takes text never shows its tokens, yet the loop works on ids. Here an id is a piece of
UTF-8, four bytes long where nothing else is known (about what a token of English is), so budgets
and context sizes are counted in something close to the server's tokens; a reply is cut into exactly
as many pieces as the server says it sampled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from forethought.agents.templates.template import Role

_END = 0
_ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")
_FIRST_ROLE = 1
_FIRST_PIECE = _FIRST_ROLE + len(_ROLES)
_PIECE_BYTES = 4


class PackedTemplate:
    """0 ends a message, 1 to 4 open one of each role, all other ids are pieces of text."""

    stop_ids: frozenset[int] = frozenset({_END})

    def render(self, role: Role, text: str) -> list[int]:
        """The role's id, the pieces, the end."""
        return [_opening(role), *self.encode(text), _END]

    def reply_opening(self) -> list[int]:
        """The assistant's id."""
        return [_opening("assistant")]

    def reply_closing(self, *, stopped: bool) -> list[int]:
        """The end, unless the reply has it."""
        return [] if stopped else [_END]

    def encode(self, text: str) -> list[int]:
        """Pieces of four bytes."""
        data = text.encode("utf-8", "replace")
        return [_pack(data[at : at + _PIECE_BYTES]) for at in range(0, len(data), _PIECE_BYTES)]

    def encode_in(self, text: str, num_pieces: int) -> list[int]:
        """`text` in exactly `num_pieces` pieces of about equal length, empty ones among them.

        Raises ValueError for text in no pieces.
        """
        data = text.encode("utf-8", "replace")
        if num_pieces < 1 and data:
            raise ValueError(f"{len(data)} bytes of text cannot be {num_pieces} pieces")
        cuts = [len(data) * at // max(num_pieces, 1) for at in range(num_pieces + 1)]
        return [_pack(data[begin:end]) for begin, end in pairwise(cuts)]

    def decode(self, ids: list[int]) -> str:
        """Text of the pieces, joined before it is decoded."""
        return _text(ids)

    def messages(self, ids: Sequence[int]) -> list[tuple[Role, str]]:
        """The messages in a prompt; the opening of the reply at its end is none.

        Raises ValueError if the ids are no prompt.
        """
        found: list[tuple[Role, str]] = []
        role: Role | None = None
        pieces: list[int] = []
        for token in ids:
            if _FIRST_ROLE <= token < _FIRST_PIECE and role is None:
                role, pieces = _ROLES[token - _FIRST_ROLE], []
            elif token == _END and role is not None:
                found.append((role, _text(pieces)))
                role = None
            elif token >= _FIRST_PIECE and role is not None:
                pieces.append(token)
            else:
                raise ValueError(f"id {token} is out of place in a prompt of messages")
        if role != "assistant" or pieces:
            raise ValueError("a prompt ends with the opening of an assistant message")
        return found


def _opening(role: Role) -> int:
    return _FIRST_ROLE + _ROLES.index(role)


def _pack(piece: bytes) -> int:
    # The leading 1 keeps zero bytes at the front, and the empty piece, apart.
    return _FIRST_PIECE + int.from_bytes(b"\x01" + piece)


def _text(ids: Iterable[int]) -> str:
    return b"".join(_unpack(token) for token in ids if token >= _FIRST_PIECE).decode(
        "utf-8", "replace"
    )


def _unpack(token: int) -> bytes:
    value = token - _FIRST_PIECE
    return value.to_bytes((value.bit_length() + 7) // 8)[1:]
