"""What a release says of itself agrees: versions, pins, the licence."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import forethought

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINS = {
    canonicalize_name((pin := Requirement(line)).name): Version(
        str(pin.specifier).removeprefix("==")
    )
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
}
INSTALLED_BY_SETUP = [
    *PROJECT["dependencies"],
    *PROJECT["optional-dependencies"]["train"],
    *PROJECT["optional-dependencies"]["dev"],
]


def test_the_newest_version_in_the_changelog_is_the_projects_and_the_packages() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(\d[^]]*)\] - \d{4}-\d{2}-\d{2}$", changelog, re.MULTILINE)
    assert versions[0] == PROJECT["version"] == forethought.__version__
    assert versions == sorted(versions, key=Version, reverse=True)


@pytest.mark.parametrize("dependency", INSTALLED_BY_SETUP)
def test_every_dependency_has_a_pin_within_its_range(dependency: str) -> None:
    wanted = Requirement(dependency)
    assert wanted.specifier.contains(PINS[canonicalize_name(wanted.name)])


def test_setup_asks_for_the_pinned_torch() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"\nTORCH ?= torch=={PINS[canonicalize_name('torch')]}\n" in makefile


def test_the_licence_is_apache_2() -> None:
    assert PROJECT["license"] == "Apache-2.0"
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
    assert [name for name in PROJECT["license-files"] if not (ROOT / name).is_file()] == []
