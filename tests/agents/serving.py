"""A real HTTP server on this machine that answers as it is told, for the tests of engines."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anyio
from desk import Desk

from forethought.agents.budget import Limits
from forethought.agents.engines.client import Patience
from forethought.agents.engines.engine import Engine
from forethought.agents.loop import run_episode
from forethought.agents.record.log import EventLog
from forethought.agents.record.trajectory import Trajectory

QUICK = Patience(tries=3, base_s=0.001, timeout_s=60.0)
Reply = tuple[int, dict[str, str], str]


@dataclass
class Server:
    """Answers requests with prepared replies, the last one over and over."""

    url: str = ""
    replies: list[Reply] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    hook: Callable[[], None] = lambda: None

    def next_reply(self) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


class QuietServer(ThreadingHTTPServer):
    """Says nothing when a client hangs up on it."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Server]:
    """Serve until the block ends."""
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            state.requests.append(json.loads(self.rfile.read(length)))
            state.paths.append(self.path)
            state.headers.append(dict(self.headers))
            state.hook()
            status, headers, body = state.next_reply()
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body.encode()))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with QuietServer(("127.0.0.1", 0), Handler) as listening:
        state.url = f"http://127.0.0.1:{listening.server_port}/v1"
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield state
        listening.shutdown()
        thread.join()


@contextmanager
def nobody() -> Iterator[str]:
    """An address at which nobody listens, nor anybody else will before the block ends."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/v1"


def chat(text: str | None, *, tokens: int | None = None, **more: object) -> Reply:
    choice = {"message": {"role": "assistant", "content": text, **more}, "finish_reason": "stop"}
    usage = {} if tokens is None else {"usage": {"completion_tokens": tokens}}
    return 200, {}, json.dumps({"id": "x", "choices": [choice], **usage})


def play_over_http(engine: Engine, limits: Limits) -> Trajectory:
    async def main() -> Trajectory:
        with EventLog(None) as log:
            found = await run_episode(Desk(), engine, id="e", log=log, limits=limits)
        await engine.aclose()
        return found

    return anyio.run(main)
