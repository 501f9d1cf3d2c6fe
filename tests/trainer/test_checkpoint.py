"""Checkpoints: whole or not there, and a learner goes on from one as if nothing had happened."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch
from rows import random_rows
from tiny_llama import tiny_llama

from forethought.trainer.checkpoint import Point, latest, load, save
from forethought.trainer.learner import Learner, Objective

SFT_3 = Point(stage=0, step=3)
ROWS = [random_rows(seed) for seed in range(6)]


def learner_of(*, seed: int = 0) -> Learner:
    return Learner(tiny_llama(seed=seed, vocab_size=8), learning_rate=1e-2, warmup_steps=5)


def weights(learner: Learner) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in learner.model.named_parameters()}


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(left[name].equal(right[name]) for name in left)


def test_three_and_three_steps_are_six_to_the_last_bit(tmp_path: Path) -> None:
    straight, first, second = learner_of(), learner_of(), learner_of(seed=1)
    objective = Objective(loss="likelihood")
    for rows in ROWS:
        straight.step(rows, objective)
    for rows in ROWS[:3]:
        first.step(rows, objective)
    save(tmp_path, first, SFT_3)
    load(tmp_path, second, SFT_3)
    assert second.num_steps == 3
    assert same(weights(second), weights(first))
    for rows in ROWS[3:]:
        second.step(rows, objective)
    assert same(weights(second), weights(straight))
    assert not same(weights(second), weights(first))


def test_the_furthest_whole_checkpoint_is_the_latest(tmp_path: Path) -> None:
    assert latest(tmp_path / "none") is None
    assert latest(tmp_path) is None
    for name in ("0-sft-00099", "1-rl-00004", "1-rl-00012", "partial-1-rl-00016", "notes"):
        (tmp_path / name).mkdir()
    assert latest(tmp_path) == Point(stage=1, step=12)


def test_a_new_checkpoint_takes_the_place_of_the_old_and_of_torn_ones(tmp_path: Path) -> None:
    learner = learner_of()
    save(tmp_path, learner, SFT_3)
    torn = tmp_path / "partial-0-sft-00004"
    torn.mkdir()
    (torn / "model.safetensors").write_bytes(b"half of it")
    save(tmp_path, learner, Point(stage=0, step=4))
    assert [path.name for path in tmp_path.iterdir()] == ["0-sft-00004"]
    load(tmp_path, learner_of(seed=1), Point(stage=0, step=4))


def test_a_checkpoint_that_is_there_is_left_alone(tmp_path: Path) -> None:
    learner = learner_of()
    save(tmp_path, learner, SFT_3)
    file = tmp_path / SFT_3.folder / "model.safetensors"
    before = file.stat()
    save(tmp_path, learner, SFT_3)
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


FULL = """
import resource, sys
sys.path[:0] = {paths!r}
from pathlib import Path
from tiny_llama import tiny_llama
from forethought.trainer.checkpoint import CheckpointUnwritable, Point, latest, save
from forethought.trainer.learner import Learner, Objective
from forethought.trainer.tree import Draw, Row

root = Path({root!r})
learner = Learner(tiny_llama(vocab_size=8), learning_rate=1e-2)
save(root, learner, Point(stage=0, step=1))
draw = Draw(key=("e", 0, 0), position=1, logprob=0.0, advantage=1.0)
learner.step([Row(ids=(1, 2), draws=(draw,))], Objective())
for limit in (2000, 90_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, -1))
    try:
        save(root, learner, Point(stage=0, step=2))
    except CheckpointUnwritable as error:
        resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
        print(error)
    print([path.name for path in root.iterdir()], latest(root))
"""


def test_a_full_disk_is_told_and_the_last_checkpoint_stays(tmp_path: Path) -> None:
    script = FULL.format(paths=[str(Path(__file__).parents[1] / "agents")], root=str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    weights_error, after_weights, optimiser_error, after_optimiser = done.stdout.splitlines()
    for error in (weights_error, optimiser_error):
        assert error.startswith(f"cannot write a checkpoint to {tmp_path} (")
        assert error.endswith("make room, then resume the run")
    assert weights_error != optimiser_error
    assert after_weights == after_optimiser == "['0-sft-00001'] Point(stage=0, step=1)"
