"""A sandbox reaches the places on its list through its controller, and nothing else."""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack

import anyio
import pytest
from served import ASK, GET, python, run, serving

from forethought.sandbox import Backend, Sandbox, SandboxSpec, open_sandbox


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

    # A port that somebody has and nobody listens at: a free one might be another's by then.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
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


def test_it_may_be_opened_in_one_task_and_closed_in_another(backend: Backend) -> None:
    async def scene(port: int) -> None:
        stack = AsyncExitStack()
        opened: list[Sandbox] = []

        async def begin() -> None:
            spec = SandboxSpec(network=(f"127.0.0.1:{port}",))
            opened.append(await stack.enter_async_context(open_sandbox(spec, backend=backend)))

        async with anyio.create_task_group() as group:
            group.start_soon(begin)
        shown = await python(opened[0], GET.format(url=f"http://127.0.0.1:{port}/x"))
        assert "hello from /x" in shown.text
        async with anyio.create_task_group() as group:
            group.start_soon(stack.aclose)

    with serving() as port:
        anyio.run(scene, port)
