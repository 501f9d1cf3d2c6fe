"""Things done at the same time, all of them or none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

Result = TypeVar("Result")


async def together(tasks: Sequence[Callable[[], Awaitable[Result]]]) -> list[Result]:
    """Their results, in order; the first error cancels the others and is raised as itself."""
    results: dict[int, Result] = {}

    async def run(index: int) -> None:
        results[index] = await tasks[index]()

    try:
        async with anyio.create_task_group() as group:
            for index in range(len(tasks)):
                group.start_soon(run, index)
    except BaseExceptionGroup as errors:
        raise _first(errors) from None
    return [results[index] for index in range(len(tasks))]


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
