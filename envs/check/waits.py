"""Waits: a step cancelled at the k-th point at which it, or a task that it started, waits."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import anyio


@dataclass(kw_only=True, slots=True)
class _Waits:
    """How often a step has waited so far."""

    scope: anyio.CancelScope
    cancel_at: int
    num: int = 0

    def more(self) -> None:
        """One more; the step is cancelled if it is the one."""
        self.num += 1
        if self.num == self.cancel_at:
            self.scope.cancel()


_counting: ContextVar[_Waits | None] = ContextVar("_counting", default=None)


async def cancelled_at(step: Coroutine[Any, Any, object], wait: int) -> int:
    """Run a step and cancel it at its `wait`-th wait, from 1; 0 lets it end. Returns its waits.

    Cancellation goes by anyio's rules, as in the agent loop: what is shielded goes on to its end.
    """
    with anyio.CancelScope() as scope, _tasks_counted():
        waits = _Waits(scope=scope, cancel_at=wait)
        token = _counting.set(waits)
        try:
            await _Counted(step, waits)
        finally:
            _counting.reset(token)
    return waits.num


class _Counted:
    """A coroutine whose waits are counted."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], waits: _Waits) -> None:
        self.coroutine, self.waits = coroutine, waits

    def __await__(self) -> Generator[Any, Any, Any]:
        """Drive the coroutine, and hand on all that comes in or out of it."""
        error: BaseException | None = None
        while True:
            try:
                waited_for = self.coroutine.throw(error) if error else self.coroutine.send(None)
            except StopIteration as end:
                return end.value
            self.waits.more()
            try:
                yield waited_for
                error = None
            except GeneratorExit:
                self.coroutine.close()
                raise
            except BaseException as thrown:  # noqa: BLE001 - cancellation too is handed on
                error = thrown


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


async def _wait(coroutine: Coroutine[Any, Any, object], waits: _Waits) -> object:
    return await _Counted(coroutine, waits)
