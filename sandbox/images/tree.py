"""Archives whose bytes depend on nothing but the names, modes and contents of their files."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import os
import platform
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

EPOCH = "1970-01-01T00:00:00Z"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class Tree:
    """Files on their way into an archive."""

    def __init__(self) -> None:
        self._members: dict[str, tuple[tarfile.TarInfo, bytes]] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._members

    def directory(self, path: str, *, mode: int = 0o755) -> None:
        """An empty directory; those above a file come by themselves."""
        self._add(path, tarfile.DIRTYPE, mode=mode)

    def file(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """A regular file."""
        self._add(path, tarfile.REGTYPE, mode=mode, data=data)

    def link(self, path: str, target: str) -> None:
        """A symbolic link."""
        self._add(path, tarfile.SYMTYPE, mode=0o777, target=target)

    def copy(self, source: Path, to: str | None = None) -> None:
        """A file of this machine, a link's target as its content; under the same path by default.

        Beside a Python source goes its bytecode, if there is any, made independent of the source's
        time, which is 0 here.
        """
        path = str(source) if to is None else to
        mode = 0o755 if os.access(source, os.X_OK) else 0o644
        data = source.read_bytes()
        self.file(path, data, mode=mode)
        if source.suffix == ".py":
            cached = Path(importlib.util.cache_from_source(str(source)))
            if cached.exists():
                code = cached.read_bytes()
                is_unchecked_hash = (1).to_bytes(4, "little")
                header = code[:4] + is_unchecked_hash + importlib.util.source_hash(data)
                self.file(importlib.util.cache_from_source(path), header + code[16:])

    def tar(self) -> bytes:
        """All members, in the order of their names."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for path in sorted(self._members):
                member, data = self._members[path]
                tar.addfile(member, io.BytesIO(data))
        return archive.getvalue()

    def _add(
        self, path: str, kind: bytes, *, mode: int, data: bytes = b"", target: str = ""
    ) -> None:
        for parent in Path(path).parents:
            if str(parent) != "/" and str(parent) not in self._members:
                self.directory(str(parent))
        member = tarfile.TarInfo(path.lstrip("/"))
        member.type, member.mode, member.size, member.linkname = kind, mode, len(data), target
        self._members[path] = member, data


def docker_archive(layer: bytes, *, reference: str, config: Mapping[str, object]) -> bytes:
    """An image of one layer, as `docker load` takes it."""
    settings = _json(
        {
            "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "created": EPOCH,
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_sha256(layer)}"]},
            "history": [{"created": EPOCH, "created_by": "forethought.sandbox"}],
        }
    )
    name = f"{_sha256(settings)}.json"
    manifest: Sequence[object] = [
        {"Config": name, "RepoTags": [reference], "Layers": ["layer.tar"]}
    ]
    archive = Tree()
    archive.file("/manifest.json", _json(manifest))
    archive.file(f"/{name}", settings)
    archive.file("/layer.tar", layer)
    return archive.tar()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
