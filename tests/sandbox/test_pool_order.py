"""Sandboxes of a pool are lent in the order of asking, and whoever leaves the queue is gone."""

from __future__ import annotations

import anyio
from lending import OTHER, hold, lease, until

from forethought.sandbox import (
    Sandbox,
    SandboxPool,
    SandboxSpec,
)


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
    scopes: dict[int, anyio.CancelScope] = {}

    async def use(pool: SandboxPool, number: int) -> None:
        with anyio.CancelScope() as scopes[number]:
            async with lease(pool):
                granted.append(number)

    async def scene() -> None:
        async with SandboxPool(max_live=1, warm=0) as pool, anyio.create_task_group() as group:
            done, held = anyio.Event(), list[Sandbox]()
            group.start_soon(hold, pool, done, held)
            await until(lambda: len(held) == 1)
            for number in range(20):
                group.start_soon(use, pool, number)
            await until(lambda: pool.stats().waiting == 20)
            for number in range(1, 20, 2):
                scopes[number].cancel()
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
            with anyio.fail_after(60):
                async with lease(pool), lease(pool):
                    assert (pool.stats().leased, pool.stats().waiting) == (2, 0)

    anyio.run(scene)
