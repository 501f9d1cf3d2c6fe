"""What a sandbox is like that nobody has used, and whether a used one is like that again.

Pristine is: no process but the agent; nothing in any directory that commands can write to, whose
modes and attributes are those of the start; no shared memory, semaphore or message queue. The
agent's own environment, which every command gets, is out of reach. The agent ends all processes
before it empties directories, so by then nobody is there who could change anything.
"""

# Every import lengthens every boot (see agent.py), so no pathlib.
# ruff: noqa: PTH101, PTH110, PTH116, PTH123, PTH208

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

from forethought.sandbox.wire.frames import Settings

TABLES = "/proc/sysvipc/shm", "/proc/sysvipc/sem", "/proc/sysvipc/msg"
CHANGEABLE = "user.", "system.posix_acl_"
"""Attributes of a directory that its owner can set."""


def directories(settings: Settings) -> list[str]:
    """What commands can write to and a reset empties."""
    return list(filter(os.path.isdir, (settings.workdir, *settings.scratch)))


def modes(settings: Settings) -> dict[str, int]:
    """The directories' modes; an agent notes them at its start."""
    return {path: stat.S_IMODE(os.stat(path).st_mode) for path in directories(settings)}


def open_up(settings: Settings) -> None:
    """Make sure that the directories' owner can empty them, and take off their attributes."""
    for path in _owned(settings):
        os.chmod(path, 0o700)
        for name in _attributes(path):
            os.removexattr(path, name)


def close_up(settings: Settings) -> None:
    """Give the directories their modes back."""
    owned = set(_owned(settings))
    for path, mode in settings.modes.items():
        if path in owned:
            os.chmod(path, mode)


def require_pristine(settings: Settings) -> None:
    """Raises OSError that says what is left over."""
    left = list(_left_over(settings))
    if left:
        raise OSError(errno.EBUSY, f"it is not as it was: {', '.join(left)}")


def _left_over(settings: Settings) -> Iterator[str]:
    for path, mode in settings.modes.items():
        if os.listdir(path):
            yield f"{path} is not empty"
        if stat.S_IMODE(os.stat(path).st_mode) != mode:
            yield f"{path} has another mode"
        if _attributes(path):
            yield f"{path} has attributes"
    for table in TABLES if _is_alone() else ():
        if os.path.exists(table):
            with open(table) as file:
                if len(file.readlines()) > 1:
                    yield f"{table} is not empty"


def _owned(settings: Settings) -> Iterator[str]:
    for path in directories(settings):
        if os.stat(path).st_uid == os.geteuid():
            yield path


def _attributes(path: str) -> list[str]:
    try:
        return [name for name in os.listxattr(path) if name.startswith(CHANGEABLE)]
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return []
        raise


def _is_alone() -> bool:
    """Whether namespaces are the sandbox's own: the agent, or this worker's parent, is PID 1."""
    return 1 in (os.getpid(), os.getppid())
