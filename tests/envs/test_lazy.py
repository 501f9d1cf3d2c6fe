"""A sandbox that is opened at its first use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from errand import Errand

from forethought.envs.calls import render_call
from forethought.envs.lazy import LazySandbox
from forethought.sandbox import (
    Sandbox,
    SandboxFileError,
    SandboxUnavailable,
    open_sandbox,
)


def test_a_sandbox_is_opened_at_its_first_use_once_and_closed_with_the_episode() -> None:
    env = Errand()
    env.reset(seed=0)
    env.step(render_call("ring", {}) + render_call("plan", {"items": ["wait"]}))
    assert env.opened == []
    env.step(render_call("write_file", {"path": "hello.txt", "text": "hello"}))
    assert env.step(render_call("read_file", {"path": "hello.txt"}))[0] == "hello"
    assert env.opened == ["open"]
    env.close()
    env.close()
    assert env.opened == ["open", "closed"]


def test_an_episode_that_uses_no_sandbox_opens_none() -> None:
    env = Errand()
    env.reset(seed=0)
    missing = env.step(render_call("read_file", {"path": "hello.txt"}))[0]
    assert missing == "read_file: hello.txt: no such file"
    env.close()
    assert env.opened == []


def test_a_new_episode_gets_a_new_sandbox() -> None:
    env = Errand()
    env.reset(seed=0)
    env.step(render_call("write_file", {"path": "hello.txt", "text": "hello"}))
    env.reset(seed=1)
    assert "no such file" in env.step(render_call("read_file", {"path": "hello.txt"}))[0]
    env.close()
    assert env.opened == ["open", "closed"]


def test_calls_that_first_use_a_sandbox_together_open_one() -> None:
    env = Errand()

    async def scene() -> None:
        await env.areset(seed=0)
        sandbox = env.context.sandbox
        assert sandbox is not None
        async with anyio.create_task_group() as group:
            for name in "abcd":
                group.start_soon(sandbox.write, name, name.encode())
        assert [await sandbox.read(name) for name in "abcd"] == [b"a", b"b", b"c", b"d"]
        await env.aclose()

    anyio.run(scene)
    assert env.opened == ["open", "closed"]


def test_a_sandbox_that_dies_is_no_mistake_of_the_agent() -> None:
    class Gone(Errand):
        """Its sandbox cannot be had."""

        @asynccontextmanager
        async def _counted(self) -> AsyncIterator[Sandbox]:
            raise SandboxUnavailable("the engine is down")
            yield

    env = Gone()
    env.reset(seed=0)
    with pytest.raises(SandboxUnavailable, match="the engine is down"):
        env.step(render_call("python", {"code": "1"}))
    env.close()


def test_a_closed_episodes_sandbox_stays_closed() -> None:
    async def scene() -> None:
        sandbox = LazySandbox(lambda: open_sandbox(backend="local"))
        await sandbox.write("a", b"a")
        assert sandbox.is_open
        await sandbox.close()
        assert not sandbox.is_open
        with pytest.raises(SandboxUnavailable, match="the episode has ended"):
            await sandbox.exec(["true"])

    anyio.run(scene)


def test_a_lazy_sandbox_does_all_that_its_sandbox_does() -> None:
    async def scene() -> None:
        sandbox = LazySandbox(lambda: open_sandbox(backend="local"))
        with pytest.raises(SandboxFileError, match="a: no such file"):
            await sandbox.read("a")
        result = await sandbox.exec(["sh", "-c", "cat; echo $X"], stdin=b"in ", env={"X": "env"})
        assert result.stdout == b"in env\n"
        await sandbox.write("a", b"1")
        kept = await sandbox.snapshot()
        await sandbox.reset()
        with pytest.raises(SandboxFileError):
            await sandbox.read("a")
        await sandbox.restore(kept)
        assert await sandbox.read("a", max_bytes=1) == b"1"
        await sandbox.close()

    anyio.run(scene)
