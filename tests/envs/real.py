"""Real data for tests, which are skipped where there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# beside the repository, unless FORETHOUGHT_DATA names a folder
BESIDE = Path(__file__).parents[2] / ".." / "shared" / "data"


def data(folder: str) -> Path:
    """The folder of a dataset's files; skips the test, and says why, where there is none."""
    root = Path(os.environ.get("FORETHOUGHT_DATA") or BESIDE)
    found = (root / folder).resolve()
    if not found.is_dir():
        pytest.skip(f"no real data: there is no folder {found}; FORETHOUGHT_DATA may name another")
    return found
