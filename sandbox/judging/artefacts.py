"""Files that leave an agent's sandbox to be judged: plain data, at places named beforehand.

Nothing is unpacked on the controller, and what is not a plain file is refused and not followed: a
link, a second name of a file, a directory, a pipe, a device, and all that is too large.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from forethought.sandbox.base import Sandbox, SandboxFileError
from forethought.sandbox.judging.verdict import Cause

MAX_FILES = 128
MAX_BYTES = 1 << 20
MAX_TOTAL_BYTES = 8 << 20
SURVEY_S = 20.0
SURVEY = """
import json, os, stat, sys
KINDS = {
    stat.S_IFREG: "file", stat.S_IFLNK: "link", stat.S_IFDIR: "directory", stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device",
}
def look(path):
    parts = path.split("/")
    for end in range(1, len(parts) + 1):
        try:
            found = os.lstat("/".join(parts[:end]))
        except OSError:
            return "missing", 0, 0
        kind = KINDS[stat.S_IFMT(found.st_mode)]
        if kind != "directory":
            break
    is_whole = end == len(parts)
    if kind != "link" and not is_whole:
        return "missing", 0, 0
    return kind, found.st_size, found.st_nlink
print(json.dumps([look(path) for path in sys.argv[1:]]))
"""
_SURVEYED = re.compile(r'\[(\["[a-z]+", \d+, \d+\](, )?)*\]\n')


class ArtefactRefused(ValueError):
    """A file that was to be judged is missing, or is nothing to be judged; `cause` says which."""

    def __init__(self, path: str, why: str, *, cause: Cause = Cause.REFUSED_ARTEFACT) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path
        self.cause = cause


async def collect(
    sandbox: Sandbox,
    paths: Sequence[str],
    *,
    max_bytes: int = MAX_BYTES,
    max_total_bytes: int = MAX_TOTAL_BYTES,
) -> dict[str, bytes]:
    """Content of the files at `paths`, which are relative to the working directory.

    Raises ArtefactRefused for the first that is missing, not a plain file with one name, or too
    large; SandboxUnavailable; and ValueError for more paths than MAX_FILES.
    """
    if len(paths) > MAX_FILES:
        raise ValueError(f"{len(paths)} artefacts are too many; at most {MAX_FILES} are taken")
    for path in paths:
        require_relative(path)
    sizes = await _survey(sandbox, paths, max_bytes=max_bytes)
    if sum(sizes) > max_total_bytes:
        raise ArtefactRefused(
            paths[-1], f"{sum(sizes)} bytes with the files before it; at most {max_total_bytes}"
        )
    files = {}
    for path, size in zip(paths, sizes, strict=True):
        try:
            files[path] = await sandbox.read(path, max_bytes=max_bytes)
        except SandboxFileError as error:
            raise ArtefactRefused(path, str(error)) from None
        if len(files[path]) != size:
            raise ArtefactRefused(path, "changed while it was read")
    return files


def require_relative(path: str) -> None:
    """Raises ArtefactRefused unless `path` stays below the directory it is relative to."""
    if "\0" in path:
        raise ArtefactRefused(repr(path), "a path cannot hold a NUL character")
    pure = PurePosixPath(path)
    if pure.is_absolute():
        raise ArtefactRefused(path, "not relative to the working directory")
    if ".." in pure.parts or str(pure) != path or path == ".":
        raise ArtefactRefused(path or "''", "not a plain path below the working directory")


def as_snapshot(files: Mapping[str, bytes]) -> bytes:
    """Files as an archive that `Sandbox.restore` takes; the same files give the same bytes.

    Raises ArtefactRefused for a path that is not below the working directory.
    """
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(files):
            require_relative(path)
            member = tarfile.TarInfo(path)
            member.size = len(files[path])
            tar.addfile(member, io.BytesIO(files[path]))
    return archive.getvalue()


async def _survey(sandbox: Sandbox, paths: Sequence[str], *, max_bytes: int) -> list[int]:
    """Sizes of the files at `paths`, none of them refused."""
    looked = await sandbox.exec(["python3", "-I", "-S", "-c", SURVEY, *paths], timeout_s=SURVEY_S)
    # The sandbox is the agent's: what answers in it is believed to be an answer only if it is one.
    answer = looked.stdout.decode("utf-8", "replace")
    found = json.loads(answer) if _SURVEYED.fullmatch(answer) else []
    if len(found) != len(paths):
        raise ArtefactRefused(paths[0], f"its sandbox does not say what it is: {looked.text[:200]}")
    for path, (kind, size, num_names) in zip(paths, found, strict=True):
        if kind == "missing":
            raise ArtefactRefused(path, "there is no such file", cause=Cause.MISSING_ARTEFACT)
        if kind != "file":
            raise ArtefactRefused(path, f"a {kind} and not a file")
        if num_names != 1:
            raise ArtefactRefused(path, f"one of {num_names} names of the same file")
        if size > max_bytes:
            raise ArtefactRefused(path, f"{size} bytes; at most {max_bytes} are taken")
    return [size for _, size, _ in found]
