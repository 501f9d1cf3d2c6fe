"""An engine with a trouble of its own is asked again, and stands in nobody's way meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import docker
import pytest
from left import wait_until

from forethought.sandbox.backend import removal

WATCHED = """
import sys
from forethought.sandbox.backend.watchdog import watch
watch(sys.argv[1], label="forethought.owner=me")
"""


@dataclass
class Engine:
    """Has one container, and answers with these statuses before it does what it is asked for."""

    troubles: list[int]
    has_container: bool = True
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, method: str) -> tuple[int, object]:
        self.asked.append(method)
        if self.troubles:
            return self.troubles.pop(0), {"message": "a disk is full"}
        if method == "GET":
            return 200, [{"Id": "one"}] if self.has_container else []
        found, self.has_container = self.has_container, False
        return (204, None) if found else (404, {"message": "no such container"})


@contextmanager
def serving(*troubles: int) -> Iterator[Engine]:
    engine = Engine([*troubles])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = engine.answer(self.command)
            body = b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_DELETE = do_GET

        def log_message(self, format: str, *arguments: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        engine.url = f"tcp://127.0.0.1:{server.server_port}"
        try:
            yield engine
        finally:
            server.shutdown()


def test_a_watchdog_goes_on_where_the_engine_cannot_say_what_is_left() -> None:
    with serving(500, 503) as engine:
        subprocess.run([sys.executable, "-c", WATCHED, engine.url], check=True)
        wait_until(lambda: not engine.has_container)
    assert engine.asked[:4] == ["GET", "GET", "GET", "DELETE"]


def test_what_an_engine_cannot_remove_stays_owed_and_keeps_nobody_from_a_sandbox(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(500) as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.url)
        client = docker.APIClient(base_url=engine.url, version="1.41")
        removal.owe("one")
        removal.settle(client)
        assert engine.has_container
        removal.settle(client)
        assert not engine.has_container
        removal.settle(client)
        client.close()
    assert engine.asked == ["DELETE", "DELETE"]
