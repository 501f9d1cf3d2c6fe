"""The default image, made from this machine's own interpreter where no registry answers.

One layer: the running Python with its standard library, the shared libraries it needs, pytest where
that is installed, bash where there is one, and a static busybox for everything else; 50 to 100 MB.
The same host files give the same bytes, so an engine that has the image is never sent it again.
More can be put in: any distribution, and Git.
"""

from __future__ import annotations

import functools
import hashlib
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import Distribution
from pathlib import Path

from forethought.sandbox.images import distributions, host, host_git
from forethought.sandbox.images.tree import Tree, docker_archive

UID = 1000
REPOSITORY = "forethought-sandbox"
PACKAGES = ("pytest",)
"""In every image as far as they are installed here: work is judged by running its tests."""
PASSWD = f"root:x:0:0:root:/root:/bin/sh\nsandbox:x:{UID}:{UID}::/workspace:/bin/sh\n"
GROUP = f"root:x:0:\nsandbox:x:{UID}:\n"
CONFIG = {
    "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1"],
    "Cmd": ["sh"],
    "WorkingDir": "/workspace",
    "User": f"{UID}:{UID}",
}
PYTHON = "/usr/local/bin/python3"


@functools.cache
def tag() -> str:
    """Name of the image that `build` would make now, without making it; see `tag_with`.

    Raises SandboxUnavailable.
    """
    return tag_with(default_distributions())


def build() -> bytes:
    """A docker-archive of the default image, named by `tag`, as `docker load` takes it.

    Raises SandboxUnavailable where the host lacks what the image is made of.
    """
    return build_with(default_distributions())


def default_distributions() -> list[Distribution]:
    """What of PACKAGES is installed beside this interpreter, with what it requires."""
    found: dict[str, Distribution] = {}
    for name in PACKAGES:
        found |= distributions.installed_closure(name)
    return [found[key] for key in sorted(found)]


def tag_with(found: Sequence[Distribution], *, with_git: bool = False) -> str:
    """Name of an image with these distributions in it.

    A hash over the programs that make it, over path, size and time of what goes in, and over the
    distributions' records. Raises SandboxUnavailable.
    """
    added = [host_git.program()] if with_git else []
    inputs = (host.busybox(), *host.bash(), *added)
    return f"{REPOSITORY}:{fingerprint(inputs, found)}"


def build_with(found: Sequence[Distribution], *, with_git: bool = False) -> bytes:
    """A docker-archive of an image with these distributions in it, named by `tag_with`.

    Raises SandboxUnavailable.
    """
    tree = Tree()
    binaries = {host.interpreter(), *host.bash()}
    for path in binaries:
        tree.copy(path)
    binaries |= add_python(tree, found, place=str)
    if with_git:
        binaries |= host_git.add_git(tree)
    for path in host.libraries_of(binaries):
        tree.copy(path)
    major, minor = sys.version_info[:2]
    for name in ("python", "python3", f"python{major}.{minor}"):
        tree.link(f"/usr/local/bin/{name}", str(host.interpreter()))
    for each in found:
        for name, source in distributions.launchers(each, python=PYTHON):
            tree.file(f"/usr/local/bin/{name}", source, mode=0o755)
    _add_system(tree)
    return docker_archive(tree.tar(), reference=tag_with(found, with_git=with_git), config=CONFIG)


def fingerprint(inputs: Iterable[Path], found: Sequence[Distribution]) -> str:
    """Sixteen hexadecimal digits that differ where interpreter, inputs or distributions do."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for name in ("distributions", "host", "host_git", "image", "runtime", "tree"):
        digest.update((here / f"{name}.py").read_bytes())
    for path in (host.interpreter(), *inputs, *host.standard_library(), host.LOADER_CACHE):
        if path.exists():
            status = path.stat()
            digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    for each in sorted(found, key=lambda each: each.name):
        digest.update(distributions.fingerprint(each))
    return digest.hexdigest()[:16]


def add_python(
    tree: Tree, found: Sequence[Distribution], *, place: Callable[[Path], str]
) -> set[Path]:
    """Put the standard library and distributions where `place` says; the binaries among them."""
    copied = {path: place(path) for path in host.standard_library()}
    for each in found:
        for name, path in distributions.files(each):
            copied[path] = place(host.site_directory() / name)
    for path, to in copied.items():
        tree.copy(path, to)
    return {path for path in copied if path.suffix == ".so" or ".so." in path.name}


def _add_system(tree: Tree) -> None:
    """Commands, accounts and mount points."""
    busybox = host.busybox()
    tree.file("/bin/busybox", busybox.read_bytes(), mode=0o755)
    for bash in host.bash():
        if str(bash) != "/bin/bash":
            tree.link("/bin/bash", str(bash))
    for applet in host.output(str(busybox), "--list").split():
        if f"/bin/{applet}" not in tree:
            tree.link(f"/bin/{applet}", "/bin/busybox")
    tree.file("/etc/passwd", PASSWD.encode())
    tree.file("/etc/group", GROUP.encode())
    tree.directory("/tmp", mode=0o1777)
    tree.directory("/workspace", mode=0o1777)
    for mount_point in ("/dev", "/proc", "/sys"):
        tree.directory(mount_point)
