"""A directory as a tar archive and back, in pieces, by code that runs inside a sandbox.

The format is GNU tar's: what this writes any tar reads, and it reads what GNU_FORMAT writes. It is
an order of magnitude quicker than tarfile on trees of small files, and never follows a link.
"""

# Every import lengthens every boot (see agent.py), so no pathlib.
# ruff: noqa: PTH101, PTH102, PTH115, PTH118, PTH120, PTH208, PTH211

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator

BLOCK = 512
PIECE = 1 << 20
END = bytes(2 * BLOCK)
MAX_NAME = 100
"""Longer names stand in a member of their own, before the one that they name."""
FILE, HARD_LINK, SYMLINK, DIRECTORY, FIFO = b"0", b"1", b"2", b"5", b"6"
LONG_NAME, LONG_TARGET = b"L", b"K"
KINDS = {stat.S_IFREG: FILE, stat.S_IFLNK: SYMLINK, stat.S_IFDIR: DIRECTORY, stat.S_IFIFO: FIFO}
"""What is archived; sockets and devices are passed over."""


def require_size(top: str, limit: int) -> None:
    """Raises OSError, with the size, if the archive of `top` would be longer than `limit`."""
    size = len(END)
    for _, status in _walk(os.fsencode(top)):
        size += BLOCK + (status.st_size if stat.S_ISREG(status.st_mode) else 0)
    if size > limit:
        raise OSError(errno.EFBIG, f"it takes {size} bytes, more than the {limit} allowed")


def pieces(top: str) -> Iterator[bytes]:
    """The archive of what is in `top`, in the order of names; a piece holds 1 MiB at most."""
    first: dict[tuple[int, int], bytes] = {}
    base = os.fsencode(top)
    for name, status in _walk(base):
        path = os.path.join(base, name)
        key = status.st_dev, status.st_ino
        kind = KINDS[stat.S_IFMT(status.st_mode)]
        if kind == FILE and key in first:
            yield _member(name, HARD_LINK, status, target=first[key])
            continue
        if kind == FILE:
            first[key] = name
            yield from _file(name, path, status)
        elif kind == SYMLINK:
            yield _member(name, kind, status, target=os.readlink(path))
        else:
            yield _member(name, kind, status)
    yield END


def unpack(top: str, read: Callable[[int], bytes]) -> None:
    """Unpack an archive into the empty `top`; `read` gives that many bytes, or all that are left.

    Raises OSError for a member that would lie outside, or that no archive of ours holds.
    """
    base = os.fsencode(top)
    made: dict[bytes, tuple[int, int]] = {b"": (-1, 0)}
    long: dict[bytes, bytes] = {}
    while len(header := read(BLOCK)) == BLOCK and header != bytes(BLOCK):
        kind, size = header[156:157], _number(header[124:135])
        if kind in (LONG_NAME, LONG_TARGET):
            long[kind] = read(size).rstrip(b"\0")
            read(-size % BLOCK)
            continue
        name = _safe(long.get(LONG_NAME) or header[:MAX_NAME].rstrip(b"\0"))
        target = long.get(LONG_TARGET) or header[157:257].rstrip(b"\0")
        mode, mtime = _number(header[100:107]) & 0o7777, _number(header[136:147])
        long.clear()
        if not name:
            continue
        _make_parents(base, name, made)
        path = os.path.join(base, name)
        if kind == DIRECTORY:
            if name not in made:
                os.mkdir(path, 0o700)
            made[name] = mode, mtime
        elif kind in (FILE, b"\0"):
            _write(path, size, mode, mtime, read)
        else:
            _make_other(path, kind, base, target, mode)
    # Last, since a directory may forbid to write in it, and writing changes its time.
    for name, (mode, mtime) in reversed(made.items()):
        if mode >= 0:
            os.chmod(os.path.join(base, name), mode)
            os.utime(os.path.join(base, name), (mtime, mtime))


def _walk(base: bytes) -> Iterator[tuple[bytes, os.stat_result]]:
    """Names below `base` with their status, a directory before what it holds; no recursion."""
    stack, closed = _children(base, b""), list[tuple[bytes, int]]()
    try:
        while stack:
            name = stack.pop()
            path = os.path.join(base, name)
            try:
                status = os.lstat(path)
            except FileNotFoundError:
                continue
            if stat.S_IFMT(status.st_mode) in KINDS:
                yield name, status
            if stat.S_ISDIR(status.st_mode):
                if status.st_mode & 0o500 != 0o500:
                    closed.append((path, stat.S_IMODE(status.st_mode)))
                    os.chmod(path, 0o700)
                stack += _children(base, name)
    finally:
        for path, mode in reversed(closed):
            os.chmod(path, mode)


