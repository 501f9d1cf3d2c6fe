"""Checkpoints: weights and optimiser at a step of a stage, written whole or not at all.

CheckpointUnwritable (OSError)   there is no room for one; the last one stays
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from forethought.trainer.learner import Learner

_NAME = re.compile(r"(\d+)-([a-z]+)-(\d+)")
STAGES = ("sft", "rl")


class CheckpointUnwritable(OSError):
    """There is no room for a checkpoint; the last one stays."""


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Point:
    """How far training has come: so many steps of a stage are done."""

    stage: int
    """Index into STAGES."""
    step: int

    @property
    def folder(self) -> str:
        """Name of its checkpoint."""
        return f"{self.stage}-{STAGES[self.stage]}-{self.step:05d}"


def save(root: Path, learner: Learner, point: Point) -> None:
    """Write a checkpoint beside the last one, then remove that one; one that is there stays.

    A checkpoint appears under its name only when it is complete, so a kill at any moment leaves
    the last or the new one. Raises CheckpointUnwritable.
    """
    target = root / point.folder
    if target.exists():
        return
    root.mkdir(parents=True, exist_ok=True)
    partial = root / f"partial-{point.folder}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        _write(partial, learner)
    except (SafetensorError, RuntimeError) as error:  # what the writers make of an OSError
        shutil.rmtree(partial, ignore_errors=True)
        raise CheckpointUnwritable(
            f"cannot write a checkpoint to {root} ({error}); make room, then resume the run"
        ) from error
    partial.rename(target)
    for old in root.iterdir():
        if old != target:
            shutil.rmtree(old)


def _write(folder: Path, learner: Learner) -> None:
    weights = {name: value.detach().contiguous() for name, value in _weights(learner).items()}
    save_file(weights, folder / "model.safetensors")
    torch.save(
        {"optimizer": learner.optimizer.state_dict(), "num_steps": learner.num_steps},
        folder / "optimizer.pt",
    )


def latest(root: Path) -> Point | None:
    """The furthest complete checkpoint; None if there is none."""
    if not root.is_dir():
        return None
    found = (_NAME.fullmatch(path.name) for path in root.iterdir())
    points = [Point(stage=int(m.group(1)), step=int(m.group(3))) for m in found if m]
    return max(points, default=None)


def load(root: Path, learner: Learner, point: Point) -> None:
    """Put weights and optimiser state back into a learner."""
    folder = root / point.folder
    weights = load_file(folder / "model.safetensors", device=str(learner.model.device))
    with torch.no_grad():
        for name, value in _weights(learner).items():
            value.copy_(weights[name])
    kept = torch.load(folder / "optimizer.pt", weights_only=True)
    learner.optimizer.load_state_dict(kept["optimizer"])
    learner.num_steps = kept["num_steps"]


def _weights(learner: Learner) -> dict[str, torch.Tensor]:
    """Parameters by name, tied ones once."""
    return dict(learner.model.named_parameters())
