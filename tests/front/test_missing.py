"""What is not here, sandboxes and models: one line that says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from terminal import BLOCKS

from forethought.cli import main


def test_without_any_sandbox_the_cause_and_what_to_do_are_one_line(tmp_path: Path) -> None:
    nothing = {"DOCKER_HOST": f"unix://{tmp_path}/no.sock", "PATH": str(tmp_path)}
    arguments = ["eval", "--env", "workbench-v0", "--model", "oracle", "-n", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "forethought", *arguments],
        env={**os.environ, **nothing},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "SandboxUnavailable: no sandbox for untrusted code" in done.stderr
    assert "start Docker" in done.stderr
    assert "bwrap" in done.stderr


def test_a_model_that_cannot_be_fetched_is_one_line(tmp_path: Path) -> None:
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "forethought", "eval", "--env", BLOCKS, "--model", "no/such-model"],
        env={**os.environ, **offline},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("forethought: model 'no/such-model' cannot be loaded: ")


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ("gsm8k-v0", "needs the data set gsm8k: get train.jsonl or test.jsonl from https://"),
        ("harbor-v0", "needs a folder of Harbor tasks: pass --option path=..."),
    ],
)
def test_data_that_is_not_here_is_asked_for_before_anything_is_played(
    env: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FORETHOUGHT_DATA", raising=False)
    assert main(["eval", "--env", env, "--model", "oracle", "-n", "2"]) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert told in printed.err
