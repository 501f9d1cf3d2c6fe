"""Leftovers: what this process has going on, so that what a step leaves behind is seen."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass
from pathlib import Path

import anyio

PATIENCE_S = 5.0
"""A thread, as of a process that was waited for, ends a moment later, on busy machines long."""
_WORKERS = ("AnyIO worker thread", "asyncio_")
"""Names of threads that wait for the next blocking call, whoever makes it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Going:
    """Tasks of this loop, threads, open files and processes, at one moment."""

    tasks: frozenset[asyncio.Task[object]]
    threads: frozenset[threading.Thread]
    num_files: int
    num_children: int


def going() -> Going:
    """What goes on now."""
    return Going(
        tasks=frozenset(asyncio.all_tasks()),
        threads=frozenset(
            thread for thread in threading.enumerate() if not thread.name.startswith(_WORKERS)
        ),
        num_files=_num_files(),
        num_children=_num_children(),
    )


async def left_since(before: Going) -> str | None:
    """What is there and was not: `2 tasks still run`, the first one named; None if nothing is.

    What is about to end has the time for it.
    """
    with anyio.move_on_after(PATIENCE_S):
        while _more(before, going()) is not None:
            await anyio.sleep(0.01)
    return _more(before, going())


def _more(before: Going, now: Going) -> str | None:
    tasks = sorted(task.get_name() for task in now.tasks - before.tasks)
    if tasks:
        return f"{len(tasks)} tasks still run ({tasks[0]})"
    threads = sorted(thread.name for thread in now.threads - before.threads)
    if threads:
        return f"{len(threads)} threads still run ({threads[0]})"
    if now.num_files > before.num_files:
        return f"{now.num_files - before.num_files} files stay open"
    if now.num_children > before.num_children:
        return f"{now.num_children - before.num_children} processes go on"
    return None


def _num_files() -> int:
    """Open files and sockets of this process; 0 where the system does not tell."""
    directory = Path("/proc/self/fd")
    return sum(1 for _ in directory.iterdir()) if directory.is_dir() else 0


def _num_children() -> int:
    """Processes that this one has started and not waited for; 0 where the system does not tell."""
    found = 0
    for file in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the thread has ended
            found += len(file.read_text().split())
    return found
