"""Runs that are broken off, and how they go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from terminal import BLOCKS, CUSTOM, result, run

from forethought.agents.record.log import finished

ENDING = f"""
import os

num_begun = 0
{CUSTOM.replace("mine/sum", "mine/ended")}

async def begin(env):
    global num_begun
    num_begun += 1
    if num_begun == 100 and "ENDED_BY" in os.environ:
        os.kill(os.getpid(), int(os.environ["ENDED_BY"]))
    return await Env.begin(env)


Sum.begin = begin
"""
"""An environment whose hundredth episode ends the process, where that is asked for."""


def test_a_disk_that_fills_up_is_one_line_and_the_run_can_go_on(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["eval", "--env", BLOCKS, "--model", "oracle", "-n", "40", "--out", str(tmp_path)]
    command = f'ulimit -f 60; exec {sys.executable} -m forethought "$@"'
    done = subprocess.run(
        ["bash", "-c", command, "bash", *arguments], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"forethought: {tmp_path}/episodes.jsonl: cannot write the log")
    assert done.stderr.count("\n") == 1
    resumed = result(capsys, *arguments, "--resume")
    assert (resumed["n"], resumed["success"]) == (40, 1.0)


def broken_off(common: list[str], *, by: signal.Signals) -> subprocess.CompletedProcess[str]:
    """A run of eight episodes at a time that gets a signal when the hundredth begins."""
    return subprocess.run(
        [sys.executable, "-m", "forethought", *common, "--concurrency", "8"],
        env={**os.environ, "ENDED_BY": str(int(by))},
        capture_output=True,
        text=True,
        check=False,
    )


def evaluation(folder: Path) -> list[str]:
    """Of an environment that can send a signal to its own process."""
    file = folder / "ended_env.py"
    file.write_text(ENDING)
    of_what = ["--env", f"{file}:mine/ended-v0", "--model", "oracle", "-n", "200"]
    return ["eval", *of_what, "--out", str(folder / "run")]


def test_an_interrupted_run_says_how_to_go_on_and_can_be_resumed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    child = broken_off(evaluation(tmp_path), by=signal.SIGINT)
    assert child.returncode == 130
    assert child.stderr == "forethought: interrupted; continue with --resume\n"
    code, _, err = run(capsys, "report", str(tmp_path / "run"))
    assert (code, err) == (0, "")


def test_a_killed_run_loses_no_finished_episode(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    common = evaluation(tmp_path)
    assert broken_off(common, by=signal.SIGKILL).returncode == -signal.SIGKILL
    log = tmp_path / "run" / "episodes.jsonl"
    before = finished(log)
    assert 92 <= len(before) < 100
    found = result(capsys, *common, "--resume")
    assert (found["n"], found["success"]) == (200, 1.0)
    begun = [json.loads(line) for line in log.read_bytes().splitlines()]
    starts = Counter(line["episode"] for line in begun if line["kind"] == "start")
    assert {starts[episode] for episode in before} == {1}
