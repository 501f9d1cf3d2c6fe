"""Metrics on disk: the last word on each step, whatever was killed in between."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from forethought.trainer.metrics import append, read


def test_lines_come_back_by_stage_and_step(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append(path, "sft", 0, {"loss": 2.0})
    append(path, "rl", 1, {"reward": None})
    append(path, "rl", 0, {"reward": 0.25})
    assert read(path, "sft") == [{"stage": "sft", "step": 0, "loss": 2.0}]
    assert [line["reward"] for line in read(path, "rl")] == [0.25, None]
    assert read(tmp_path / "none.jsonl", "rl") == []


def test_a_step_that_is_done_again_replaces_its_earlier_line(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    for step, loss in ((0, 3.0), (1, 2.0), (1, 1.5)):
        append(path, "sft", step, {"loss": loss})
    assert [line["loss"] for line in read(path, "sft")] == [3.0, 1.5]


@pytest.mark.parametrize("torn", ['{"stage": "rl", "st', '{"stage": "rl", "step": 1}', "\x00"])
def test_a_torn_last_line_is_left_out_and_gives_way_to_the_next(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "metrics.jsonl"
    append(path, "rl", 0, {"reward": 0.5})
    with path.open("a") as file:
        file.write(torn)
    assert [line["step"] for line in read(path, "rl")] == [0]
    append(path, "rl", 2, {"reward": 0.75})
    assert [line["step"] for line in read(path, "rl")] == [0, 2]


def test_a_broken_line_elsewhere_is_named(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"stage": "rl", "step": 0}\n{"stage\n{"stage": "rl", "step": 1}\n')
    with pytest.raises(ValueError, match=re.escape(f"{path}:2: not a line of metrics")):
        read(path, "rl")


def test_what_json_cannot_hold_is_refused_and_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append(path, "rl", 0, {"loss": 1.0})
    before = path.read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        append(path, "rl", 1, {"loss": math.nan})
    assert path.read_bytes() == before
