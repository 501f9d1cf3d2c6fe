"""Files on their way between sandboxes, a piece at a time; nothing is unpacked here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Protocol, Self

import anyio

from forethought.sandbox.base import Sandbox, SandboxFileError
from forethought.sandbox.together import together
from forethought.sandbox.wire.exchange import Exchange
from forethought.sandbox.wire.frames import Reply, Request

ANSWER_S = 60.0


class Stream:
    """A snapshot in transit, as a context: what ends early is given up on both sides."""

    def __init__(self, exchange: Exchange, numbers: Iterator[int], kind: str) -> None:
        self._exchange = exchange
        self._numbers = numbers
        self._kind = kind
        self._id: int | None = None
        self._is_open = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._is_open and self._id is not None:
            await self._exchange.give_up(self._id)

    async def swap(self, body: bytes = b"", *, limit: int = 0, more: bool = False) -> Reply:
        """Send a piece, or ask for one; `more` says that others follow this one.

        Raises SandboxFileError, SandboxUnavailable.
        """
        number = next(self._numbers)
        if self._id is None:
            self._id = number
            request = Request(number, self._kind, limit=limit, more=more, body=body)
        else:
            request = Request(number, "more", limit=self._id, more=more, body=body)
        self._is_open = True
        reply = await self._exchange.request(request, within_s=ANSWER_S)
        self._is_open = reply.more
        if reply.error is not None:
            raise SandboxFileError(f"cannot {self._verb}: {reply.error}")
        return reply

    @property
    def _verb(self) -> str:
        return "make a snapshot" if self._kind == "snapshot" else self._kind


class Streaming(Sandbox, Protocol):
    """A sandbox whose files can be had a piece at a time."""

    def stream(self, kind: str) -> Stream:
        """A snapshot on its way out ("snapshot") or in ("restore")."""
        ...


@asynccontextmanager
async def closed_on_failure(sandboxes: Sequence[Sandbox]) -> AsyncIterator[None]:
    """Close them, those that are added meanwhile too, if anything goes wrong."""
    try:
        yield
    except BaseException:
        with anyio.CancelScope(shield=True):
            await together([sandbox.close for sandbox in sandboxes])
        raise


async def copy(source: Streaming, targets: Sequence[Streaming], *, max_bytes: int) -> None:
    """Give the targets, instead of their own files, those of the source.

    One piece is read while the one before is written to all, so the slowest sets the pace.
    """
    async with AsyncExitStack() as stack:
        outgoing = await stack.enter_async_context(source.stream("snapshot"))
        incoming = [await stack.enter_async_context(each.stream("restore")) for each in targets]
        piece = await outgoing.swap(limit=max_bytes)
        while piece.more:
            next_one = [partial(outgoing.swap)]
            writes = [partial(each.swap, piece.body, more=True) for each in incoming]
            *_, piece = await together(writes + next_one)
        await together([partial(each.swap, piece.body) for each in incoming])
