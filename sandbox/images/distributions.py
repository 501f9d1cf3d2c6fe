"""Python distributions on their way into an image: copied from here, or fetched by pip."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path

from forethought.sandbox.base import ImageBuildFailed

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
REQUIREMENT = re.compile(NAME.pattern + r"(\[[A-Za-z0-9,._-]+\])?([=<>!~].*)?")
LAUNCHER = """\
#!{python}
import sys
from {module} import {attribute}
sys.exit({call}())
"""


@contextlib.contextmanager
def gathered(requirements: Sequence[str]) -> Iterator[list[Distribution]]:
    """The distributions that requirements such as "numpy" or "numpy==2.1" come to, by name.

    A plain name that is installed beside this interpreter is taken from there with what it
    requires; all else is asked of pip, and is gone when the context ends. Raises ValueError for
    what is no requirement, and ImageBuildFailed if pip cannot get it.
    """
    found: dict[str, Distribution] = {}
    others = []
    for requirement in requirements:
        if not REQUIREMENT.fullmatch(requirement):
            raise ValueError(f"{requirement!r} is no name of a distribution, such as 'numpy'")
        installed = installed_closure(requirement)
        found |= installed
        if not installed:
            others.append(requirement)
    with tempfile.TemporaryDirectory(prefix="forethought-") as fetched:
        if others:
            _install(others, fetched)
            found |= {key(each.name): each for each in distributions(path=[fetched])}
        yield [found[name] for name in sorted(found)]


def installed_closure(name: str) -> dict[str, Distribution]:
    """A distribution installed here and what it requires; nothing if any of it cannot be copied."""
    found: dict[str, Distribution] = {}
    queue = [name]
    while queue:
        wanted = queue.pop()
        if (known := key(wanted)) in found:
            continue
        try:
            found[known] = distribution(wanted)
        except (PackageNotFoundError, ValueError):
            return {}
        if not _is_whole(found[known]):
            return {}
        queue += _required(found[known])
    return found


def files(found: Distribution) -> Iterator[tuple[str, Path]]:
    """Its files with their paths below the directory of all distributions, scripts left out."""
    for file in found.files or ():
        if file.suffix != ".pyc" and ".." not in file.parts:
            path = Path(str(file.locate()))
            if path.is_file():
                yield str(file), path


def launchers(found: Distribution, *, python: str) -> Iterator[tuple[str, bytes]]:
    """Names and sources of the programs that it brings along, run by the interpreter `python`."""
    for entry in found.entry_points.select(group="console_scripts"):
        module, _, call = entry.value.partition(":")
        call = call.partition("[")[0].strip()
        source = LAUNCHER.format(
            python=python, module=module.strip(), attribute=call.partition(".")[0], call=call
        )
        yield entry.name, source.encode()


def fingerprint(found: Distribution) -> bytes:
    """Bytes that differ where its files do: their hashes as recorded, and their sizes as found."""
    sizes = [f"{name} {path.stat().st_size}" for name, path in files(found)]
    record = sorted((found.read_text("RECORD") or "").splitlines())
    return "\n".join([f"{found.name} {found.version}", *record, *sizes]).encode()


def _is_whole(found: Distribution) -> bool:
    """Whether its own files are all there is to it: editable ones lead elsewhere by a .pth file.

    What a build left beside its source looks installed too, but has no record of files.
    """
    has_record = found.read_text("RECORD") is not None
    return has_record and not any(file.suffix == ".pth" for file in found.files or ())


def _required(found: Distribution) -> Iterator[str]:
    """Names of what it requires here. The installer has judged the markers: what counts is there"""
    for requirement in found.requires or ():
        wanted, _, marker = requirement.partition(";")
        match = NAME.match(wanted)
        assert match is not None, requirement
        if "extra" not in marker and (not marker or installed_closure(match[0])):
            yield match[0]


def _install(requirements: Sequence[str], target: str) -> None:
    # Without bytecode: that would hold the name of the directory, which is another one each time.
    options = ["--quiet", "--disable-pip-version-check", "--no-compile", "--target", target]
    pip = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, *requirements],
        capture_output=True,
        text=True,
        check=False,
    )
    if pip.returncode != 0:
        said = pip.stderr.strip().splitlines() or ["nothing"]
        raise ImageBuildFailed(
            f"pip cannot get {', '.join(requirements)} for the image: {said[-1]}; "
            "install it beside this Python, from where it is copied, or give pip an index"
        )


def key(name: str) -> str:
    """A distribution's name in the form in which names are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()
