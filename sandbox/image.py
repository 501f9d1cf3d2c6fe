"""The default image, made from this machine's own interpreter where no registry answers.

One layer: the running Python with its standard library, the shared libraries it needs, bash where
there is one, and a static busybox for everything else; 50 to 90 MB. The same host files give the
same bytes, so an engine that has the image is never sent it again.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterator
from pathlib import Path

from forethought.sandbox.base import SandboxUnavailable

UID = 1000
REPOSITORY = "forethought-sandbox"
EPOCH = "1970-01-01T00:00:00Z"
LEFT_OUT_DIRECTORIES = frozenset(
    {
        "__pycache__",
        "dist-packages",
        "ensurepip",
        "idlelib",
        "lib2to3",
        "pydoc_data",
        "site-packages",
        "test",
        "tests",
        "tkinter",
        "turtledemo",
    }
)
LEFT_OUT_SUFFIXES = frozenset({".a", ".exe", ".o", ".pyc"})
WHEEL_LIBRARIES = (
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "libstdc++.so.6",
    "libutil.so.1",
)
"""What binary wheels are linked with, whether or not the interpreter is."""
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
PASSWD = f"root:x:0:0:root:/root:/bin/sh\nsandbox:x:{UID}:{UID}::/workspace:/bin/sh\n"
GROUP = f"root:x:0:\nsandbox:x:{UID}:\n"


@functools.cache
def tag() -> str:
    """Name of the image that `build` would make now, without making it.

    A hash over this file and over path, size and time of what goes in; shared libraries are
    represented by the loader's cache, which the system renews with them. Raises SandboxUnavailable.
    """
    digest = hashlib.sha256(Path(__file__).read_bytes())
    loader_cache = Path("/etc/ld.so.cache")
    for path in (_interpreter(), _busybox(), *_bash(), *_library_files(), loader_cache):
        if path.exists():
            status = path.stat()
            digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return f"{REPOSITORY}:{digest.hexdigest()[:16]}"


def build() -> bytes:
    """A docker-archive of the image, named by `tag`, as `docker load` takes it.

    Raises SandboxUnavailable where the host lacks what the image is made of.
    """
    layer = _layer()
    config = _json(
        {
            "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "created": EPOCH,
            "config": {
                "Env": [
                    "PATH=/usr/local/bin:/usr/bin:/bin",
                    "LANG=C.UTF-8",
                    "PYTHONDONTWRITEBYTECODE=1",
                ],
                "Cmd": ["sh"],
                "WorkingDir": "/workspace",
                "User": f"{UID}:{UID}",
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_sha256(layer)}"]},
            "history": [{"created": EPOCH, "created_by": "forethought.sandbox.image"}],
        }
    )
    name = f"{_sha256(config)}.json"
    manifest = _json([{"Config": name, "RepoTags": [tag()], "Layers": ["layer.tar"]}])
    archive = _Tree()
    archive.file("/manifest.json", manifest)
    archive.file(f"/{name}", config)
    archive.file("/layer.tar", layer)
    return archive.tar()


class _Tree:
    """Files of an archive whose bytes depend on nothing but their names and content."""

    def __init__(self) -> None:
        self._members: dict[str, tuple[tarfile.TarInfo, bytes]] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._members

    def directory(self, path: str, *, mode: int = 0o755) -> None:
        self._add(path, tarfile.DIRTYPE, mode=mode)

    def file(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        self._add(path, tarfile.REGTYPE, mode=mode, data=data)

    def link(self, path: str, target: str) -> None:
        self._add(path, tarfile.SYMTYPE, mode=0o777, target=target)

    def copy(self, path: Path) -> None:
        """The host's file, under the same path and with a link's target as its content."""
        mode = 0o755 if os.access(path, os.X_OK) else 0o644
        self.file(str(path), path.read_bytes(), mode=mode)

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


def _layer() -> bytes:
    tree = _Tree()
    linked = {_interpreter(), *_bash()}
    for path in _library_files():
        tree.copy(path)
        if path.suffix == ".so":
            linked.add(path)
        if path.suffix == ".py":
            _add_bytecode(tree, path)
    for path in linked | set(_wheel_libraries()):
        tree.copy(path)
    for path in _shared_libraries(linked | set(_wheel_libraries())):
        tree.copy(path)
    major, minor = sys.version_info[:2]
    for name in ("python", "python3", f"python{major}.{minor}"):
        tree.link(f"/usr/local/bin/{name}", str(_interpreter()))
    _add_commands(tree)
    tree.file("/etc/passwd", PASSWD.encode())
    tree.file("/etc/group", GROUP.encode())
    tree.directory("/tmp", mode=0o1777)
    tree.directory("/workspace", mode=0o1777)
    for mount_point in ("/dev", "/proc", "/sys"):
        tree.directory(mount_point)
    return tree.tar()


def _add_bytecode(tree: _Tree, source: Path) -> None:
    """The host's bytecode, made independent of the source's time, which the image sets to 0."""
    cached = Path(importlib.util.cache_from_source(str(source)))
    if cached.exists():
        code = cached.read_bytes()
        is_unchecked_hash = (1).to_bytes(4, "little")
        digest = importlib.util.source_hash(source.read_bytes())
        tree.file(str(cached), code[:4] + is_unchecked_hash + digest + code[16:])


def _add_commands(tree: _Tree) -> None:
    busybox = _busybox()
    tree.file("/bin/busybox", busybox.read_bytes(), mode=0o755)
    for bash in _bash():
        if str(bash) != "/bin/bash":
            tree.link("/bin/bash", str(bash))
    for applet in _output(str(busybox), "--list").split():
        if f"/bin/{applet}" not in tree:
            tree.link(f"/bin/{applet}", "/bin/busybox")


def _interpreter() -> Path:
    """The interpreter below any virtual environment."""
    if sys.platform != "linux":
        raise SandboxUnavailable(
            f"the default image is made from a Linux host, and this is {sys.platform}; "
            "set SandboxSpec.image to an image with python3"
        )
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return (Path(sys.base_prefix) / "bin" / name).resolve()


def _busybox() -> Path:
    found = shutil.which("busybox", path="/bin:/usr/bin:/usr/local/bin")
    if found is None:
        raise SandboxUnavailable(
            "the default image needs a static busybox: apt-get install busybox-static, "
            "or set SandboxSpec.image to an image with python3"
        )
    return Path(found).resolve()


def _bash() -> list[Path]:
    found = shutil.which("bash", path="/bin:/usr/bin")
    return [] if found is None else [Path(found).resolve()]


def _library_files() -> Iterator[Path]:
    """Files of the standard library, in order."""
    roots = {sysconfig.get_path(name, vars=_base()) for name in ("stdlib", "platstdlib")}
    for root in sorted(roots):
        for directory, names, files in os.walk(root):
            names[:] = sorted(
                name
                for name in names
                if name not in LEFT_OUT_DIRECTORIES and not name.startswith("config-")
            )
            for file in sorted(files):
                path = Path(directory, file)
                if path.suffix not in LEFT_OUT_SUFFIXES and path.is_file():
                    yield path


def _base() -> dict[str, str]:
    return {"base": sys.base_prefix, "platbase": sys.base_exec_prefix}


@functools.cache
def _wheel_libraries() -> tuple[Path, ...]:
    machine = platform.machine().replace("_", "-")
    ldconfig = shutil.which("ldconfig", path="/sbin:/usr/sbin:/usr/bin") or "ldconfig"
    found = []
    for line in _output(ldconfig, "-p").splitlines():
        name, _, path = line.strip().partition(" => ")
        if name.split(" ")[0] in WHEEL_LIBRARIES and machine in name.lower():
            found.append(Path(path))
    return tuple(found)


def _shared_libraries(binaries: set[Path]) -> set[Path]:
    """The closure of what the binaries are linked with, the loader included."""
    listing = _output("ldd", *map(str, sorted(binaries)))
    return {Path(path) for path in re.findall(r"^\t(?:\S+ => )?(/\S+) \(0x", listing, re.M)}


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
