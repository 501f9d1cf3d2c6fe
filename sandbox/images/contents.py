"""What an image holds in the directory that episodes start in, as a snapshot to be restored.

The root of a container is read-only, so that directory is one in memory, of limited size, and is
filled by the agent. Docker could fill a volume there by itself, which would have no limit.
"""

from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import docker
from docker.errors import APIError

from forethought.sandbox.base import SandboxSpec
from forethought.sandbox.images.image import tag
from forethought.sandbox.images.provide import provide

NUM_KEPT = 16
"""Archives in memory, of at most `disk_mb` each."""

_lock = threading.Lock()
_kept: dict[tuple[str, str], tuple[bytes, int]] = {}
"""Archives and the bytes of the files in them, by image id and directory; the oldest first."""


def contents(engine: docker.APIClient, spec: SandboxSpec) -> bytes | None:
    """The files in `spec.workdir` of its image; None without a workdir.

    Devices, pipes and sockets are left out; the owner may read and write all the rest. Raises
    ValueError if there is no such directory or it is too large, and SandboxUnavailable.
    """
    if spec.workdir is None:
        return None
    if spec.image is None:
        provide(engine, None)
    reference = spec.image or tag()
    identity = engine.inspect_image(reference)["Id"]
    with _lock:
        key = identity, spec.workdir
        if key not in _kept:
            found = _archive(engine, identity, spec.workdir, reference)
            if len(_kept) == NUM_KEPT:
                del _kept[next(iter(_kept))]
            _kept[key] = found
        archive, num_bytes = _kept[key]
    if num_bytes > spec.disk_mb << 20:
        raise ValueError(
            f"{spec.workdir} of the image {reference} holds {num_bytes / 2**20:.1f} MiB, more than "
            f"disk_mb={spec.disk_mb}; raise that"
        )
    return archive


def _archive(
    engine: docker.APIClient, identity: str, directory: str, reference: str
) -> tuple[bytes, int]:
    """A snapshot, and the bytes of the files in it."""
    rewritten, num_bytes = io.BytesIO(), 0
    with (
        _exported(engine, identity, directory, reference) as exported,
        tarfile.open(fileobj=exported, mode="r|") as old,
        tarfile.open(fileobj=rewritten, mode="w", format=tarfile.GNU_FORMAT) as new,
    ):
        for member in old:
            is_known = member.isreg() or member.isdir() or member.issym() or member.islnk()
            if member.name == "." or not is_known:
                continue
            # The commands' user owns them here, and could open them anyway.
            member.mode = (member.mode & 0o777) | (0o700 if member.isdir() else 0o600)
            member.pax_headers = {}
            new.addfile(member, old.extractfile(member) if member.isreg() else None)
            num_bytes += member.size
    return rewritten.getvalue(), num_bytes


@contextmanager
def _exported(
    engine: docker.APIClient, identity: str, directory: str, reference: str
) -> Iterator[_Chunks]:
    """The engine's archive of a directory, from a container that is never started."""
    container = engine.create_container(identity, command=["-"], network_disabled=True)["Id"]
    try:
        # The point has the engine follow a link, and name all files relative to the directory.
        stream, _ = engine.get_archive(container, f"{directory}/.")
        yield _Chunks(stream)
    except APIError as error:
        if error.status_code == 404 or "not a directory" in (error.explanation or ""):
            raise ValueError(f"the image {reference} has no directory {directory}") from None
        raise
    finally:
        engine.remove_container(container, force=True, v=True)


class _Chunks(io.RawIOBase):
    """An archive that comes in pieces, as a file to read from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        pieces, num_read = [self._rest], len(self._rest)
        while size < 0 or num_read < size:
            chunk = next(self._chunks, b"")
            if not chunk:
                break
            pieces.append(chunk)
            num_read += len(chunk)
        data = b"".join(pieces)
        end = len(data) if size < 0 else size
        self._rest = data[end:]
        return data[:end]
