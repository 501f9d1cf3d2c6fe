"""What continuous integration runs says what is wrong with a machine that lacks something."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTHING_INSTALLED = {"docker": "exit 1", "dpkg-query": "exit 1", "id": "echo 0"}


@pytest.mark.parametrize(
    ("programs", "said"),
    [
        (
            {"apt-get": "echo no route; exit 100"},
            ["engine: apt-get update failed", "no route"],
        ),
        (
            {"apt-get": '[ "$1" = update ] || { echo no such package; exit 100; }'},
            [
                "engine: apt-get install of docker.io busybox-static bubblewrap runsc failed",
                "no such package",
            ],
        ),
        (
            {"id": "echo 1000"},
            [
                "engine: no engine answers and this is not root: start Docker yourself, "
                "or run this as root"
            ],
        ),
    ],
    ids=["update", "install", "not root"],
)
def test_an_engine_that_cannot_be_had_says_why(
    tmp_path: Path, programs: dict[str, str], said: list[str]
) -> None:
    for name, body in (NOTHING_INSTALLED | programs).items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
    done = subprocess.run(
        ["bash", ROOT / ".ci" / "engine"],
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "FORETHOUGHT_ENGINE_LOG": str(tmp_path / "log"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.splitlines()) == (1, said)
