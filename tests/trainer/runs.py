"""Whole training runs of the tiny model, small enough for tests."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import lean
import torch
from rich.console import Console
from safetensors.torch import load_file
from torch import Tensor

from forethought.agents.budget import Limits
from forethought.trainer.config import (
    EvaluationConfig,
    FilterConfig,
    RLConfig,
    RunConfig,
    SFTConfig,
    TasksConfig,
)
from forethought.trainer.progress import Advance, Progress

torch.set_num_threads(1)
assert lean.LENGTH


def run_config(out: Path, **changes: object) -> RunConfig:
    """All stages, a few steps each."""
    config = RunConfig(
        model="tiny",
        out=out,
        tasks=TasksConfig(env="test/lean-v0", horizons=(1, 2)),
        limits=Limits(turns=3, tokens=64, reply_tokens=16, context=256),
        evaluation=EvaluationConfig(tasks=4),
        sft=SFTConfig(steps=4, batch_size=4, learning_rate=1e-3),
        filter=FilterConfig(tasks=3, samples=2),
        rl=RLConfig(steps=4, groups=2, group_size=3, learning_rate=1e-3),
        save_every=2,
    )
    return RunConfig.model_validate({**config.model_dump(), **changes})


class Listening(Progress):
    """Keeps what is said; presses Ctrl-C once, at a unit of work of some bar."""

    def __init__(self, *, stop_in: str = "", stop_at: int = 0) -> None:
        super().__init__(Console(file=StringIO()))
        self.stop_in, self.stop_at = stop_in, stop_at
        self.said: list[str] = []
        self.bars: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    @contextmanager
    def bar(self, what: str, total: int) -> Iterator[Advance]:
        self.bars.append(what)
        done = 0

        def advance(state: str) -> None:
            nonlocal done
            done += 1
            if what == self.stop_in and done == self.stop_at:
                signal.raise_signal(signal.SIGINT)

        yield advance


def final_weights(config: RunConfig) -> dict[str, Tensor]:
    """Of the model that a run leaves."""
    return load_file(config.out / "model" / "model.safetensors")


def equal(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    """To the last bit."""
    return left.keys() == right.keys() and all(left[name].equal(right[name]) for name in left)
