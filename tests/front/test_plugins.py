"""Environments that an installed distribution brings, as the command line sees them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from terminal import CUSTOM

_METADATA = "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n"
_ENTRIES = """[forethought.envs]
acme/sum-v0 = acme.sums:Sum
acme/gone-v0 = acme.nowhere:Gone
acme/lost-v0 = acme.sums:Lost
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder as pip leaves it: a package and its metadata."""
    package = tmp_path / "acme"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "sums.py").write_text(CUSTOM.partition('register("')[0].replace("register, ", ""))
    info = tmp_path / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(_METADATA)
    (info / "entry_points.txt").write_text(_ENTRIES)
    return tmp_path


def forethought(site: Path, *arguments: str) -> tuple[int, dict[str, object]]:
    """Exit code and result of a command in a process that has the distribution installed."""
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "forethought", *arguments, "--json"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    loaded: dict[str, object] = json.loads(done.stdout)
    return done.returncode, loaded


def test_its_environments_are_listed_and_what_cannot_be_loaded_hides_nothing(site: Path) -> None:
    code, found = forethought(site, "envs")
    rows = {row["id"]: row for row in found["envs"]}  # type: ignore[attr-defined]
    assert code == 0
    assert (rows["acme/sum-v0"]["summary"], rows["acme/sum-v0"]["family"]) == (
        "Add two numbers.",
        "acme",
    )
    assert "acme.nowhere" in rows["acme/gone-v0"]["error"]
    assert "Lost" in rows["acme/lost-v0"]["error"]
    assert "forethought/blocksworld-v0" in rows


def test_its_environments_are_checked_and_what_cannot_be_loaded_is_a_finding(site: Path) -> None:
    code, found = forethought(site, "check", "acme/sum-v0", "acme/gone-v0")
    kept, broken = found["envs"]  # type: ignore[misc]
    assert code == 1
    assert (kept["ok"], broken["ok"], found["ok"]) == (True, False, False)
    assert broken["findings"][0]["detail"] == (
        "acme/gone-v0 cannot be loaded (ModuleNotFoundError: No module named 'acme.nowhere'); mend "
        "the package that brings it, or uninstall it"
    )
