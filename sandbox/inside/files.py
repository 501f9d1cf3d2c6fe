"""File requests in a sandbox, done as the commands' user so that a planted link gains nothing."""

# Every import lengthens every boot (see agent.py), so no pathlib.
# ruff: noqa: PTH101, PTH103, PTH104, PTH106, PTH108, PTH118, PTH120, PTH208

from __future__ import annotations

import errno
import os
import stat

from forethought.sandbox.inside.command import drop
from forethought.sandbox.inside.confine import remove_shared_memory
from forethought.sandbox.inside.pristine import close_up, directories, open_up, require_pristine
from forethought.sandbox.wire.frames import Reply, Request, Settings


def read(request: Request, settings: Settings) -> Reply:
    """Content of a regular file of at most `limit` bytes."""
    drop(settings)
    # Without O_NONBLOCK a named pipe would hold the worker for ever.
    fd = os.open(os.path.join(settings.workdir, request.path), os.O_RDONLY | os.O_NONBLOCK)
    _require_regular(fd)
    with os.fdopen(fd, "rb") as file:
        body = file.read(request.limit + 1)
    if len(body) > request.limit:
        raise OSError(errno.EFBIG, f"longer than the {request.limit} bytes allowed")
    return Reply(request.id, body=body)


def write(request: Request, settings: Settings) -> Reply:
    """Write a file, with its parent directories."""
    drop(settings)
    path = os.path.join(settings.workdir, request.path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK, request.mode)
    _require_regular(fd)
    with os.fdopen(fd, "wb") as file:
        file.truncate(0)
        file.write(request.body)
        os.fchmod(fd, request.mode)
    return Reply(request.id)


def _require_regular(fd: int) -> None:
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        raise OSError(errno.EINVAL, "not a regular file")


def reset(request: Request, settings: Settings) -> Reply:
    """Empty every directory that commands can write to, and see that nothing else is left."""
    drop(settings)
    if settings.system_call_filter:
        remove_shared_memory()
    open_up(settings)
    for directory in directories(settings):
        empty(directory)
    close_up(settings)
    require_pristine(settings)
    return Reply(request.id)


def empty(top: str) -> None:
    """Delete what a directory holds, without recursion: trees may be deeper than any stack."""
    while names := os.listdir(top):
        for name in names:
            path = os.path.join(top, name)
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                os.unlink(path)
                continue
            os.chmod(path, 0o700)
            for child in os.listdir(path):
                inner = os.path.join(path, child)
                if stat.S_ISDIR(os.lstat(inner).st_mode):
                    os.chmod(inner, 0o700)
                    os.rename(inner, os.path.join(top, os.urandom(12).hex()))
                else:
                    os.unlink(inner)
            os.rmdir(path)
