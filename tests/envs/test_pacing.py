"""How fast to ask, and how long to wait before asking again."""

from __future__ import annotations

import random

import anyio
import pytest
from slept import Slept

from forethought.envs.search.pacing import Clock, Retries, TokenBucket


def test_a_bucket_lets_a_burst_through_and_then_keeps_the_rate() -> None:
    slept = Slept()
    bucket = TokenBucket(per_s=2.0, burst=3, clock=slept.clock)

    async def take(count: int) -> None:
        for _ in range(count):
            await bucket.take()

    anyio.run(take, 5)
    assert slept.naps == [0.5, 0.5]
    slept.at += 10
    anyio.run(take, 4)
    assert slept.naps == [0.5, 0.5, 0.5]


def test_those_who_wait_at_once_get_places_one_after_the_other() -> None:
    naps: list[float] = []

    async def sleep(seconds: float) -> None:
        naps.append(seconds)
        await anyio.lowlevel.checkpoint()

    bucket = TokenBucket(per_s=4.0, clock=Clock(now=lambda: 100.0, sleep=sleep))

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(bucket.take)

    anyio.run(main)
    assert naps == [0.25, 0.5, 0.75]


def test_a_bucket_without_a_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="a bucket needs a rate and a burst, not 0, 1"):
        TokenBucket(per_s=0)


@pytest.mark.parametrize(
    ("number", "asked", "least", "most"),
    [(0, None, 0, 1), (1, None, 0, 2), (5, None, 0, 10), (0, 4.0, 4, 5)],
)
def test_waits_grow_and_are_bounded(
    number: int, asked: float | None, least: float, most: float
) -> None:
    retries = Retries(tries=9, base_s=1.0, longest_s=10.0)
    for seed in range(50):
        wait = retries.wait_s(number, asked, rng=random.Random(seed))
        assert wait is not None
        assert least <= wait <= most
    assert retries.wait_s(8, None, rng=random.Random(0)) is None
    assert retries.wait_s(0, 10.5, rng=random.Random(0)) is None
