"""Runs that are broken off, and how they go on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from terminal import BLOCKS, result, run

from forethought.agents.record.log import finished


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


def test_an_interrupted_run_says_how_to_go_on_and_can_be_resumed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    common = ["eval", "--env", BLOCKS, "--model", "oracle", "-n", "4000", "--out", str(tmp_path)]
    command = [sys.executable, "-m", "forethought", *common, "--concurrency", "2"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    log = tmp_path / "episodes.jsonl"
    deadline = time.monotonic() + 60
    while not (log.exists() and log.stat().st_size > 50_000):
        assert time.monotonic() < deadline, "the run never began to write"
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert err == "forethought: interrupted; continue with --resume\n"
    code, _, err = run(capsys, "report", str(tmp_path))
    assert (code, err) == (0, "")


def test_a_killed_run_loses_no_finished_episode(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    common = ["eval", "--env", BLOCKS, "--model", "oracle", "-n", "600", "--out", str(tmp_path)]
    command = [sys.executable, "-m", "forethought", *common, "--concurrency", "8"]
    child = subprocess.Popen(command)
    log = tmp_path / "episodes.jsonl"
    deadline = time.monotonic() + 60
    while not finished(log):
        assert time.monotonic() < deadline, "the run never began to write"
        time.sleep(0.02)
    child.kill()
    assert child.wait() == -signal.SIGKILL
    before = finished(log)
    assert 0 < len(before) < 600
    found = result(capsys, *common, "--resume")
    assert (found["n"], found["success"]) == (600, 1.0)
    begun = [json.loads(line) for line in log.read_bytes().splitlines()]
    starts = Counter(line["episode"] for line in begun if line["kind"] == "start")
    assert {starts[episode] for episode in before} == {1}
