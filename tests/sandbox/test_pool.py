"""A pool lends pristine sandboxes in the order of asking, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import pytest

from forethought.sandbox import (
    Sandbox,
    SandboxPool,
    SandboxSpec,
    SandboxUnavailable,
    holding,
    open_sandbox,
    shared_pool,
)

OTHER = SandboxSpec(cpus=2.0)
"""Another kind, as far as a pool can tell."""


async def until(condition: Callable[[], bool], *, within_s: float = 20.0) -> None:
    with anyio.fail_after(within_s):
        while not condition():
            await anyio.sleep(0.01)


async def text(sandbox: Sandbox, *argv: str) -> str:
    return (await sandbox.exec(argv)).text.strip()


def num_agents() -> int:
    """Agents that are children of this process; a watchdog is one as well, and stays."""
    threads = Path("/proc/self/task").glob("*/children")
    children = [pid for each in threads for pid in each.read_text().split()]
    return sum(b"sandbox.frames" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children)


async def hold(pool: SandboxPool, done: anyio.Event, held: list[Sandbox]) -> None:
    """A task of its own that holds one; what is started within a lease counts as a part of it."""
    async with lease(pool) as sandbox:
        held.append(sandbox)
        await done.wait()


@asynccontextmanager
async def lease(pool: SandboxPool, spec: SandboxSpec | None = None) -> AsyncIterator[Sandbox]:
    """One for a line of work of its own, as an episode is."""
    with holding():
        async with pool.lease(spec, backend="local") as sandbox:
            yield sandbox


def test_three_hundred_who_wait_are_served_in_the_order_of_asking() -> None:
    asked: list[int] = []
    granted: list[int] = []

    async def use(pool: SandboxPool, number: int) -> None:
        asked.append(number)
        async with lease(pool, OTHER if number % 50 == 7 else None):
            granted.append(number)
            await anyio.sleep(0)

    async def scene() -> None:
        async with SandboxPool(max_live=1, warm=0) as pool:
            async with anyio.create_task_group() as group:
                for number in range(300):
                    group.start_soon(use, pool, number)
            stats = pool.stats()
        assert (stats.lent, stats.waiting, stats.leased) == (300, 0, 0)
        assert asked == granted == list(range(300))

    anyio.run(scene)


def test_another_kind_gets_its_turn_however_many_want_the_first() -> None:
    granted: list[str] = []

    async def use(pool: SandboxPool, name: str, spec: SandboxSpec | None) -> None:
        async with lease(pool, spec):
            granted.append(name)
            await anyio.sleep(0.01)

    async def scene() -> None:
        async with SandboxPool(max_live=1, warm=2) as pool, anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(use, pool, f"usual {number}", None)
            group.start_soon(use, pool, "other", OTHER)
            for number in range(5, 10):
                group.start_soon(use, pool, f"usual {number}", None)
        assert granted.index("other") == 5
        assert pool.stats().recycled["evicted"] == 2

    anyio.run(scene)


def test_one_who_gives_up_waiting_loses_the_place_and_nothing_else() -> None:
    granted: list[int] = []

    async def use(pool: SandboxPool, number: int, give_up_s: float) -> None:
        with anyio.move_on_after(give_up_s):
            async with lease(pool):
                granted.append(number)

    async def scene() -> None:
        async with SandboxPool(max_live=1, warm=0) as pool, anyio.create_task_group() as group:
            done, held = anyio.Event(), list[Sandbox]()
            group.start_soon(hold, pool, done, held)
            await until(lambda: len(held) == 1)
            for number in range(20):
                group.start_soon(use, pool, number, 0.05 if number % 2 else math.inf)
            await until(lambda: pool.stats().waiting == 20)
            await until(lambda: pool.stats().waiting == 10)
            done.set()
            await until(lambda: len(granted) == 10)
            assert granted == list(range(0, 20, 2))
            assert (pool.stats().lent, pool.stats().leased) == (11, 0)

    anyio.run(scene)


def test_cancelling_at_any_moment_leaks_no_lease() -> None:
    async def use(pool: SandboxPool, give_up_s: float) -> None:
        with anyio.move_on_after(give_up_s):
            async with lease(pool) as sandbox:
                await sandbox.exec(["true"])

    async def scene() -> None:
        async with SandboxPool(max_live=2, warm=1) as pool:
            async with anyio.create_task_group() as group:
                for number in range(150):
                    group.start_soon(use, pool, 0.002 * number)
            with anyio.fail_after(10):
                async with lease(pool), lease(pool):
                    assert (pool.stats().leased, pool.stats().waiting) == (2, 0)

    anyio.run(scene)


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
    async def scene() -> None:
        async with SandboxPool(max_live=1, warm=0) as pool, anyio.create_task_group() as group:
            with holding():
                async with pool.lease(backend="local") as sandbox:
                    group.start_soon(partial(sandbox.exec, ["sleep", "7302"], timeout_s=7302))
                    await anyio.sleep(0.2)
            async with lease(pool) as sandbox:
                assert await text(sandbox, "pgrep", "-xf", "sleep 7302") == ""

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


def test_some_are_booted_ahead_and_closed_when_nobody_wants_them() -> None:
    async def scene() -> None:
        async with SandboxPool(max_live=8, warm=2, idle_s=0.6) as pool:
            assert (pool.stats().live, num_agents()) == (0, 0)
            async with lease(pool), lease(pool), lease(pool):
                await until(lambda: pool.stats().idle == 2)
                assert pool.stats().live == 5
            await until(lambda: pool.stats().idle == 5)
            await until(lambda: pool.stats().live == 0)
            assert pool.stats().recycled == {"idle": 5}
            async with lease(pool):
                pass

    anyio.run(scene)


def test_parents_that_wait_for_forks_do_not_wait_for_each_other() -> None:
    async def episode(pool: SandboxPool, number: int) -> None:
        async with lease(pool) as parent:
            await parent.write("mine", b"%d" % number)
            await until(lambda: pool.stats().leased >= 2)
            children = await parent.fork(2)
            for child in children:
                assert await child.read("mine") == b"%d" % number
                # A sandbox to grade in is asked for in the same way.
                async with pool.lease(backend="local") as fresh:
                    assert await text(fresh, "ls", "-A") == ""
                await child.close()

    async def scene() -> None:
        async with SandboxPool(max_live=2, warm=0) as pool:
            with anyio.fail_after(30):
                async with anyio.create_task_group() as group:
                    for number in range(6):
                        group.start_soon(episode, pool, number)
            await until(lambda: pool.stats().live <= 2)
            assert (pool.stats().lent, pool.stats().leased) == (6 * 5, 0)

    anyio.run(scene)


def test_forks_that_can_never_be_had_are_refused() -> None:
    async def scene() -> None:
        async with SandboxPool(max_live=1, warm=0, patience_s=0.5) as pool, lease(pool) as parent:
            with pytest.raises(ValueError, match=r"a fork into 4 needs 5 sandboxes.* lends 4 at m"):
                await parent.fork(4)
            children = await parent.fork(3)
            with pytest.raises(SandboxUnavailable, match="all 4 sandboxes are held by those who"):
                await parent.fork(1)
            await children[0].close()
            (another,) = await parent.fork(1)
            for child in (*children, another):
                await child.close()

    anyio.run(scene)


def test_a_fork_that_fails_gives_its_sandboxes_back() -> None:
    async def scene() -> None:
        async with SandboxPool(max_live=4, warm=0) as pool:
            async with lease(pool) as parent:
                await parent.exec(["truncate", "-s", "3000000", "file"])
                with pytest.raises(OSError, match="more than the 1000 allowed"):
                    await parent.fork(2, max_bytes=1000)
                await until(lambda: pool.stats().idle == 2)
                with anyio.move_on_after(0.01):
                    await parent.fork(2)
                await until(lambda: pool.stats().idle == 2)
                assert pool.stats().leased == 1
            await until(lambda: pool.stats().idle == 3)

    anyio.run(scene)


def test_environments_take_from_the_pool_that_is_open() -> None:
    async def scene() -> None:
        async with SandboxPool(max_live=2, warm=0) as pool:
            for _ in range(2):
                async with open_sandbox(backend="local") as sandbox:
                    assert pool.stats().leased == 1
                    assert await text(sandbox, "ls", "-A") == ""
            async with shared_pool() as same:
                assert same is pool
            assert (pool.stats().lent, pool.stats().booted) == (2, 1)
            with pytest.raises(ValueError, match="no sandbox backend named 'podman'"):
                open_sandbox(backend="podman")  # type: ignore[arg-type]
        async with open_sandbox(backend="local") as sandbox:
            assert await text(sandbox, "echo", "without") == "without"
        assert pool.stats().lent == 2

    anyio.run(scene)


def test_another_threads_loop_takes_none_of_its_sandboxes() -> None:
    """As when synchronous Gymnasium code runs within a pool: its loop is another one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def elsewhere() -> str:
        async with open_sandbox(backend="local") as sandbox:
            return await text(sandbox, "echo", "there")

    async def scene() -> None:
        async with SandboxPool(max_live=1, warm=0) as pool:
            future = asyncio.run_coroutine_threadsafe(elsewhere(), loop)
            assert await anyio.to_thread.run_sync(future.result) == "there"
            assert pool.stats().lent == 0

    anyio.run(scene)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_nothing_outlives_a_pool() -> None:
    async def scene() -> None:
        waited: list[str] = []

        async def wait(pool: SandboxPool) -> None:
            try:
                async with lease(pool):
                    pass
            except SandboxUnavailable as error:
                waited.append(str(error))

        done, held = anyio.Event(), list[Sandbox]()
        async with anyio.create_task_group() as group:
            async with SandboxPool(max_live=2, warm=2) as pool:
                for _ in range(2):
                    group.start_soon(hold, pool, done, held)
                await until(lambda: len(held) == 2)
                group.start_soon(wait, pool)
                await until(lambda: pool.stats().waiting == 1)
            assert num_agents() == 0
            with pytest.raises(SandboxUnavailable, match="the sandbox is gone"):
                await held[0].exec(["true"])
            done.set()
        assert waited == ["the pool is closed"]
        with pytest.raises(SandboxUnavailable, match="the pool is not open"):
            async with pool.lease(backend="local"):
                pass

    anyio.run(scene)


def test_an_error_in_its_block_is_raised_as_itself_and_cancelling_passes_through() -> None:
    async def fail(act: Callable[[], Awaitable[None]]) -> None:
        async with SandboxPool(max_live=2, warm=1) as pool, lease(pool):
            await act()

    async def wrong() -> None:
        raise KeyError("mine")

    async def scene() -> None:
        with pytest.raises(KeyError, match="mine"):
            await fail(wrong)
        with anyio.move_on_after(0.5) as scope:
            await fail(anyio.sleep_forever)
        assert scope.cancelled_caught
        assert num_agents() == 0

    anyio.run(scene)


def test_bounds_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match=r"not max_live=0, max_uses=100, warm=2"):
        SandboxPool(max_live=0)
