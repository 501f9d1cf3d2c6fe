"""Replies reach whom they are for, whoever reads them and whoever leaves early."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable

import anyio
import pytest

from forethought.sandbox import SandboxUnavailable
from forethought.sandbox.wire.exchange import Exchange
from forethought.sandbox.wire.frames import Reply, Request, Unpacker, pack
from forethought.sandbox.wire.stream import MULTIPLEX, MultiplexedWire, Wire


class Peer:
    """The other end, played by hand."""

    def __init__(self, connection: socket.socket) -> None:
        self.wire = Wire(connection)
        self._unpacker = Unpacker()
        self._requests: list[Request] = []

    async def next_request(self) -> Request:
        while not self._requests:
            data = await self.wire.receive()
            self._requests += [Request.parse(*frame) for frame in self._unpacker.feed(data)]
        return self._requests.pop(0)

    async def answer(self, number: int) -> None:
        await self.wire.send(pack(Reply(number, body=f"to {number}".encode())))


def play(script: Callable[[Exchange, Peer], Awaitable[None]]) -> None:
    async def run() -> None:
        near, far = socket.socketpair()
        exchange, peer = Exchange(Wire(near)), Peer(far)
        with anyio.fail_after(5):
            await script(exchange, peer)
        exchange.broken("the test is over")
        peer.wire.close()

    anyio.run(run)


def test_replies_out_of_order_reach_their_callers() -> None:
    seen: list[tuple[int, bytes]] = []

    async def ask(exchange: Exchange, number: int) -> None:
        reply = await exchange.request(Request(number, "exec"), within_s=5)
        seen.append((number, reply.body))

    async def script(exchange: Exchange, peer: Peer) -> None:
        async with anyio.create_task_group() as group:
            for number in (1, 2, 3):
                group.start_soon(ask, exchange, number)
                await peer.next_request()
            for number in (3, 1, 2):
                await peer.answer(number)
                while number not in dict(seen):
                    await anyio.sleep(0)

    play(script)
    assert seen == [(3, b"to 3"), (1, b"to 1"), (2, b"to 2")]


def test_a_cancelled_reader_hands_on_and_its_command_is_cancelled() -> None:
    seen: list[bytes] = []

    async def ask(exchange: Exchange, number: int) -> None:
        seen.append((await exchange.request(Request(number, "exec"), within_s=5)).body)

    async def script(exchange: Exchange, peer: Peer) -> None:
        async with anyio.create_task_group() as group:
            async with anyio.create_task_group() as doomed:
                doomed.start_soon(ask, exchange, 1)
                await peer.next_request()
                group.start_soon(ask, exchange, 2)
                await peer.next_request()
                doomed.cancel_scope.cancel()
            cancel = await peer.next_request()
            assert (cancel.kind, cancel.limit) == ("cancel", 1)
            await peer.answer(1)
            await peer.answer(2)

    play(script)
    assert seen == [b"to 2"]


def test_the_peer_s_end_is_told_to_everyone_who_waits() -> None:
    errors: list[str] = []

    async def ask(exchange: Exchange, number: int) -> None:
        with pytest.raises(SandboxUnavailable) as caught:
            await exchange.request(Request(number, "exec"), within_s=5)
        errors.append(str(caught.value))

    async def script(exchange: Exchange, peer: Peer) -> None:
        async with anyio.create_task_group() as group:
            for number in (1, 2):
                group.start_soon(ask, exchange, number)
                await peer.next_request()
            peer.wire.close()
        await ask(exchange, 3)

    play(script)
    assert errors == ["the sandbox is gone: its agent has ended; open another one"] * 3


def test_silence_is_an_error_and_breaks_the_exchange() -> None:
    async def script(exchange: Exchange, peer: Peer) -> None:
        with pytest.raises(SandboxUnavailable, match="it did not answer within 0 s"):
            await exchange.request(Request(1, "exec"), within_s=0.05)
        with pytest.raises(SandboxUnavailable, match="it did not answer within 0 s"):
            await exchange.request(Request(2, "exec"), within_s=5)

    play(script)


def test_a_container_s_stream_is_taken_apart_byte_by_byte() -> None:
    async def run() -> bytes:
        near, far = socket.socketpair()
        wire = MultiplexedWire(near)
        pieces = ((1, b"one "), (2, b"Traceback"), (1, b""), (1, b"two"))
        stream = b"".join(MULTIPLEX.pack(kind, len(data)) + data for kind, data in pieces)
        output = b""
        for byte in stream:
            far.send(bytes([byte]))
            with anyio.move_on_after(0.001):
                output += await wire.receive()
        far.close()
        assert await wire.receive() == b""
        assert wire.complaint() == "Traceback"
        wire.close()
        return output

    assert anyio.run(run) == b"one two"
