"""Blocking calls of one purpose wait for each other, and take nothing from anybody else."""

from __future__ import annotations

import threading
import time

import anyio
import anyio.to_thread

from forethought.sandbox.wire.lanes import Lane


def test_a_lane_is_as_wide_as_it_says_in_every_loop() -> None:
    lane, lock = Lane("test", width=2), threading.Lock()
    running: list[int] = [0]
    most: list[int] = [0]

    def work() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.05)
        with lock:
            running[0] -= 1

    async def run_all() -> int:
        async with anyio.create_task_group() as group:
            for _ in range(6):
                group.start_soon(lambda: anyio.to_thread.run_sync(work, limiter=lane.limiter()))
            await anyio.sleep(0.02)
            taken = anyio.to_thread.current_default_thread_limiter().borrowed_tokens
        return int(taken)

    for _ in range(2):
        assert anyio.run(run_all) == 0
    assert most == [2]
