"""Servers on this machine's loopback, and sandboxes that may reach them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anyio

from forethought.sandbox import Backend, ExecResult, Sandbox, SandboxSpec, open_sandbox

LONG = bytes(range(256)) * (20 << 12)
"""20 MiB."""


class Answers(BaseHTTPRequestHandler):
    """Serves /long, echoes what is posted, and says hello elsewhere."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer(LONG if self.path == "/long" else b"hello from " + self.path.encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(hashlib.sha256(body).hexdigest().encode())

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


@contextmanager
def serving() -> Iterator[int]:
    """The port of a server on the controller's loopback."""
    server = Server(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


Use = Callable[[Sandbox], Awaitable[None]]


def run(backend: Backend, use: Use, *network: str) -> None:
    async def session() -> None:
        # Fifty threads have much address space, which is what bubblewrap's limit is about.
        spec = SandboxSpec(network=network, memory_mb=4096)
        async with open_sandbox(spec, backend=backend) as sandbox:
            await use(sandbox)

    anyio.run(session)


async def python(sandbox: Sandbox, code: str, *, timeout_s: float = 60.0) -> ExecResult:
    return await sandbox.exec(["python3", "-c", code], timeout_s=timeout_s)


GET = "import urllib.request as u; print(u.urlopen({url!r}).read().decode())"
ASK = """
import socket, os
proxy = os.environ["http_proxy"].rpartition(":")[2]
s = socket.create_connection(("127.0.0.1", int(proxy)))
s.sendall({request!r})
s.shutdown(socket.SHUT_WR)
out = b""
while data := s.recv(65536):
    out += data
print(out.decode())
"""


@asynccontextmanager
async def silent_server(seen: list[anyio.abc.SocketStream]) -> AsyncIterator[int]:
    """A port where connections are kept, and never answered."""

    async def keep(stream: anyio.abc.SocketStream) -> None:
        seen.append(stream)
        async with stream:
            async for _ in stream:
                pass
        seen.remove(stream)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as group:
        group.start_soon(partial(listener.serve, keep))
        yield listener.extra(anyio.abc.SocketAttribute.local_port)
        group.cancel_scope.cancel()


async def wait_until(holds: Callable[[], bool]) -> None:
    with anyio.fail_after(60):
        while not holds():
            await anyio.sleep(0.02)
