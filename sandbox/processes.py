"""The processes below this one: found, stopped, killed and reaped; Linux only."""

# Every import lengthens every boot (see agent.py), so no pathlib.
# ruff: noqa: PTH123, PTH208

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Iterator

SET_DUMPABLE, SET_CHILD_SUBREAPER = 4, 36


def kill_descendants(spare: frozenset[int] = frozenset()) -> int:
    """Kill and reap all descendants but the trees under `spare`; how many were alive.

    They are stopped before any is killed: stopped processes hold their places under the process
    limit, so a fork bomb runs out of room instead of outrunning the killer.
    """
    stopped: set[int] = set()
    while _has_children(spare):
        alive = _descendants(spare)
        for pid in alive - stopped:
            _signal(pid, signal.SIGSTOP)
        if alive <= stopped:
            for pid in alive:
                _signal(pid, signal.SIGKILL)
            time.sleep(0.0005)
        stopped |= alive
    return len(stopped)


def _has_children(spare: frozenset[int]) -> bool:
    if spare:
        return bool(_descendants(spare))
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _descendants(spare: frozenset[int]) -> set[int]:
    children: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                state, parent = file.read().rpartition(b")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state not in b"ZX" or int(parent) != os.getpid():
            children.setdefault(int(parent), []).append(int(name))
    found: set[int] = set()
    queue = [os.getpid()]
    while queue:
        fresh = set(children.get(queue.pop(), ())) - spare
        found |= fresh
        queue += fresh
    return found


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def reap() -> Iterator[tuple[int, int]]:
    """Process ids and wait statuses of the children that have ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, status


def wake_on_signals() -> int:
    """A descriptor that turns readable when a child ends or SIGTERM arrives."""
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    signal.set_wakeup_fd(theirs, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda number, frame: None)
    return ours


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process. Raises OSError."""
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option})")
