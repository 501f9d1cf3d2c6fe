"""What images are made of: this machine's interpreter, its libraries and its shell."""

from __future__ import annotations

import functools
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from forethought.sandbox.base import SandboxUnavailable

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
LOADER_CACHE = Path("/etc/ld.so.cache")
"""Stands for all shared libraries: the system renews it with them."""


def interpreter() -> Path:
    """The interpreter below any virtual environment. Raises SandboxUnavailable but on Linux."""
    if sys.platform != "linux":
        raise SandboxUnavailable(
            f"the default image is made from a Linux host, and this is {sys.platform}; "
            "set SandboxSpec.image to an image with python3"
        )
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return (Path(sys.base_prefix) / "bin" / name).resolve()


def prefix() -> Path:
    """The directory above the interpreter's own bin and lib."""
    return Path(sys.base_prefix)


def busybox() -> Path:
    """A shell and core tools in one static program. Raises SandboxUnavailable."""
    found = shutil.which("busybox", path="/bin:/usr/bin:/usr/local/bin")
    if found is None:
        raise SandboxUnavailable(
            "the default image needs a static busybox: apt-get install busybox-static, "
            "or set SandboxSpec.image to an image with python3"
        )
    return Path(found).resolve()


def bash() -> list[Path]:
    """The one bash, where there is one."""
    found = shutil.which("bash", path="/bin:/usr/bin")
    return [] if found is None else [Path(found).resolve()]


def standard_library() -> Iterator[Path]:
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


def site_directory() -> Path:
    """Where the interpreter below any virtual environment looks for distributions."""
    return Path(sysconfig.get_path("purelib", vars=_base()))


@functools.cache
def wheel_libraries() -> tuple[Path, ...]:
    """The libraries that wheels count on, as far as they are here."""
    machine = platform.machine().replace("_", "-")
    ldconfig = shutil.which("ldconfig", path="/sbin:/usr/sbin:/usr/bin") or "ldconfig"
    found = []
    for line in output(ldconfig, "-p").splitlines():
        name, _, path = line.strip().partition(" => ")
        if name.split(" ")[0] in WHEEL_LIBRARIES and machine in name.lower():
            found.append(Path(path))
    return tuple(found)


def libraries_of(binaries: Iterable[Path]) -> set[Path]:
    """All that the binaries and wheels are linked with, the loader included."""
    own = {path.resolve() for path in binaries}
    linked = {*binaries, *wheel_libraries()}
    listing = output("ldd", *map(str, sorted(linked)))
    found = {Path(path) for path in re.findall(r"^\t(?:\S+ => )?(/\S+) \(0x", listing, re.M)}
    # A wheel's libraries lie in the wheel.
    return {path for path in found | set(wheel_libraries()) if path.resolve() not in own}


def output(*command: str) -> str:
    """Standard output of a program, whatever its status."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _base() -> dict[str, str]:
    return {"base": sys.base_prefix, "platbase": sys.base_exec_prefix}
