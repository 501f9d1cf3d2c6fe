"""Fresh sandboxes to judge in, and whose fault it is when one dies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from forethought.sandbox.base import Sandbox, SandboxUnavailable

Factory = Callable[[], AbstractAsyncContextManager[Sandbox]]
Result = TypeVar("Result")

NUM_TRIES = 2
START_S = 30.0
"""More time for a process where the machine was too slow to even start one."""


async def in_fresh(fresh: Factory, work: Callable[[Sandbox], Awaitable[Result]]) -> Result | None:
    """The result of work in a sandbox of its own; None if the work takes its sandboxes down.

    One death may be the world's fault. A second, with a third sandbox that lives when nothing is
    asked of it, is the work's. Raises SandboxUnavailable if it is the world that is ill.
    """
    for _ in range(NUM_TRIES):
        async with fresh() as sandbox:
            try:
                return await work(sandbox)
            except NeverBegun:
                raise
            except SandboxUnavailable:
                continue
    async with fresh() as sandbox:
        await sandbox.exec(["true"])
    return None


class NeverBegun(SandboxUnavailable):
    """Judging could not even start, so what was to be judged is not to blame."""
