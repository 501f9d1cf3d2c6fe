"""Session: what the stages of a run share: the policy, the checkpoints, the metrics, the clock."""

from __future__ import annotations

import time
from pathlib import Path

import anyio

from forethought.agents.engines.models import SharedModel
from forethought.trainer import checkpoint
from forethought.trainer.checkpoint import STAGES, Point
from forethought.trainer.config import RunConfig
from forethought.trainer.learner import Learner
from forethought.trainer.metrics import Metrics, append
from forethought.trainer.policy import load_policy
from forethought.trainer.progress import Progress

SFT, RL = (STAGES.index(name) for name in ("sft", "rl"))


class Session:
    """One process working on one run folder; close it."""

    def __init__(self, config: RunConfig, progress: Progress) -> None:
        self.config = config
        self.progress = progress
        self.engine = load_policy(config)
        self.model = SharedModel(name=config.model, shared=self.engine)
        self._learner: Learner | None = None
        self._started = time.monotonic()
        self._checkpoints = config.out / "checkpoints"
        self._saved = checkpoint.latest(self._checkpoints)

    def close(self) -> None:
        """End what samples."""
        anyio.run(self.engine.aclose)

    def is_late(self) -> bool:
        """Whether the minutes of the config are over."""
        minutes = self.config.minutes
        return minutes is not None and time.monotonic() - self._started > 60 * minutes

    def learner(self, *, learning_rate: float, warmup_steps: int) -> Learner:
        """The learner, at the beginning of a stage; its optimiser is that of the stage before.

        A fresh one would move every weight by the whole learning rate at its first steps, whether
        the gradient says anything about it or not (docs/decisions/0012).
        """
        if self._learner is None:
            self._learner = Learner(
                self.engine.model,
                learning_rate=learning_rate,
                max_tokens=self.config.max_tokens,
                trained_layers=self.config.trained_layers,
            )
        self._learner.begin(learning_rate=learning_rate, warmup_steps=warmup_steps)
        return self._learner

    def restore(self, learner: Learner, *, stage: int) -> int:
        """Bring model and optimiser to the last checkpoint, if that lies in `stage`.

        Returns how many steps of the stage are done. A checkpoint of a later stage is left for
        that one to load: all steps of this one are done.
        """
        point = self._saved
        if point is None or point.stage < stage:
            return 0
        if point.stage > stage:
            return self.num_steps(stage)
        checkpoint.load(self._checkpoints, learner, point)
        self.engine.weights_changed()
        return point.step

    def save(self, learner: Learner, *, stage: int, step: int, force: bool = False) -> None:
        """Write a checkpoint every so often, at the end of a stage, and when forced."""
        is_last = step == self.num_steps(stage)
        if force or is_last or step % self.config.save_every == 0:
            point = Point(stage=stage, step=step)
            checkpoint.save(self._checkpoints, learner, point)
            self._saved = point

    def record(self, stage: int, step: int, values: Metrics) -> None:
        """Append the metrics of a step."""
        append(self.metrics_path, STAGES[stage], step, values)

    @property
    def metrics_path(self) -> Path:
        """The file of all metrics."""
        return self.config.out / "metrics.jsonl"

    def num_steps(self, stage: int) -> int:
        """Optimiser steps that the config gives a stage."""
        part = self.config.sft if stage == SFT else self.config.rl
        assert part is not None
        return part.steps
