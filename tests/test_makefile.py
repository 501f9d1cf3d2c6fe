"""The Makefile passes on what it is told, and its links show the package as it is imported."""

from __future__ import annotations

import os
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def make(*arguments: str, folder: Path = ROOT) -> str:
    """Standard output of make."""
    done = subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"]},  # SEED and others are taken from there too
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ([], "demo --seed 0 --model smollm2 --out runs/demo"),
        (["SEED=1"], "demo --seed 1 --model smollm2 --out runs/demo-1"),
        (["MODEL=tiny", "OUT=runs/other"], "demo --seed 0 --model tiny --out runs/other"),
        (["ARGS=--resume"], "demo --seed 0 --model smollm2 --out runs/demo --resume"),
    ],
    ids=["defaults", "a folder a seed", "model and folder", "more arguments"],
)
def test_demo_passes_on_what_it_is_told(words: list[str], command: str) -> None:
    last_line = make("--dry-run", "demo", *words).splitlines()[-1]
    assert last_line.rstrip() == f".venv/bin/forethought {command}"


def test_link_holds_every_room_and_every_file_of_the_front_door(tmp_path: Path) -> None:
    # In a tree of its own: others read the links of this one meanwhile.
    for item in ROOT.iterdir():
        if item.name != "build":
            (tmp_path / item.name).symlink_to(item)
    stale = tmp_path / "build/link/forethought/no_longer_there.py"
    stale.parent.mkdir(parents=True)
    stale.symlink_to("../../../forethought/no_longer_there.py")
    make("link", folder=tmp_path)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    rooms = set(project["tool"]["setuptools"]["package-dir"].values())
    files = {path.name for path in (ROOT / "forethought").iterdir() if path.is_file()}
    links = {path.name: path for path in stale.parent.iterdir() if path.is_symlink()}
    assert set(links) == rooms | files
    assert all(not path.readlink().is_absolute() and path.exists() for path in links.values())


def test_vllm_is_tested_in_an_environment_of_its_own() -> None:
    last_line = make("--dry-run", "test-vllm", "ARGS=-x").splitlines()[-1]
    assert last_line.endswith("build/vllm-venv/bin/python -P -m pytest -m vllm -x")
