"""The demo: on two CPU cores, a small language model learns to plan, and a report shows how."""

from __future__ import annotations

from pathlib import Path

from pydantic import JsonValue

from forethought.agents.budget import Limits
from forethought.trainer.config import (
    EvaluationConfig,
    FilterConfig,
    RLConfig,
    RunConfig,
    SFTConfig,
    TasksConfig,
    make_config,
)
from forethought.trainer.progress import Progress
from forethought.trainer.report import write_run_report
from forethought.trainer.run import execute

_TASKS = TasksConfig(env="forethought/blocksworld-v0", options={"oracle_moves": 2}, horizons=(2, 4))
_LIMITS = Limits(turns=3, tokens=128, reply_tokens=24, context=512)

_MINUTES = 10.5
"""RL ends here on a slow machine, so that the whole stays under twelve."""

_TINY: dict[str, object] = {
    "evaluation": EvaluationConfig(tasks=96),
    "sft": SFTConfig(steps=400, batch_size=16, learning_rate=2e-3),
    "filter": FilterConfig(tasks=32, samples=4),
    "rl": RLConfig(steps=60, groups=8, group_size=8, learning_rate=2e-4, spread="branch"),
    "max_tokens": 2048,
    "save_every": 20,
}
_SMALL: dict[str, object] = {
    "evaluation": EvaluationConfig(tasks=96),
    "sft": SFTConfig(steps=32, batch_size=8, learning_rate=1.5e-4),
    "filter": FilterConfig(tasks=32, samples=4),
    "rl": RLConfig(
        steps=22, groups=12, group_size=6, learning_rate=5e-5, warmup_steps=2, spread="branch"
    ),
    "trained_layers": 20,
    "max_tokens": 384,
}


def demo_config(*, out: Path, model: str, seed: int, minutes: float | None) -> RunConfig:
    """What the demo runs; any model but `tiny` gets the settings of the embedded one.

    The expert moves one block a turn: two moves, after a plan that says which block goes where.
    Raises ValueError for settings that cannot be.
    """
    return make_config(
        {
            "model": model,
            "out": out,
            "seed": seed,
            "tasks": _TASKS,
            "limits": _LIMITS,
            "minutes": _MINUTES if minutes is None else minutes,
            **(_TINY if model == "tiny" else _SMALL),
        },
        source="demo",
    )


def run_demo(
    *, out: Path, model: str, seed: int, resume: bool, minutes: float | None
) -> dict[str, JsonValue]:
    """`forethought demo`: the whole run, then `report.html` beside `summary.json`."""
    config = demo_config(out=out, model=model, seed=seed, minutes=minutes)
    progress = Progress()
    progress.say(f"{model} on {config.tasks.env}, seed {seed}; Ctrl-C stops it, --resume goes on")
    found = execute(config, resume=resume, progress=progress)
    report = write_run_report(config)
    progress.say(f"  report: {report}\n summary: {out / 'summary.json'}")
    return {**found, "report": str(report)}
