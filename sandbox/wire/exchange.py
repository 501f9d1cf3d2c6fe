"""Concurrent requests over one wire, each answered by the reply with its number.

There is no reader task to own: whoever waits for a reply reads for all, and hands the reading on to
another waiter when its own reply is in. So a sandbox may be opened in one task and closed in
another.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio

from forethought.sandbox.base import SandboxUnavailable
from forethought.sandbox.wire.frames import COMMANDS, Flow, Reply, Request, Unpacker, is_flow, pack
from forethought.sandbox.wire.stream import Wire

SEND_S = 60.0
LISTENER = 0
"""The number that no request has."""


class _Waiter:
    def __init__(self) -> None:
        self.reply: Reply | None = None
        self.turn = anyio.Event()


class Exchange:
    """Requests out, replies in. Once broken it stays so."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._unpacker = Unpacker()
        self._waiters: dict[int, _Waiter] = {}
        self._sending = anyio.Lock()
        self._is_reading = False
        self._broken: str | None = None
        self._take: Callable[[Flow], None] | None = None

    async def request(self, request: Request, *, within_s: float) -> Reply:
        """The reply to `request`; cancelling this cancels the work. Raises SandboxUnavailable."""
        waiter = self._waiters[request.id] = _Waiter()
        try:
            with anyio.fail_after(within_s):
                await self._send(request)
                return await self._reply(waiter)
        except TimeoutError:
            raise self.broken(f"it did not answer within {within_s:.0f} s") from None
        finally:
            del self._waiters[request.id]
            if not self._is_reading:
                self._hand_on()
            if waiter.reply is None and self._broken is None:
                await self._cancel(request)

    async def tell(self, flow: Flow) -> None:
        """Send a step of a tunnel. Raises SandboxUnavailable."""
        await self._send(flow)

    async def listen(self, take: Callable[[Flow], None]) -> None:
        """Until cancelled, hand on steps of tunnels as they come. Raises SandboxUnavailable.

        Where there are tunnels somebody has to read though nobody waits for a reply; this waits for
        one that never comes.
        """
        self._take = take
        waiter = self._waiters[LISTENER] = _Waiter()
        try:
            await self._reply(waiter)
        finally:
            self._take = None
            del self._waiters[LISTENER]
            if not self._is_reading:
                self._hand_on()

    def broken(self, why: str) -> SandboxUnavailable:
        """Mark the sandbox as gone, wake whoever waits for it; the error to raise."""
        if self._broken is None:
            self._broken = why
            self._wire.close()
        for waiter in self._waiters.values():
            waiter.turn.set()
        return SandboxUnavailable(f"the sandbox is gone: {self._broken}; open another one")

    async def _send(self, message: Request | Flow) -> None:
        if self._broken is not None:
            raise self.broken(self._broken)
        # Half a frame would make nonsense of all that follow, so no cancellation gets in between.
        with anyio.move_on_after(SEND_S, shield=True) as scope:
            async with self._sending:
                try:
                    await self._wire.send(self._encode(message))
                except OSError as error:
                    raise self.broken(error.strerror or str(error)) from error
        if scope.cancelled_caught:
            raise self.broken(f"it took no input for {SEND_S:.0f} s")

    def _encode(self, message: Request | Flow) -> bytes:
        return pack(message)

    async def give_up(self, number: int) -> None:
        """Say that nobody waits any more for what a request asked for."""
        if self._broken is None:
            await self._send(Request(0, "cancel", limit=number))

    async def _cancel(self, request: Request) -> None:
        if request.kind in COMMANDS:
            await self.give_up(request.id)

    async def _reply(self, waiter: _Waiter) -> Reply:
        while waiter.reply is None:
            if self._broken is not None:
                raise self.broken(self._broken)
            if self._is_reading:
                await waiter.turn.wait()
                waiter.turn = anyio.Event()
            else:
                await self._read_until(waiter)
        return waiter.reply

    async def _read_until(self, waiter: _Waiter) -> None:
        self._is_reading = True
        try:
            while waiter.reply is None:
                try:
                    data = await self._wire.receive()
                except OSError as error:
                    raise self.broken(error.strerror or str(error)) from error
                if not data:
                    raise self.broken(self._wire.complaint() or "its agent has ended")
                self._deliver(data)
        finally:
            self._is_reading = False

    def _deliver(self, data: bytes) -> None:
        for head, body in self._unpacker.feed(data):
            if is_flow(head):
                if self._take is not None:
                    self._take(Flow.parse(head, body))
                continue
            reply = Reply.parse(head, body)
            waiter = self._waiters.get(reply.id)
            if waiter is not None:
                waiter.reply = reply
                waiter.turn.set()

    def _hand_on(self) -> None:
        for waiter in self._waiters.values():
            if waiter.reply is None:
                waiter.turn.set()
                return
