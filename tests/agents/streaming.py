"""A real server that streams byte for byte what it is told, and knows when it is hung up on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
from anyio.abc import ByteStream, SocketAttribute, SocketStream

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nconnection: close\r\n"
Play = Callable[["Stage", SocketStream], Awaitable[None]]


@dataclass
class Stage:
    """What the server was asked, and what became of it."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    began: anyio.Event = field(default_factory=anyio.Event)
    """Set by a play when it has sent what it wanted to send."""
    hung_up: anyio.Event = field(default_factory=anyio.Event)
    """Set when the client closed the connection of a play that waits."""


@asynccontextmanager
async def streaming(play: Play) -> AsyncIterator[Stage]:
    """Serve until the block ends; `play` answers every request that was read whole."""
    stage = Stage()

    async def serve(stream: SocketStream) -> None:
        async with stream:
            stage.requests.append(await _request(stream))
            await play(stage, stream)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    stage.url = f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}/v1"
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        yield stage
        group.cancel_scope.cancel()


def says(*pieces: bytes) -> Play:
    """Send the head of an answer and these pieces, then close."""

    async def play(stage: Stage, stream: SocketStream) -> None:
        await stream.send(HEAD + b"\r\n")
        for piece in pieces:
            await stream.send(piece)

    return play


def says_and_waits(*pieces: bytes) -> Play:
    """Send these pieces, then sample for ever, until the client hangs up."""

    async def play(stage: Stage, stream: SocketStream) -> None:
        await says(*pieces)(stage, stream)
        stage.began.set()
        try:
            await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            stage.hung_up.set()

    return play


def event(delta: dict[str, Any], *, finish: str | None = None) -> bytes:
    """One chunk of a chat completion."""
    return _data({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def usage(num_tokens: int) -> bytes:
    """The chunk that counts."""
    return _data({"choices": [], "usage": {"completion_tokens": num_tokens}})


def _data(chunk: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode()


async def _request(stream: ByteStream) -> dict[str, Any]:
    data = b""
    while b"\r\n\r\n" not in data:
        data += await stream.receive()
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while len(body) < int(lengths[0].partition(b":")[2]):
        body += await stream.receive()
    found: dict[str, Any] = json.loads(body)
    return found


ROLE = event({"role": "assistant", "content": ""})
DONE = b"data: [DONE]\n\n"
