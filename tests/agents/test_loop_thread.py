"""Work on a loop of its own serves many loops, and is cancelled with whoever waits for it."""

from __future__ import annotations

import asyncio
import threading

import anyio

from forethought.agents.engines.loop_thread import LoopThread


def test_one_loop_serves_others_one_after_another() -> None:
    thread = LoopThread("test")
    queue: asyncio.Queue[int] = asyncio.Queue()

    async def put_and_get(number: int) -> tuple[int, str]:
        await queue.put(number)
        return await queue.get(), threading.current_thread().name

    found = [anyio.run(lambda n: thread.run(put_and_get(n)), number) for number in range(3)]
    assert found == [(0, "test"), (1, "test"), (2, "test")]
    assert thread.wait(put_and_get(7)) == (7, "test")
    thread.close()


def test_who_stops_waiting_cancels_the_work() -> None:
    thread, begun, ended = LoopThread("test"), threading.Event(), threading.Event()

    async def forever() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(thread.run, forever())
            await anyio.to_thread.run_sync(begun.wait)
            group.cancel_scope.cancel()

    anyio.run(main)
    assert ended.wait(timeout=60)
    thread.close()


def test_what_still_runs_when_the_thread_closes_is_cancelled() -> None:
    thread, begun, ended = LoopThread("test"), threading.Event(), threading.Event()

    async def start() -> None:
        background.append(asyncio.create_task(linger()))

    async def linger() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    background: list[asyncio.Task[None]] = []
    thread.wait(start())
    begun.wait()
    thread.close()
    assert ended.is_set()
