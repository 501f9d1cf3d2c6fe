"""Git on its way into an image: all that works without a network, a seventh of what is installed.

Each of Git's own commands is a link to one program. Left out are the programs for mail and for the
network, those for a desktop, and what is written in Perl.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from forethought.sandbox.base import ImageBuildFailed
from forethought.sandbox.images.host import output
from forethought.sandbox.images.tree import Tree

ELF, SHELL = b"\x7fELF", b"#!/bin/sh"
LINKED = "git-receive-pack", "git-upload-archive", "git-upload-pack"
"""What a clone of a directory starts by name."""
PROGRAM_NAMES = frozenset({"git", "git-sh-i18n--envsubst"})
SCRIPT_LIBRARIES = frozenset({"git-sh-i18n", "git-sh-setup"})
TEMPLATES = Path("/usr/share/git-core/templates")


def program() -> Path:
    """The one git of this machine. Raises ImageBuildFailed where there is none."""
    found = shutil.which("git", path="/usr/bin:/usr/local/bin")
    if found is None:
        raise ImageBuildFailed("there is no git here to put into the image: apt-get install git")
    return Path(found).resolve()


def add_git(tree: Tree) -> set[Path]:
    """Put Git into an image; the binaries whose shared libraries it needs."""
    git, directory = program(), Path(output(str(program()), "--exec-path").strip())
    tree.copy(git, "/usr/bin/git")
    for name in LINKED:
        tree.link(f"/usr/bin/{name}", "git")
    binaries = {git}
    for path, is_binary in _own_programs(directory):
        if is_binary and path.stat().st_size == git.stat().st_size:
            tree.link(str(path), "/usr/bin/git")
            continue
        tree.copy(path)
        if is_binary:
            binaries.add(path)
    for path in sorted(TEMPLATES.rglob("*")):
        if path.is_file():
            tree.copy(path)
    return binaries


def _own_programs(directory: Path) -> Iterator[tuple[Path, bool]]:
    """Files of Git's directory that are wanted, and whether each is a binary."""
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        if not entry.is_file():
            continue
        path = Path(entry.path)
        if entry.is_symlink():
            if path.resolve().name == "git":
                yield path, True
            continue
        with path.open("rb") as file:
            begin = file.read(len(SHELL))
        if begin.startswith(ELF) and entry.name in PROGRAM_NAMES:
            yield path, True
        elif begin == SHELL or entry.name in SCRIPT_LIBRARIES:
            yield path, False
