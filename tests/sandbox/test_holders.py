"""Who holds a sandbox is known in all its tasks; waiting for one takes none of its time."""

from __future__ import annotations

import anyio

from forethought.sandbox import Holder, current_holder, holding


def test_tasks_share_the_holder_that_they_were_started_in() -> None:
    seen: list[Holder] = []

    async def look() -> None:
        seen.append(current_holder())

    async def scene() -> None:
        with holding() as outer:
            async with anyio.create_task_group() as group:
                group.start_soon(look)
                group.start_soon(look)
        assert seen == [outer, outer]

    anyio.run(scene)


def test_a_part_counts_what_the_whole_holds_and_not_the_other_way_round() -> None:
    with holding() as whole, holding() as part:
        whole.take()
        assert part.has_any
        whole.give_back()
        part.take()
        assert not whole.has_any
        assert part.has_any
    assert not Holder().has_any


def test_deadlines_stand_still_while_anybody_waits() -> None:
    waited: list[float] = []

    async def scene() -> None:
        with holding() as holder, anyio.move_on_after(1.0) as scope, holder.clock(scope):
            began = scope.deadline - 1.0
            async with anyio.create_task_group() as group:
                group.start_soon(wait, holder, 0.3)
                group.start_soon(wait, holder, 0.6)
            with holding() as part:
                await wait(part, 0.6)
            # All that counts is what passed while nobody waited, however slow the machine is.
            now = anyio.current_time()
            counted = now - began - sum(waited[1:])
            assert 1.0 - counted - 1e-6 <= scope.deadline - now <= 1.0
            await anyio.sleep(60)
        assert scope.cancelled_caught

    async def wait(holder: Holder, seconds: float) -> None:
        with holder.waiting():
            began = anyio.current_time()
            await anyio.sleep(seconds)
            waited.append(anyio.current_time() - began)

    anyio.run(scene)


def test_a_clock_that_starts_while_somebody_waits_stands_still_too() -> None:
    async def scene() -> None:
        holder = Holder()
        with anyio.move_on_after(0.2) as scope:
            with holder.waiting(), holder.clock(scope):
                await anyio.sleep(0.4)
            assert not scope.cancel_called

    anyio.run(scene)