def _children(base: bytes, name: bytes) -> list[bytes]:
    children = os.listdir(os.path.join(base, name))
    return [os.path.join(name, child) for child in sorted(children, reverse=True)]


def _member(
    name: bytes, kind: bytes, status: os.stat_result, *, size: int = 0, target: bytes = b""
) -> bytes:
    """The header of a member, after those that hold what is too long for it."""
    before = b""
    if len(name) > MAX_NAME:
        before += _long(LONG_NAME, name)
    if len(target) > MAX_NAME:
        before += _long(LONG_TARGET, target)
    mode, mtime = stat.S_IMODE(status.st_mode), max(0, int(status.st_mtime))
    return before + _header(name, kind, mode=mode, size=size, mtime=mtime, target=target)


def _long(kind: bytes, text: bytes) -> bytes:
    header = _header(b"././@LongLink", kind, size=len(text) + 1)
    return header + text + bytes(1 + -(len(text) + 1) % BLOCK)


def _header(
    name: bytes, kind: bytes, *, mode: int = 0, size: int = 0, mtime: int = 0, target: bytes = b""
) -> bytes:
    """A header of GNU tar: name, mode, user, group, size, time, checksum, kind, target, magic."""
    numbers = b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (mode, 0, 0, size, mtime)
    start = name[:MAX_NAME].ljust(MAX_NAME, b"\0") + numbers
    rest = kind + target[:MAX_NAME].ljust(MAX_NAME, b"\0") + b"ustar  \0"
    rest += bytes(BLOCK - len(start) - 8 - len(rest))
    # The checksum counts its own eight bytes as spaces.
    return start + b"%06o\0 " % (sum(start) + sum(rest) + 8 * 32) + rest


def _file(name: bytes, path: bytes, status: os.stat_result) -> Iterator[bytes]:
    """A regular file of exactly the length in its header, whatever it does meanwhile."""
    try:
        fd = _open(path, stat.S_IMODE(status.st_mode))
    except FileNotFoundError:
        return
    try:
        left = status.st_size
        piece = _member(name, FILE, status, size=left)
        while left:
            num_bytes = min(left, PIECE - len(piece))
            data = os.read(fd, num_bytes) or bytes(num_bytes)
            left -= len(data)
            piece += data
            if len(piece) == PIECE:
                yield piece
                piece = b""
        yield piece + bytes(-status.st_size % BLOCK)
    finally:
        os.close(fd)


def _open(path: bytes, mode: int) -> int:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    if mode & 0o400:
        return os.open(path, flags)
    os.chmod(path, mode | 0o400)
    try:
        return os.open(path, flags)
    finally:
        os.chmod(path, mode)


def _number(field: bytes) -> int:
    try:
        return int(field, 8)
    except ValueError:
        raise OSError(errno.EINVAL, "this is no tar archive") from None


def _safe(name: bytes) -> bytes:
    """The name without what adds nothing. Raises OSError if it points out of the directory."""
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    if name.startswith(b"/") or b".." in parts:
        raise OSError(errno.EINVAL, f"a member would lie outside: {os.fsdecode(name)}")
    return b"/".join(parts)


def _make_parents(base: bytes, name: bytes, made: dict[bytes, tuple[int, int]]) -> None:
    """Make the directories above; a link in their place is none that we made, so it fails."""
    parent = os.path.dirname(name)
    if parent not in made:
        _make_parents(base, parent, made)
        os.mkdir(os.path.join(base, parent), 0o755)
        made[parent] = -1, 0


def _write(path: bytes, size: int, mode: int, mtime: int, read: Callable[[int], bytes]) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        left = size
        while left:
            data = read(min(left, PIECE))
            if not data:
                raise OSError(errno.EINVAL, "the archive ends in the middle of a file")
            left -= len(data)
            while data:
                data = data[os.write(fd, data) :]
        os.fchmod(fd, mode)
        os.utime(fd, (mtime, mtime))
    finally:
        os.close(fd)
    read(-size % BLOCK)


def _make_other(path: bytes, kind: bytes, base: bytes, target: bytes, mode: int) -> None:
    if kind == SYMLINK:
        os.symlink(target, path)
    elif kind == HARD_LINK:
        os.link(os.path.join(base, _safe(target)), path, follow_symlinks=False)
    elif kind == FIFO:
        os.mkfifo(path)
        os.chmod(path, mode)
    else:
        raise OSError(errno.EINVAL, f"a member of kind {kind!r}, which no archive of ours holds")
