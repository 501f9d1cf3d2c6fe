"""Episodes in containers are forked from a pool: warm, with their files; nothing is left over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager

import anyio
import numpy as np
import pytest

from forethought.envs import Env, Task, reward
from forethought.envs.calls import render_call
from forethought.envs.card import Card
from forethought.envs.granted import SANDBOX_TOOLS
from forethought.envs.pool import AsyncPool
from forethought.sandbox import Sandbox, SandboxPool, SandboxUnavailable, open_sandbox

pytestmark = pytest.mark.docker


class Shell(Env):
    """Say what 6 times 7 is, in a file; judged in a sandbox of its own."""

    card = Card(traits=("skills",), horizon_unit="files", needs_sandbox=True)
    grants = SANDBOX_TOOLS
    state_fields = ()
    fails_at = 0
    """Beginning that is to fail, counted down."""

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        return Task(id="shell", prompt=f"Write answer. {rng.integers(1 << 30)}")

    async def begin(self) -> str:
        Shell.fails_at -= 1
        if Shell.fails_at == 0:
            raise SandboxUnavailable("lost while it began")
        return await super().begin()

    def open_sandbox(self) -> AbstractAsyncContextManager[Sandbox]:
        return open_sandbox(backend="docker")

    @reward
    async def right(self) -> float:
        assert self.context.sandbox is not None
        answer = await self.context.sandbox.read("answer")
        async with open_sandbox(backend="docker") as fresh:
            await fresh.write("answer", answer)
            return float((await fresh.exec(["grep", "-qx", "42", "answer"])).rc == 0)


@pytest.fixture(autouse=True)
def fails() -> Iterator[None]:
    yield
    Shell.fails_at = 0


def bash(command: str) -> str:
    return render_call("bash", {"command": command})


async def until_idle(pool: SandboxPool) -> None:
    with anyio.fail_after(60):
        while pool.stats().idle != pool.stats().live:
            await anyio.sleep(0.02)


def test_forks_take_warm_sandboxes_and_keep_files_and_state() -> None:
    async def scene() -> None:
        async with SandboxPool(max_live=5, warm=4) as pool:
            env = Shell()
            await env.areset(seed=0)
            await env.astep(bash("mkdir d; echo 41 > d/part; ln -s d/part link"))
            with anyio.fail_after(60):
                while pool.stats().idle < 4:
                    await anyio.sleep(0.02)
            twins = await env.afork(4)
            assert (pool.stats().booted, pool.stats().leased) == (5, 5)
            for number, twin in enumerate(twins):
                step = await twin.astep(bash(f"cat link; echo $((41 + {number})) > answer"))
                assert step[0].startswith("41")
            assert "No such file" in (await env.astep(bash("cat answer")))[0]
            scores = [(await twin.astep("done"))[1] for twin in twins]
            assert scores == [0.0, 1.0, 0.0, 0.0]
            for each in (env, *twins):
                await each.aclose()
            assert pool.stats().leased == 0

    anyio.run(scene)


def test_a_fork_that_fails_half_way_leaves_nothing_leased() -> None:
    async def scene() -> None:
        async with SandboxPool(max_live=4, warm=0) as pool:
            env = Shell()
            await env.areset(seed=0)
            await env.astep(bash("echo 42 > answer"))
            Shell.fails_at = 2
            with pytest.raises(SandboxUnavailable, match="lost while it began"):
                await env.afork(3)
            assert pool.stats().leased == 1
            assert (await env.astep("done"))[1] == 1.0
            await env.aclose()
            await until_idle(pool)

    anyio.run(scene)


def test_without_a_pool_forks_boot_their_own_and_close_them() -> None:
    env = Shell()
    env.reset(seed=0)
    env.step(bash("echo 42 > answer"))
    (twin,) = env.fork(1)
    env.close()
    assert twin.step("done")[1] == 1.0
    sandbox = twin.context.sandbox
    assert sandbox is not None
    twin.close()
    with pytest.raises(SandboxUnavailable, match="the sandbox is gone: it was closed"):
        anyio.run(sandbox.exec, ["true"])


def test_a_vector_of_environments_shares_the_open_pool_and_may_grade_when_all_is_lent() -> None:
    async def scene() -> None:
        async with SandboxPool(max_live=3, warm=0) as pool:
            envs = AsyncPool(Shell, num_envs=3)
            await envs.areset({0: 0, 1: 1, 2: 2})
            envs.asend({index: bash("echo 42 > answer") for index in range(3)})
            await envs.arecv(at_least=3)
            assert pool.stats().leased == 3
            envs.asend(dict.fromkeys(range(3), "done"))
            with anyio.fail_after(60):
                received = await envs.arecv(at_least=3)
            assert [item.reward for item in received] == [1.0] * 3
            await envs.aclose()
            assert (pool.stats().leased, pool.stats().lent) == (0, 6)

    anyio.run(scene)
