"""A small web on this machine: every search provider and pages that misbehave, for the tests."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

Reply = tuple[int, dict[str, str], bytes]

FOUND = [
    ("Oslo", "https://example.org/oslo", "Oslo is the capital of <b>Norway</b> &amp; a city."),
    ("Bergen", "https://spoilers.test/bergen", "Bergen lies in the west."),
]


@dataclass
class Request:
    """What a client asked."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: dict[str, object]


@dataclass
class Web:
    """Answers in order, the last one over and over; `hang` answers never."""

    host: str = ""
    url: str = ""
    replies: list[Reply] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    """Set at the end, for those that still wait."""

    def next_reply(self) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


HANG: Reply = (0, {}, b"")
TRUNCATED = "x-truncated"
"""A header with which a reply promises more than it gives."""


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass


@contextmanager
def web() -> Iterator[Web]:
    """Serve until the block ends."""
    state = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def answer(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = json.loads(self.rfile.read(length) or b"{}")
            parts = urlsplit(self.path)
            params = {name: values[0] for name, values in parse_qs(parts.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            state.requests.append(Request(self.command, parts.path, params, headers, body))
            status, fields, data = state.next_reply()
            if status == 0:
                state.released.wait(30)
                return
            self.send_response(status)
            length = len(data) + 100 * (TRUNCATED in fields)
            for name, value in {"content-length": str(length), **fields}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with _Quiet(("127.0.0.1", 0), Handler) as listening:
        state.host = f"127.0.0.1:{listening.server_port}"
        state.url = f"http://{state.host}"
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield state
        finally:
            state.released.set()
            listening.shutdown()
            thread.join()


@contextmanager
def nobody() -> Iterator[Web]:
    """An address at which nobody listens, nor anybody else will before the block ends."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{bound.getsockname()[1]}"
        yield Web(host=host, url=f"http://{host}")


def page(text: str, *, kind: str = "text/html; charset=utf-8", **fields: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    return 200, {"content-type": kind, **named}, text.encode()


def answer(provider: str, found: list[tuple[str, str, str]] = FOUND) -> Reply:
    """What a provider says when it found this: the documented fields, and some that we ignore."""
    return 200, {"content-type": "application/json"}, json.dumps(_BODIES[provider](found)).encode()


def _searxng(found: list[tuple[str, str, str]]) -> object:
    results = [
        {"title": t, "url": u, "content": s, "engine": "x", "score": 1.0} for t, u, s in found
    ]
    return {"query": "q", "number_of_results": 0, "results": results, "unresponsive_engines": []}


def _brave(found: list[tuple[str, str, str]]) -> object:
    results = [{"title": t, "url": u, "description": s, "age": "x"} for t, u, s in found]
    web = {"web": {"type": "search", "results": results}} if results else {}
    return {"type": "search", "query": {"original": "q"}, **web}


def _tavily(found: list[tuple[str, str, str]]) -> object:
    results = [
        {"title": t, "url": u, "content": s, "score": 0.9, "raw_content": None} for t, u, s in found
    ]
    return {"query": "q", "answer": None, "images": [], "results": results, "response_time": 1.0}


def _exa(found: list[tuple[str, str, str]]) -> object:
    results = [{"title": t, "url": u, "id": u, "highlights": [s]} for t, u, s in found]
    return {"requestId": "x", "results": results, "costDollars": {"total": 0.005}}


def _serper(found: list[tuple[str, str, str]]) -> object:
    organic = [
        {"title": t, "link": u, "snippet": s, "position": n} for n, (t, u, s) in enumerate(found, 1)
    ]
    return {"searchParameters": {"q": "q"}, "organic": organic, "credits": 1}


_BODIES = {
    "searxng": _searxng,
    "brave": _brave,
    "tavily": _tavily,
    "exa": _exa,
    "serper": _serper,
}
