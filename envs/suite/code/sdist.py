"""Source distributions: the package and the tests in a .tar.gz from PyPI, read and not unpacked.

Nothing is written and nothing is run: members that are no plain files, climb out of the archive or
are too large are refused or left out, and sources are parsed only. Every module is written anew
from its syntax tree, comments left out, so that a change to one function shows nowhere but in it.
"""

from __future__ import annotations

import ast
import hashlib
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

MAX_ARCHIVE = 32 << 20
MAX_FILE = 512 << 10
MAX_FILES = 4000
MAX_MODULES = 60
"""So many files can be collected for judging, and a few more."""
_NO_CODE = ("docs", "doc", "examples", "benchmarks", "scripts", "tools", "build")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sdist:
    """One source distribution."""

    name: str
    """As the file is called, without .tar.gz."""
    digest: str
    """SHA-256 of the archive, in hexadecimal."""
    modules: Mapping[str, str]
    """Source of the package's files by path, as they are imported: `toolz/dicttoolz.py`."""
    tests: Mapping[str, str]
    """Source of the test files by name."""


def read_sdist(path: Path) -> Sdist:
    """Read an archive. Raises ValueError that says what is wrong with it."""
    if not path.is_file():
        raise ValueError(f"no file {str(path)!r}; it should be a source distribution, NAME.tar.gz")
    status = path.stat()
    if status.st_size > MAX_ARCHIVE:
        raise ValueError(f"{path}: larger than {MAX_ARCHIVE >> 20} MiB")
    return _read(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=32)
def _read(path: Path, size: int, modified_ns: int) -> Sdist:
    """The archive as it is by now; parsing one takes a good part of a second."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            sources = dict(_sources(archive, path))
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(f"{path}: no whole .tar.gz: {error}") from None
    tests = {PurePosixPath(name).name: text for name, text in sources.items() if _is_test(name)}
    modules = {name: _normal(text) for name, text in _importable(sources).items() if _parses(text)}
    if not tests:
        raise ValueError(f"{path}: no test files in it; take a package whose sdist has its tests")
    if not 1 <= len(modules) <= MAX_MODULES:
        raise ValueError(
            f"{path}: {len(modules)} modules; from 1 to {MAX_MODULES} can be worked on"
        )
    return Sdist(
        name=path.name.removesuffix(".tar.gz"),
        digest=hashlib.sha256(path.read_bytes()).hexdigest(),
        modules=modules,
        tests=tests,
    )


def _sources(archive: tarfile.TarFile, path: Path) -> Iterator[tuple[str, str]]:
    """Python files by their path below the archive's one folder."""
    for number, member in enumerate(archive):
        if number >= MAX_FILES:
            raise ValueError(f"{path}: more than {MAX_FILES} files")
        parts = PurePosixPath(member.name).parts
        if member.name.startswith("/") or ".." in parts:
            raise ValueError(f"{path}: {member.name!r} climbs out of the archive")
        if not member.isfile() or not member.name.endswith(".py") or len(parts) < 2:
            continue
        if member.size > MAX_FILE:
            raise ValueError(f"{path}: {member.name} has {member.size} bytes; at most {MAX_FILE}")
        content = archive.extractfile(member)
        assert content is not None
        try:
            yield "/".join(parts[1:]), content.read().decode("utf-8")
        except UnicodeDecodeError:
            continue


def _importable(sources: Mapping[str, str]) -> dict[str, str]:
    """Files that can be imported from where they lie: single modules and whole packages."""
    below = {name.removeprefix("src/"): text for name, text in sources.items()}
    packages = {
        name.removesuffix("/__init__.py")
        for name in below
        if name.count("/") == 1 and name.endswith("/__init__.py")
    }
    found = {}
    for name, text in below.items():
        top, _, rest = name.partition("/")
        if _is_test(name) or top in _NO_CODE or top in ("setup.py", "conftest.py", "tests", "test"):
            continue
        if (not rest and name.endswith(".py")) or (rest and top in packages):
            found[name] = text
    return found


def _is_test(name: str) -> bool:
    parts = PurePosixPath(name).parts
    file = parts[-1]
    return file.startswith("test_") or file.endswith("_test.py") or file == "tests.py"


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


def _normal(text: str) -> str:
    return ast.unparse(ast.parse(text)) + "\n"
