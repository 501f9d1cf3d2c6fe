"""The example of an environment of one's own: short, sound, and trained on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from forethought.envs.check import check_env
from forethought.trainer.metrics import read

EXAMPLE = Path(__file__).parents[2] / "examples" / "custom_env.py"


def test_the_environment_takes_twenty_lines_with_imports_and_registration() -> None:
    source = EXAMPLE.read_text(encoding="utf-8")
    begin = source.index("from forethought import Env")
    end = source.index("\n", source.index('register("example/ledger-v0"'))
    lines = [line for line in source[begin:end].splitlines() if line.strip()]
    assert len(lines) <= 20
    assert "class Ledger(Env):" in lines


@pytest.mark.slow
def test_the_example_trains_a_step_on_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLE, tmp_path],
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "base", "sft", "rl", "metrics,",
    ]  # fmt: skip
    warm = read(tmp_path / "ledger" / "metrics.jsonl", "sft")
    assert float(str(warm[-1]["loss"])) < 0.2 < float(str(warm[0]["loss"]))
    (step,) = read(tmp_path / "ledger" / "metrics.jsonl", "rl")
    assert int(str(step["informative"])) >= 1
    assert float(str(step["gradient_norm"])) > 0
    assert step["coverage"] == 1.0
    assert float(str(step["mismatch"])) < 1e-5


def test_the_environment_keeps_the_rules() -> None:
    sys.path.insert(0, str(EXAMPLE.parent))
    try:
        import custom_env
    finally:
        sys.path.remove(str(EXAMPLE.parent))
    assert custom_env.Ledger
    report = check_env("example/ledger-v0")
    assert report.ok, str(report)
