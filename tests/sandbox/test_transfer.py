"""A fork makes all sandboxes or none, and a stream that is given up disturbs no other request."""

from __future__ import annotations

import anyio
import pytest
from lending import agents

from forethought.sandbox import SandboxUnavailable
from forethought.sandbox.backend.local import LocalSandbox


class Flaky(LocalSandbox):
    """Its second twin cannot be had; the first can, before that shows."""

    num_twins = 0

    async def _open_twin(self) -> LocalSandbox:
        Flaky.num_twins += 1
        if Flaky.num_twins == 2:
            await anyio.sleep(1)
            raise SandboxUnavailable("no second one")
        return await super()._open_twin()


def test_when_one_cannot_be_opened_the_others_are_closed() -> None:
    async def scene() -> None:
        sandbox = await Flaky.open()
        before = agents()
        await sandbox.write("a", b"1")
        with pytest.raises(SandboxUnavailable, match="no second one"):
            await sandbox.fork(3)
        assert agents() <= before
        assert await sandbox.read("a") == b"1"
        await sandbox.close()

    anyio.run(scene)


def test_a_stream_that_is_given_up_ends_and_others_go_on() -> None:
    async def scene() -> None:
        sandbox = await LocalSandbox.open()
        await sandbox.exec(["sh", "-c", "head -c 5000000 /dev/zero > big"])
        for _ in range(3):
            async with sandbox.stream("snapshot") as stream:
                assert (await stream.swap(limit=1 << 30)).more
                assert (await sandbox.exec(["echo", "beside"])).text == "beside\n"
        with anyio.move_on_after(0.001):
            await sandbox.snapshot()
        children = "ps -o args= --ppid $(ps -o ppid= $PPID) | wc -l"
        with anyio.fail_after(60):
            while int((await sandbox.exec(["sh", "-c", children])).text) > 3:
                await anyio.sleep(0.05)
        assert len(await sandbox.snapshot()) > 5_000_000
        await sandbox.close()

    anyio.run(scene)


def test_a_reset_ends_a_stream() -> None:
    async def scene() -> None:
        sandbox = await LocalSandbox.open()
        await sandbox.exec(["sh", "-c", "head -c 5000000 /dev/zero > big"])
        async with sandbox.stream("snapshot") as stream:
            assert (await stream.swap(limit=1 << 30)).more
            await sandbox.reset()
            with pytest.raises(OSError, match="snapshot: what it goes on with has ended"):
                await stream.swap()
        assert len(await sandbox.snapshot()) == 1024
        await sandbox.close()

    anyio.run(scene)
