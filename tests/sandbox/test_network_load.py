"""Tunnels carry much at once, hold back what is not wanted, and end with the sandbox."""

from __future__ import annotations

import hashlib

import anyio
import anyio.abc
import pytest
from served import GET, LONG, python, run, serving, silent_server, wait_until

from forethought.sandbox import Backend, Sandbox, SandboxSpec, open_sandbox


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
                assert (await sandbox.exec(["echo", "here"], timeout_s=60)).text == "here\n"
        (contact,) = sandbox.contacts
        assert min(contact.num_sent, contact.num_received) > len(LONG)

    with serving() as port:
        run(backend, use, f"127.0.0.1:{port}")


def test_what_a_command_does_not_take_is_not_taken_from_the_place(backend: Backend) -> None:
    code = (
        "import os, time, urllib.request as u\n"
        "answer = u.urlopen('http://127.0.0.1:{PORT}/long')\n"
        "while not os.path.exists('go'): time.sleep(0.02)\n"
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
            await sandbox.write("go", b"")

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
            code = f"import os\nif os.fork(): os.wait()\n{GET.format(url=url)}"
            async with anyio.create_task_group() as group:
                group.start_soon(python, sandbox, code)
                await wait_until(lambda: bool(seen))
                group.cancel_scope.cancel()
            raise LookupError("mine")

    async def session() -> None:
        async with silent_server(seen) as port:
            with pytest.raises(LookupError, match="mine"):
                await fail(port)
            await wait_until(lambda: not seen)

    anyio.run(session)
