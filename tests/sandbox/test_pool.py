"""A pool and those around it: forks, environments, other threads, its end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import anyio
import pytest
from lending import agents, hold, lease, text, until

from forethought.sandbox import (
    Sandbox,
    SandboxPool,
    SandboxUnavailable,
    open_sandbox,
    shared_pool,
)


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
            with anyio.fail_after(60):
                async with anyio.create_task_group() as group:
                    for number in range(6):
                        group.start_soon(episode, pool, number)
            await until(lambda: pool.stats().live <= 2)
            assert (pool.stats().lent, pool.stats().leased) == (6 * 5, 0)

    anyio.run(scene)


def test_forks_that_can_never_be_had_are_refused() -> None:
    async def scene() -> None:
        async with SandboxPool(max_live=1, warm=0, patience_s=4.0) as pool, lease(pool) as parent:
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
        async with SandboxPool(max_live=1, warm=0) as pool:
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
        before = agents()
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
            assert agents() <= before
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
        before = agents()
        with pytest.raises(KeyError, match="mine"):
            await fail(wrong)
        with anyio.move_on_after(0.5) as scope:
            await fail(anyio.sleep_forever)
        assert scope.cancelled_caught
        assert agents() <= before

    anyio.run(scene)


def test_bounds_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match=r"not max_live=0, max_uses=100, warm=2"):
        SandboxPool(max_live=0)
