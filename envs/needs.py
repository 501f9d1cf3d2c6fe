"""Needs: what an environment cannot do without and may not be on this machine."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from forethought.sandbox import backends

DATA = "FORETHOUGHT_DATA"
"""Variable that names the folder in which data sets lie, one folder each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """Something outside of the code of an environment."""

    what: str
    """In a few words that follow "needs"."""
    get: str
    """What to do where it is missing."""
    is_here: Callable[[], bool]
    option: str = ""
    """Option of the environment that gives it instead."""

    def missing(self, options: Collection[str] = ()) -> str | None:
        """What is missing and what to do, if it is neither here nor among the options given."""
        if self.option in options or self.is_here():
            return None
        return f"needs {self.what}: {self.get}"


def package(module: str, *, install: str) -> Need:
    """A top-level module, and what pip has to install for it; it is found, not imported."""
    return Need(
        what=f"the package {module}",
        get=f"run: pip install '{install}'",
        is_here=lambda: importlib.util.find_spec(module) is not None,
    )


def given(option: str, *, what: str) -> Need:
    """Something that can only be given by an option of the environment."""
    return Need(what=what, get=f"pass --option {option}=...", is_here=lambda: False, option=option)


def data_folder(folder: str) -> Path | None:
    """`$FORETHOUGHT_DATA/<folder>`, there or not; None where the variable is not set."""
    root = os.environ.get(DATA)
    return Path(root, folder).expanduser() if root else None


def data(folder: str, *, files: Iterable[str], origin: str) -> Need:
    """Any of the files, gzipped or not, in `$FORETHOUGHT_DATA/<folder>` or where `path` says."""
    names = tuple(files)
    packed = tuple(f"{name}.gz" for name in names)

    def is_here() -> bool:
        found = data_folder(folder)
        return found is not None and any((found / name).is_file() for name in names + packed)

    return Need(
        what=f"the data set {folder}",
        get=f"get {' or '.join(names)} from {origin} and pass path=FOLDER, "
        f"or put it into ${DATA}/{folder}",
        is_here=is_here,
        option="path",
    )


def _isolates(*names: str) -> bool:
    return any(backend.usable for backend in backends() if backend.name in names)


SANDBOX = Need(
    what="a sandbox",
    get="start Docker or install bubblewrap; forethought doctor says what there is",
    is_here=lambda: _isolates("docker", "bwrap"),
    option="backend",
)
DOCKER = Need(
    what="a Docker engine",
    get="start Docker; forethought doctor says what there is",
    is_here=lambda: _isolates("docker"),
)
