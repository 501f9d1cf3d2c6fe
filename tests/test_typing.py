"""The whole tree satisfies mypy --strict and ruff, as `make check` asks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def complaints(*command: str) -> str:
    """What a checker says about the tree; empty when it is content."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.slow
def test_every_package_passes_mypy_strict() -> None:
    assert complaints("make", "--silent", "link") == ""
    assert complaints(sys.executable, "-m", "mypy") == ""


def test_ruff_finds_nothing() -> None:
    assert complaints(sys.executable, "-m", "ruff", "check", "--quiet", ".") == ""


def test_every_file_is_formatted() -> None:
    assert complaints(sys.executable, "-m", "ruff", "format", "--check", ".") == ""
