"""The controller's end of a sandbox's network: it alone resolves names and dials, by a list.

A sandbox has no network. What its commands ask its proxy for arrives here as steps of tunnels, and
is carried on if the place is allowed. Each tunnel may have WINDOW bytes on their way in each
direction, and not more than one piece waits for the wire, so commands' own requests hardly do.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Sequence

import anyio
import anyio.abc

from forethought.sandbox.base import SandboxUnavailable
from forethought.sandbox.network.allowed import Allowed, Refusal
from forethought.sandbox.network.contacts import Contact, Record
from forethought.sandbox.wire.exchange import Exchange
from forethought.sandbox.wire.frames import PIECE, WINDOW, Flow

DIAL_S = 20.0
FORBIDDEN, BAD_GATEWAY, GATEWAY_TIMEOUT = 403, 502, 504


class _Tunnel:
    """One connection of a command, and what is on its way to the place."""

    def __init__(self, number: int, place: str) -> None:
        self.number = number
        self.place = place
        self.address = ""
        self.scope = anyio.CancelScope()
        self._credit = WINDOW
        self._pieces: deque[bytes] = deque()
        self._is_ended = False
        self._news = anyio.Event()

    def take(self, flow: Flow) -> None:
        """A step from the sandbox."""
        if flow.kind == "data":
            self._pieces.append(flow.body)
        elif flow.kind == "credit":
            self._credit += flow.number
        elif flow.kind == "end":
            self._is_ended = True
        is_too_much = sum(map(len, self._pieces)) > WINDOW or self._credit > WINDOW
        if flow.kind == "drop" or is_too_much:
            self.scope.cancel()
        self._news.set()

    async def next_piece(self) -> bytes | None:
        """What a command sent; None at its end."""
        while not self._pieces:
            if self._is_ended:
                return None
            await self._wait()
        return self._pieces.popleft()

    async def room(self) -> int:
        """How much the sandbox will take, at least one byte."""
        while not self._credit:
            await self._wait()
        return min(PIECE, self._credit)

    def spend(self, num_bytes: int) -> None:
        """Take note of what is on its way to the sandbox."""
        self._credit -= num_bytes

    async def _wait(self) -> None:
        self._news = anyio.Event()
        await self._news.wait()


class Dialer:
    """The tunnels of one sandbox. Raises ValueError for a rule that is none."""

    def __init__(self, rules: Sequence[str], *, exchange: Exchange) -> None:
        self._allowed = Allowed(rules)
        self._exchange = exchange
        self._tunnels: dict[int, _Tunnel] = {}
        self._record = Record()
        self._turn = anyio.Lock()

    @property
    def contacts(self) -> Sequence[Contact]:
        """What was reached and what was refused so far."""
        return self._record.contacts

    async def run(self) -> None:
        """Carry tunnels until cancelled, or until the sandbox is gone."""
        try:
            async with anyio.create_task_group() as group:

                def take(flow: Flow) -> None:
                    if flow.kind == "open":
                        tunnel = _Tunnel(flow.tunnel, flow.text)
                        self._tunnels[tunnel.number] = tunnel
                        group.start_soon(self._carry, tunnel)
                    elif flow.tunnel in self._tunnels:
                        self._tunnels[flow.tunnel].take(flow)

                await self._exchange.listen(take)
        except* SandboxUnavailable:
            # Whoever uses the sandbox is told by the next request.
            pass

    async def _carry(self, tunnel: _Tunnel) -> None:
        try:
            with tunnel.scope:
                stream = await self._dial(tunnel)
                if stream is not None:
                    async with stream:
                        await self._join(tunnel, stream)
        finally:
            del self._tunnels[tunnel.number]

    async def _dial(self, tunnel: _Tunnel) -> anyio.abc.SocketStream | None:
        """A stream to the place; None once the sandbox was told why there is none."""
        try:
            with anyio.fail_after(DIAL_S):
                stream = await self._connect(tunnel)
        except Refusal as refusal:
            self._record.add(tunnel.place, "refused", str(refusal), connections=1)
            await self._refuse(tunnel, FORBIDDEN, str(refusal))
        except TimeoutError:
            await self._fail(tunnel, GATEWAY_TIMEOUT, f"no answer within {DIAL_S:.0f} s")
        except OSError as error:
            await self._fail(tunnel, BAD_GATEWAY, error.strerror or str(error))
        else:
            self._count(tunnel, connections=1)
            await self._exchange.tell(Flow(tunnel.number, "opened"))
            return stream
        return None

    async def _connect(self, tunnel: _Tunnel) -> anyio.abc.SocketStream:
        host, port = self._allowed.find(tunnel.place)
        found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        resolved = list(dict.fromkeys(str(address[0]) for *_, address in found))
        # What was checked is what is dialled: a second look-up could say something else.
        may = self._allowed.addresses(host, port, resolved=resolved)
        for tunnel.address in may[:-1]:
            try:
                return await anyio.connect_tcp(tunnel.address, port)
            except OSError:
                continue
        tunnel.address = may[-1]
        return await anyio.connect_tcp(tunnel.address, port)

    async def _fail(self, tunnel: _Tunnel, status: int, why: str) -> None:
        self._record.add(tunnel.place, "failed", why, connections=1)
        await self._refuse(tunnel, status, f"{tunnel.place} cannot be reached: {why}")

    async def _refuse(self, tunnel: _Tunnel, status: int, why: str) -> None:
        await self._exchange.tell(Flow(tunnel.number, "refused", text=why, number=status))

    async def _join(self, tunnel: _Tunnel, stream: anyio.abc.SocketStream) -> None:
        """Carry both directions to their ends; a broken one ends both."""
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._outwards, tunnel, stream)
                await self._inwards(tunnel, stream)
        except* (anyio.BrokenResourceError, OSError) as group_of_errors:
            if group_of_errors.subgroup(SandboxUnavailable) is not None:
                raise
            await self._exchange.tell(Flow(tunnel.number, "drop"))

    async def _outwards(self, tunnel: _Tunnel, stream: anyio.abc.SocketStream) -> None:
        while (piece := await tunnel.next_piece()) is not None:
            await stream.send(piece)
            self._count(tunnel, sent=len(piece))
            await self._exchange.tell(Flow(tunnel.number, "credit", number=len(piece)))
        await stream.send_eof()

    async def _inwards(self, tunnel: _Tunnel, stream: anyio.abc.SocketStream) -> None:
        while True:
            room = await tunnel.room()
            try:
                piece = await stream.receive(room)
            except anyio.EndOfStream:
                break
            tunnel.spend(len(piece))
            self._count(tunnel, received=len(piece))
            async with self._turn:
                await self._exchange.tell(Flow(tunnel.number, "data", body=piece))
        await self._exchange.tell(Flow(tunnel.number, "end"))

    def _count(
        self, tunnel: _Tunnel, *, connections: int = 0, sent: int = 0, received: int = 0
    ) -> None:
        self._record.add(
            tunnel.place,
            "reached",
            tunnel.address,
            connections=connections,
            sent=sent,
            received=received,
        )
