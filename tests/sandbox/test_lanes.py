"""Blocking calls of one purpose wait for each other, and take nothing from anybody else."""

from __future__ import annotations

import threading
from functools import partial

import anyio
import anyio.to_thread

from forethought.sandbox.wire.lanes import Lane


def test_a_lane_is_as_wide_as_it_says_in_every_loop() -> None:
    lane, lock, pair = Lane("test", width=2), threading.Lock(), threading.Barrier(2)
    running: list[int] = [0]
    most: list[int] = [0]
    taken: list[float] = []

    def work(usual: anyio.CapacityLimiter) -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
            taken.append(usual.borrowed_tokens)
        # Nobody goes on alone: narrower, the lane would be stuck here.
        pair.wait(timeout=60)
        with lock:
            running[0] -= 1

    async def run_all() -> None:
        usual = anyio.to_thread.current_default_thread_limiter()
        in_lane = partial(anyio.to_thread.run_sync, work, usual, limiter=lane.limiter())
        async with anyio.create_task_group() as group:
            for _ in range(6):
                group.start_soon(in_lane)

    for _ in range(2):
        anyio.run(run_all)
    assert most == [2]
    assert taken == [0] * 12
