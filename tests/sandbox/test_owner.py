"""An owner is one process for ever: ids come round again, boots and starts do not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from forethought.sandbox.backend.owner import has_died, owner


def test_this_process_lives() -> None:
    assert owner().split("/")[2] == str(os.getpid())
    assert not has_died(owner())


def test_a_process_that_ended_has_died() -> None:
    script = "from forethought.sandbox.backend.owner import owner; print(owner())"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert has_died(done.stdout.strip())


@pytest.mark.parametrize(
    ("field", "value", "verdict"),
    [(0, "another-boot", False), (1, "1", False), (3, "1", True)],
    ids=["another machine", "another process namespace", "the id was given again"],
)
def test_each_part_of_the_label_counts(field: int, value: str, verdict: bool) -> None:
    parts = owner().split("/")
    parts[field] = value
    assert has_died("/".join(parts)) is verdict
