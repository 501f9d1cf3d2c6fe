"""What a pool lends is pristine; what is worn, broken or unwanted is closed."""

from __future__ import annotations

from functools import partial

import anyio
import pytest
from lending import agents, lease, text, until

from forethought.sandbox import (
    SandboxPool,
    SandboxUnavailable,
    holding,
)
from forethought.sandbox.checks.tools import long_while


def test_the_next_one_finds_nothing_of_the_last() -> None:
    mess = (
        "mkdir -p a/b; echo secret > a/b/c; chmod 000 a/b a; echo > $TMPDIR/scratch; ln -s / root;"
        "(setsid sleep 7301 &); chmod 500 . ; chmod 700 $TMPDIR"
    )

    async def scene() -> None:
        async with SandboxPool(max_live=1, warm=0) as pool:
            async with lease(pool) as first:
                before = await text(first, "sh", "-c", "stat -c '%a' . $TMPDIR; pwd; env | sort")
                assert (await first.exec(["sh", "-c", mess])).leftovers == 1
            async with lease(pool) as second:
                look = "stat -c '%a' . $TMPDIR; pwd; env | sort; ls -A . $TMPDIR | grep -v :"
                assert await text(second, "sh", "-c", look) == before
                with pytest.raises(SandboxUnavailable, match="was given back to its pool"):
                    await first.exec(["true"])
            assert (pool.stats().reused, pool.stats().booted) == (1, 1)

    anyio.run(scene)


def test_what_still_runs_when_a_lease_ends_is_killed() -> None:
    seconds = long_while()

    async def scene() -> None:
        async with SandboxPool(max_live=1, warm=0) as pool, anyio.create_task_group() as group:
            with holding():
                async with pool.lease(backend="local") as sandbox:
                    group.start_soon(partial(sandbox.exec, ["sleep", seconds], timeout_s=7302))
                    while await text(sandbox, "pgrep", "-xf", f"sleep {seconds}") == "":
                        pass
            async with lease(pool) as sandbox:
                assert await text(sandbox, "pgrep", "-xf", f"sleep {seconds}") == ""

    anyio.run(scene)


@pytest.mark.parametrize(
    ("options", "cause"), [({"max_uses": 1}, "uses"), ({"max_age_s": 0.0}, "age")]
)
def test_what_has_served_its_time_is_not_lent_again(options: dict[str, int], cause: str) -> None:
    async def scene() -> None:
        async with SandboxPool(max_live=1, warm=0, **options) as pool:  # type: ignore[arg-type]
            for _ in range(3):
                async with lease(pool):
                    pass
            await until(lambda: pool.stats().live == 0)
            assert (pool.stats().booted, pool.stats().recycled) == (3, {cause: 3})

    anyio.run(scene)


def test_one_that_died_on_the_shelf_or_in_use_is_replaced() -> None:
    async def scene() -> None:
        async with SandboxPool(max_live=1, warm=0) as pool:
            async with lease(pool) as sandbox:
                agent = await text(sandbox, "sh", "-c", "ps -o ppid= $PPID")
            await until(lambda: pool.stats().idle == 1)
            await anyio.run_process(["kill", "-9", agent])
            async with lease(pool) as sandbox:
                assert await text(sandbox, "echo", "alive") == "alive"
                with pytest.raises(SandboxUnavailable):
                    await sandbox.exec(["sh", "-c", "kill -9 $(ps -o ppid= $PPID); sleep 1"])
            async with lease(pool) as sandbox:
                assert await text(sandbox, "echo", "alive") == "alive"
            assert (pool.stats().booted, pool.stats().recycled) == (3, {"broken": 2})

    anyio.run(scene)


@pytest.mark.slow
def test_one_that_cannot_be_reset_in_time_is_replaced() -> None:
    async def scene() -> None:
        async with SandboxPool(max_live=1, warm=0) as pool:
            async with lease(pool) as sandbox:
                agent = await text(sandbox, "sh", "-c", "ps -o ppid= $PPID")
                await anyio.run_process(["kill", "-STOP", agent])
            async with lease(pool) as sandbox:
                assert await text(sandbox, "echo", "alive") == "alive"
            assert pool.stats().recycled == {"slow reset": 1}

    anyio.run(scene)


def test_some_are_booted_ahead_while_they_are_wanted() -> None:
    async def scene() -> None:
        before = agents()
        async with SandboxPool(max_live=8, warm=2) as pool:
            assert (pool.stats().live, agents() - before) == (0, set())
            async with lease(pool), lease(pool), lease(pool):
                await until(lambda: pool.stats().idle == 2)
                assert pool.stats().live == 5
            await until(lambda: pool.stats().idle == 5)

    anyio.run(scene)


def test_what_nobody_wants_is_closed() -> None:
    async def scene() -> None:
        async with SandboxPool(max_live=8, warm=2, idle_s=0.2) as pool:
            async with lease(pool), lease(pool), lease(pool):
                pass
            await until(lambda: pool.stats().live == 0)
            assert pool.stats().recycled == {"idle": pool.stats().booted}
            async with lease(pool):
                pass

    anyio.run(scene)
