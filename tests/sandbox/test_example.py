"""The example of a sandbox prints what its code says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "sandbox.py"


@pytest.mark.docker
def test_the_example_shows_files_limits_and_a_fork() -> None:
    done = subprocess.run([sys.executable, EXAMPLE], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "last: 4  sum: 10",
        "timed out: True",
        "failed of memory: True  still there: True",
        "after its fork: 1 2 3 4",
    ]
