"""Waits: a step cancelled at the k-th point at which it, or a task that it started, waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio


@dataclass(kw_only=True, slots=True)
class Waits:
    """What a step did so far."""

    scope: anyio.CancelScope
    cancel_at: int
    num: int = 0
    """How often it waited."""
    was_swallowed: bool = False
    """Whether it ended as if it had not been cancelled, though it was told."""
    longest_s: float = 0.0
    """Longest time between two waits, in which nothing else could run; how busy the machine is
    does not count."""

    def more(self) -> None:
        """One more; the step is cancelled if it is the one."""
        self.num += 1
        if self.num == self.cancel_at:
            self.scope.cancel()


_counting: ContextVar[Waits | None] = ContextVar("_counting", default=None)


async def cancelled_at(step: Coroutine[Any, Any, object], wait: int) -> Waits:
    """Run a step and cancel it at its `wait`-th wait, from 1; 0 lets it end. Returns what it did.

    Cancellation goes by anyio's rules, as in the agent loop: what is shielded goes on to its end.
    """
    with anyio.CancelScope() as scope, _tasks_counted():
        waits = Waits(scope=scope, cancel_at=wait)
        token = _counting.set(waits)
        try:
            counted = _Counted(step, waits)
            await counted
            waits.was_swallowed = counted.was_told
        finally:
            _counting.reset(token)
    return waits


class _Counted:
    """A coroutine whose waits are counted."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], waits: Waits) -> None:
        self.coroutine, self.waits = coroutine, waits
        self.was_told = False
        """Whether a cancellation by the scope has reached it."""

    def __await__(self) -> Generator[Any, Any, Any]:
        """Drive the coroutine, and hand on all that comes in or out of it."""
        error: BaseException | None = None
        while True:
            started = _ours_s()
            try:
                waited_for = self.coroutine.throw(error) if error else self.coroutine.send(None)
            except StopIteration as end:
                return end.value
            finally:
                self.waits.longest_s = max(self.waits.longest_s, _ours_s() - started)
            self.waits.more()
            try:
                yield waited_for
                error = None
            except GeneratorExit:
                self.coroutine.close()
                raise
            except BaseException as thrown:  # noqa: BLE001 - cancellation too is handed on
                error = thrown
                told = isinstance(thrown, asyncio.CancelledError) and self.waits.scope.cancel_called
                self.was_told = self.was_told or told


def _ours_s() -> float:
    """A clock without the time for which this thread was ready and had no processor."""
    try:
        stood_in_line_ns = int(Path("/proc/thread-self/schedstat").read_bytes().split()[1])
    except FileNotFoundError:
        stood_in_line_ns = 0
    return time.perf_counter() - stood_in_line_ns / 1e9


@contextmanager
def _tasks_counted() -> Iterator[None]:
    """Tasks that a counted step starts are counted as well."""
    loop = asyncio.get_running_loop()
    usual = loop.get_task_factory()

    def start(
        loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
    ) -> asyncio.Future[Any]:
        waits = _counting.get()
        if waits is not None:
            coroutine = _wait(coroutine, waits)
        if usual is not None:
            return usual(loop, coroutine, **options)
        return asyncio.Task(coroutine, loop=loop, **options)

    loop.set_task_factory(start)
    try:
        yield
    finally:
        loop.set_task_factory(usual)


async def _wait(coroutine: Coroutine[Any, Any, object], waits: Waits) -> object:
    return await _Counted(coroutine, waits)
