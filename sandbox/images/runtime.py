"""Our own Python for images that have none: in a volume, mounted read-only at /forethought.

A shell can be the agent too (shell.py), and is where ours cannot be had, but it can do less. A
static busybox, the interpreter and its own loader and libraries run wherever the kernel does, be
the image's libc another one or none, and `python3` is there for commands and graders too, after the
image's own programs on PATH. The volume is filled once for each engine; a container with it starts
as quickly.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from http import HTTPStatus
from pathlib import Path

import docker
from docker.errors import APIError, NotFound

from forethought.sandbox.base import SandboxUnavailable
from forethought.sandbox.images import distributions, host
from forethought.sandbox.images.image import add_python, default_distributions, fingerprint
from forethought.sandbox.images.provide import alone, load
from forethought.sandbox.images.tree import Tree, docker_archive

PLACE = "/forethought"
PROGRAMS = f"{PLACE}/bin"
PYTHON = f"{PROGRAMS}/python3"
LIBRARIES = f"{PLACE}/lib"
WHOLE = f"{PLACE}/whole"
"""The engine copies in the order of names, and this one is the last of them."""
REPOSITORY = "forethought-runtime"
LAUNCHER = f"""\
#!{PLACE}/busybox sh
exec {LIBRARIES}/{{loader}} --argv0 "$0" --library-path {LIBRARIES} {PLACE}/interpreter "$@"
"""

PATIENCE_S = 120.0

_lock = threading.Lock()
_filled_at: set[str] = set()
"""Engines, by address, whose volume has been looked at."""


@functools.cache
def name() -> str:
    """Name of the image and of the volume, by what goes in. Raises SandboxUnavailable."""
    return fingerprint([host.busybox()], default_distributions())


def build() -> bytes:
    """A docker-archive of the image that the volume is filled from. Raises SandboxUnavailable."""
    tree = Tree()
    found = default_distributions()
    binaries = {host.interpreter()} | add_python(tree, found, place=_place)
    tree.copy(host.interpreter(), f"{PLACE}/interpreter")
    libraries = host.libraries_of(binaries)
    for path in libraries:
        tree.copy(path, f"{LIBRARIES}/{path.name}")
    (loader,) = {path.name for path in libraries if path.name.startswith("ld-")}
    tree.file(PYTHON, LAUNCHER.format(loader=loader).encode(), mode=0o755)
    tree.link(f"{PROGRAMS}/python", "python3")
    for each in found:
        for launcher, source in distributions.launchers(each, python=PYTHON):
            tree.file(f"{PROGRAMS}/{launcher}", source, mode=0o755)
    tree.file(f"{PLACE}/busybox", host.busybox().read_bytes(), mode=0o755)
    tree.file(WHOLE, b"")
    return docker_archive(
        tree.tar(), reference=f"{REPOSITORY}:{name()}", config={"Cmd": [f"{PLACE}/busybox"]}
    )


def provide_volume(engine: docker.APIClient) -> str:
    """Name of the filled volume at this engine; looked at once in each process.

    Raises SandboxUnavailable.
    """
    volume = f"{REPOSITORY}-{name()}"
    with _lock:
        if engine.base_url in _filled_at:
            return volume
        load(engine, f"{REPOSITORY}:{name()}", build)
        with alone():
            _fill_whole(engine, volume)
        _filled_at.add(engine.base_url)
    return volume


def forget(engine: docker.APIClient) -> None:
    """Look at the volume again before its next use."""
    with _lock:
        _filled_at.discard(engine.base_url)


def remove_unused(engine: docker.APIClient, volume: str) -> bool:
    """Remove a volume, unless a container has it: one that is being made may be filling it.

    One that is unused and not whole was left by somebody who was stopped halfway, and the engine
    fills empty ones only.
    """
    try:
        engine.remove_volume(volume)
    except NotFound:
        return True
    except APIError as error:
        if error.status_code != HTTPStatus.CONFLICT:
            raise
        return False
    return True


def _fill_whole(engine: docker.APIClient, volume: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not _fill(engine, volume):
        if time.monotonic() > deadline:
            raise SandboxUnavailable(f"the engine does not fill the volume {volume}")
        if not remove_unused(engine, volume):
            time.sleep(0.5)  # another machine's process is at it


def _fill(engine: docker.APIClient, volume: str) -> bool:
    """Mount it in a container that never starts: that fills an empty one. Whether it is whole."""
    mount = engine.create_host_config(binds={volume: {"bind": PLACE, "mode": "rw"}})
    container = engine.create_container(f"{REPOSITORY}:{name()}", host_config=mount)["Id"]
    try:
        with contextlib.suppress(NotFound):
            stream, _ = engine.get_archive(container, WHOLE)
            for _ in stream:
                pass
            return True
        return False
    finally:
        engine.remove_container(container, force=True)


def _place(path: Path) -> str:
    """Where a file below the interpreter's prefix goes: the interpreter finds its library so."""
    return f"{PLACE}/{path.relative_to(host.prefix())}"
