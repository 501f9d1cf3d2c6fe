"""The processes below this one: found, stopped, killed and reaped; Linux only."""

# Every import lengthens every boot (see agent.py), so no pathlib.
# ruff: noqa: PTH123, PTH208

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from functools import cache

SET_DUMPABLE, SET_CHILD_SUBREAPER = 4, 36
MARKS = 1 << 20


def adopt() -> bool:
    """Become the parent of what descendants leave behind; False where the kernel cannot do that.

    gVisor's gives all of it to PID 1; then commands carry the `mark` of who started them.
    """
    try:
        prctl(SET_CHILD_SUBREAPER, 1)
    except OSError:
        return False
    return True


def mark(pid: int) -> int:
    """A supplementary group: inherited, and nothing that a command could put off."""
    return MARKS + pid


def kill_descendants(spare: frozenset[int] = frozenset(), *, marked: bool = False) -> int:
    """Kill and reap all descendants but the trees under `spare`; how many were alive.

    Those that carry the mark of a process in `spare` are left to it; with `marked`, those that
    carry this one's are taken for descendants. All are stopped before any is killed: stopped
    processes hold their places under the process limit, so a fork bomb runs out of room instead of
    outrunning the killer.
    """
    stopped: set[int] = set()
    while (_has_children() or marked) and (alive := _descendants(spare, marked=marked)):
        for pid in alive - stopped:
            send_signal(pid, signal.SIGSTOP)
        if alive <= stopped:
            for pid in alive:
                send_signal(pid, signal.SIGKILL)
            time.sleep(0.0005)
        stopped |= alive
    return len(stopped)


def _has_children() -> bool:
    """Whether any child is left once those that have ended are reaped."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _descendants(spare: frozenset[int], *, marked: bool) -> set[int]:
    children: dict[int, list[int]] = {}
    lost = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        pid = int(name)
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                state, parent = file.read().rpartition(b")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(int(parent), []).append(pid)
        if marked and state != b"Z" and _carries_mark_of(frozenset({os.getpid()}), pid):
            lost.add(pid)
    own = set(children.get(os.getpid(), ())) - spare
    found = lost | {pid for pid in own if not spare or not _carries_mark_of(spare, pid)}
    queue = list(found)
    while queue:
        fresh = set(children.get(queue.pop(), ())) - spare - found
        found |= fresh
        queue += fresh
    return found


def _carries_mark_of(owners: frozenset[int], pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/status") as file:
            groups = next((line for line in file if line.startswith("Groups:")), "Groups:")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return not {mark(owner) for owner in owners}.isdisjoint(map(int, groups.split()[1:]))


def send_signal(pid: int, number: int) -> None:
    """Send a signal to a process, which may have ended and been reaped by now."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def reap() -> dict[int, int]:
    """Wait statuses of the children that have ended, by process id."""
    ended = {}
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            # A child that asks to be traced is reported each time it stops, too.
            if not os.WIFSTOPPED(found[1]):
                ended[found[0]] = found[1]
    return ended


def wake_on_signals() -> int:
    """A descriptor that turns readable when a child ends or SIGTERM arrives."""
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    signal.set_wakeup_fd(theirs, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda number, frame: None)
    return ours


@cache
def library() -> ctypes.CDLL:
    """The C library, for what Python has no name for; looking it up takes longer than a fork."""
    return ctypes.CDLL(None, use_errno=True)


def prctl(option: int, value: int, address: int = 0) -> None:
    """Set an attribute of this process. Raises OSError."""
    if library().prctl(option, *map(ctypes.c_ulong, (value, address, 0, 0))):
        raise OSError(ctypes.get_errno(), f"prctl({option})")
