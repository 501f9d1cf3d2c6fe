"""The whole tree satisfies mypy --strict and ruff, as `make check` asks."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("sandbox", "envs", "agents", "benchmarks", "trainer", "forethought")


def say(*command: str) -> str:
    """What a checker says about the tree."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.slow
def test_every_file_of_every_room_passes_mypy_strict() -> None:
    assert say("make", "--silent", "link") == ""
    said = say(sys.executable, "-m", "mypy")
    success = re.fullmatch(r"Success: no issues found in (\d+) source files\n", said)
    assert success is not None, said
    assert int(success[1]) >= sum(len(list((ROOT / room).glob("*.py"))) for room in ROOMS)


def test_ruff_finds_nothing() -> None:
    assert say(sys.executable, "-m", "ruff", "check", ".") == "All checks passed!\n"


def test_every_file_is_formatted() -> None:
    said = say(sys.executable, "-m", "ruff", "format", "--check", ".")
    assert re.fullmatch(r"\d+ files already formatted\n", said), said
