"""File requests in a sandbox, done as the commands' user so that a planted link gains nothing."""

# Every import lengthens every boot (see agent.py), so no pathlib.
# ruff: noqa: PTH101, PTH103, PTH104, PTH106, PTH108, PTH116, PTH118, PTH120, PTH208

from __future__ import annotations

import errno
import os
import stat

from forethought.sandbox.command import drop
from forethought.sandbox.confine import remove_shared_memory
from forethought.sandbox.frames import Reply, Request, Settings


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
    """Empty every directory that commands can write to."""
    drop(settings)
    if settings.system_call_filter:
        remove_shared_memory()
    for directory in filter(os.path.isdir, (settings.workdir, *settings.scratch)):
        if os.stat(directory).st_uid == os.getuid():
            os.chmod(directory, 0o755)
        empty(directory)
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


def snapshot(request: Request, settings: Settings) -> Reply:
    """The working directory as a tar archive."""
    # Imported here since these two would add half to the time that every boot takes.
    import io
    import tarfile

    drop(settings)
    _require_no_holes(settings.workdir)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(settings.workdir, arcname=".")
    return Reply(request.id, body=archive.getvalue())


def _require_no_holes(top: str) -> None:
    """A sparse file could make an archive that is longer than all memory."""
    room = os.statvfs(top)
    left = room.f_blocks * room.f_frsize
    for directory, _, names in os.walk(top):
        for name in names:
            left -= os.lstat(os.path.join(directory, name)).st_size
        if left < 0:
            raise OSError(errno.EFBIG, "its files say that they are longer than the disk")


def restore(request: Request, settings: Settings) -> Reply:
    """Empty, then unpack a tar archive; links and modes are kept as they are."""
    import io
    import tarfile

    reply = reset(request, settings)
    with tarfile.open(fileobj=io.BytesIO(request.body)) as tar:
        tar.extraction_filter = staticmethod(lambda member, path: member)
        tar.extractall(settings.workdir)
    return reply
