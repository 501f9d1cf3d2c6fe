"""A sandbox reaches the places on its list through its controller, and nothing else."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anyio
import pytest

from forethought.sandbox import (
    Backend,
    ExecResult,
    Sandbox,
    SandboxSpec,
    backends,
    open_sandbox,
)

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


def skipped_without_bubblewrap() -> pytest.MarkDecorator:
    (status,) = (status for status in backends() if status.name == "bwrap")
    return pytest.mark.skipif(not status.usable, reason=status.reason)


@pytest.fixture(
    params=[
        pytest.param("docker", marks=pytest.mark.docker),
        pytest.param("bwrap", marks=skipped_without_bubblewrap()),
    ]
)
def backend(request: pytest.FixtureRequest) -> Backend:
    return request.param  # type: ignore[no-any-return]


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


def test_a_listed_place_is_reached_and_the_bytes_are_counted(backend: Backend) -> None:
    async def use(sandbox: Sandbox) -> None:
        result = await python(sandbox, GET.format(url=f"http://127.0.0.1:{port}/path?q=1"))
        assert result.text == "hello from /path?q=1\n"
        (contact,) = sandbox.contacts
        assert (contact.place, contact.outcome) == (f"127.0.0.1:{port}", "reached")
        assert (contact.detail, contact.num_connections) == ("127.0.0.1", 1)
        assert contact.num_sent > 50
        assert contact.num_received > len("hello from /path?q=1")

    with serving() as port:
        run(backend, use, f"127.0.0.1:{port}")


def test_a_tunnel_carries_whatever_a_command_says(backend: Backend) -> None:
    async def use(sandbox: Sandbox) -> None:
        code = (
            "import http.client as h, os\n"
            "c = h.HTTPConnection('127.0.0.1', int(os.environ['https_proxy'].split(':')[2]))\n"
            f"c.set_tunnel('127.0.0.1', {port})\n"
            "for _ in range(3):\n"
            "    c.request('GET', '/x'); print(c.getresponse().read())\n"
        )
        assert (await python(sandbox, code)).text == "b'hello from /x'\n" * 3
        assert [contact.num_connections for contact in sandbox.contacts] == [1]

    with serving() as port:
        run(backend, use, f"127.0.0.1:{port}")


def test_a_place_that_is_not_listed_is_refused_by_a_rule_that_is_named(backend: Backend) -> None:
    async def use(sandbox: Sandbox) -> None:
        connect = b"CONNECT evil.example:443 HTTP/1.1\r\n\r\n"
        said = (await python(sandbox, ASK.format(request=connect))).text
        assert said.startswith("HTTP/1.1 403 Forbidden\r\n")
        reason = "no rule allows evil.example:443; this sandbox may reach listed.example:443"
        assert f"sandbox network: {reason}\n" in said
        other_port = f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode()
        assert " 403 " in (await python(sandbox, ASK.format(request=other_port))).text
        failure = (await python(sandbox, GET.format(url=f"http://127.0.0.1:{port}/"))).text
        assert "Error" in failure
        assert "hello" not in failure
        refused = [(each.place, each.outcome) for each in sandbox.contacts]
        assert refused == [("evil.example:443", "refused"), (f"127.0.0.1:{port}", "refused")]

    with serving() as port:
        run(backend, use, "listed.example:443")


def test_a_name_that_leads_to_this_machine_does_not_open_it(backend: Backend) -> None:
    async def use(sandbox: Sandbox) -> None:
        request = f"CONNECT localhost:{port} HTTP/1.1\r\n\r\n".encode()
        said = (await python(sandbox, ASK.format(request=request))).text
        assert " 403 " in said
        assert "which is not public; list the address" in said
        (contact,) = sandbox.contacts
        assert (contact.outcome, contact.num_received) == ("refused", 0)

    with serving() as port:
        run(backend, use, f"localhost:{port}")


def test_a_place_that_does_not_answer_is_told_apart(backend: Backend) -> None:
    async def use(sandbox: Sandbox) -> None:
        request = f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode()
        said = (await python(sandbox, ASK.format(request=request))).text
        assert said.startswith("HTTP/1.1 502 Bad Gateway\r\n")
        assert [contact.outcome for contact in sandbox.contacts] == ["failed"]

    with serving() as port:
        pass
    run(backend, use, f"127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "400"),
        (b"rubbish\r\n\r\n", "400"),
        (b"GET https://listed.example/ HTTP/1.1\r\n\r\n", "400"),
        (b"CONNECT nothing HTTP/1.1\r\n\r\n", "403"),
        (b"CONNECT 127.1:443 HTTP/1.1\r\n\r\n", "403"),
        (b"CONNECT listed.example:443@evil:443 HTTP/1.1\r\n\r\n", "403"),
        (b"GET http://listed.example@evil.example/ HTTP/1.1\r\n\r\n", "403"),
        (b"x" * 40000, "400"),
    ],
    ids=["no proxy", "rubbish", "scheme", "no port", "odd", "user", "user in URL", "endless"],
)
def test_requests_that_are_none_are_answered(request_: bytes, status: str) -> None:
    async def use(sandbox: Sandbox) -> None:
        said = (await python(sandbox, ASK.format(request=request_))).text
        assert said.startswith(f"HTTP/1.1 {status} ")

    run("bwrap", use, "listed.example:443")


def test_nothing_leaves_but_through_the_proxy(backend: Backend) -> None:
    code = (
        "import socket\n"
        "for kind, place in ((socket.SOCK_DGRAM, ('192.0.2.1', 53)),\n"
        "                    (socket.SOCK_STREAM, ('192.0.2.1', 80))):\n"
        "    s = socket.socket(socket.AF_INET, kind)\n"
        "    try: s.connect(place); s.send(b'x'); print('sent')\n"
        "    except OSError as error: print(error.strerror)\n"
        "try: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP); print('raw')\n"
        "except OSError as error: print(error.strerror)\n"
        "try: print(socket.getaddrinfo('listed.example', 443))\n"
        "except socket.gaierror: print('no name service')\n"
    )

    async def use(sandbox: Sandbox) -> None:
        assert (await python(sandbox, code)).stdout.decode().splitlines() == [
            "Network is unreachable",
            "Network is unreachable",
            "Operation not permitted",
            "no name service",
        ]
        assert sandbox.contacts == ()

    run(backend, use, "listed.example:443")


def test_without_a_list_there_is_no_proxy(backend: Backend) -> None:
    async def use(sandbox: Sandbox) -> None:
        variables = (await sandbox.exec(["env"])).text.lower()
        assert "proxy" not in variables
        assert sandbox.contacts == ()

    run(backend, use)


def test_a_long_body_arrives_whole_both_ways_and_commands_go_on_meanwhile(
    backend: Backend,
) -> None:
    down = (
        "import urllib.request as u, hashlib\n"
        "print(hashlib.sha256(u.urlopen('http://127.0.0.1:%d/long').read()).hexdigest())"
    )
    up = (
        "import urllib.request as u\n"
        "print(u.urlopen('http://127.0.0.1:%d/', bytes(range(256)) * (20 << 12)).read().decode())"
    )
    digest = hashlib.sha256(LONG).hexdigest()

    async def transfer(sandbox: Sandbox, code: str) -> None:
        assert (await python(sandbox, code % port)).text == f"{digest}\n"

    async def use(sandbox: Sandbox) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(transfer, sandbox, down)
            group.start_soon(transfer, sandbox, up)
            for _ in range(20):
                assert (await sandbox.exec(["echo", "here"], timeout_s=10)).text == "here\n"
        (contact,) = sandbox.contacts
        assert min(contact.num_sent, contact.num_received) > len(LONG)

    with serving() as port:
        run(backend, use, f"127.0.0.1:{port}")


def test_what_a_command_does_not_take_is_not_taken_from_the_place(backend: Backend) -> None:
    code = (
        "import urllib.request as u, time\n"
        "answer = u.urlopen('http://127.0.0.1:{PORT}/long'); time.sleep(2)\n"
        "print(len(answer.read()))"
    )

    async def use(sandbox: Sandbox) -> None:
        async def get() -> None:
            result = await python(sandbox, code.replace("{PORT}", str(port)))
            assert result.text == f"{len(LONG)}\n"

        async with anyio.create_task_group() as group:
            group.start_soon(get)
            await wait_until(lambda: bool(sandbox.contacts))
            await anyio.sleep(1)
            # The sandbox's own sockets take up to 10 MB between them.
            assert sandbox.contacts[0].num_received < 15 << 20

    with serving() as port:
        run(backend, use, f"127.0.0.1:{port}")


def test_fifty_connections_at_once(backend: Backend) -> None:
    code = (
        "import threading, urllib.request as u\n"
        "def get(n):\n"
        "    body = u.urlopen(f'http://127.0.0.1:{PORT}/{n}').read()\n"
        "    assert body == f'hello from /{n}'.encode(); good.append(n)\n"
        "good = []\n"
        "threads = [threading.Thread(target=get, args=(n,)) for n in range(50)]\n"
        "for t in threads: t.start()\n"
        "for t in threads: t.join()\n"
        "print(len(good))\n"
    )

    async def use(sandbox: Sandbox) -> None:
        result = await python(sandbox, code.replace("{PORT}", str(port)))
        assert (result.stdout, result.stderr) == (b"50\n", b"")
        assert [contact.num_connections for contact in sandbox.contacts] == [50]

    with serving() as port:
        run(backend, use, f"127.0.0.1:{port}")


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


def test_a_reset_hangs_up(backend: Backend) -> None:
    seen: list[anyio.abc.SocketStream] = []

    async def session() -> None:
        async with silent_server(seen) as port:
            spec = SandboxSpec(network=(f"127.0.0.1:{port}",))
            async with open_sandbox(spec, backend=backend) as sandbox:
                async with anyio.create_task_group() as group:
                    url = f"http://127.0.0.1:{port}/"
                    group.start_soon(python, sandbox, GET.format(url=url))
                    await wait_until(lambda: len(seen) == 1)
                    await sandbox.reset()
                await wait_until(lambda: not seen)
                assert (await sandbox.exec(["echo", "alive"])).text == "alive\n"

    anyio.run(session)


def test_closing_hangs_up_and_what_the_caller_raises_stays_itself(backend: Backend) -> None:
    seen: list[anyio.abc.SocketStream] = []

    async def fail(port: int) -> None:
        spec = SandboxSpec(network=(f"127.0.0.1:{port}",))
        async with open_sandbox(spec, backend=backend) as sandbox:
            url = f"http://127.0.0.1:{port}/"
            with anyio.move_on_after(1):
                await python(sandbox, f"import os\nif os.fork(): os.wait()\n{GET.format(url=url)}")
            raise LookupError("mine")

    async def session() -> None:
        async with silent_server(seen) as port:
            with pytest.raises(LookupError, match="mine"):
                await fail(port)
            await wait_until(lambda: not seen)

    anyio.run(session)


async def wait_until(holds: Callable[[], bool]) -> None:
    with anyio.fail_after(20):
        while not holds():
            await anyio.sleep(0.02)
