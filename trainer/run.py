"""Run: the whole way from a base model to a trained one, stage by stage.

    base measured -> warm start -> measured -> difficulty filter -> RL -> measured -> model saved

A run can be stopped at any moment, by kill -9 as well, and resumed. Evaluations, rated tasks and
episodes are on disk as soon as each ends; a resumed run loads the last checkpoint, trains again on
the recorded episodes of the steps after it, and goes on. On CPU it ends where an uninterrupted run
would have, vLLM excepted: how it rounds depends on what it happens to have in a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from pydantic import JsonValue

from forethought.benchmarks.folder import write_json
from forethought.trainer.config import RunConfig, read_config
from forethought.trainer.filter import select_tasks
from forethought.trainer.measure import as_row, measure
from forethought.trainer.policy import save_policy
from forethought.trainer.progress import Progress
from forethought.trainer.rl import reinforce
from forethought.trainer.session import Session
from forethought.trainer.sft import warm_start

_MAY_CHANGE = {"out", "minutes", "save_every", "concurrency", "device", "engine"}
"""Settings that a resumed run may have otherwise; its folder may have been moved."""


def run_training(config_path: Path, overrides: Sequence[str], resume: bool) -> dict[str, JsonValue]:
    """`forethought train RUN.toml [key=value ...] [--resume]`."""
    return execute(read_config(config_path, overrides), resume=resume)


def execute(
    config: RunConfig, *, resume: bool, progress: Progress | None = None
) -> dict[str, JsonValue]:
    """Run every stage of a config; returns what `summary.json` in its folder holds.

    Raises ValueError if the folder holds a run and `resume` is off, or a run of another config.
    """
    _claim(config, resume=resume)
    with closing(Session(config, progress or Progress())) as session:
        return _stages(session)


def _stages(session: Session) -> dict[str, JsonValue]:
    config = session.config
    found: dict[str, JsonValue] = {"model": config.model, "seed": config.seed}
    if config.evaluation.base:
        found["base"] = as_row(measure(session, "base"))
    if config.sft is not None:
        warm_start(session)
        found["sft"] = as_row(measure(session, "sft"))
    if config.rl is not None:
        pool = select_tasks(session) if config.filter is not None else []
        reinforce(session, pool)
        found["rl"] = as_row(measure(session, "rl"))
    save_policy(session.engine, config.out / "model")
    found["out"] = str(config.out)
    write_json(config.out / "summary.json", found)
    return found


def _claim(config: RunConfig, *, resume: bool) -> None:
    kept = config.out / "config.json"
    if not kept.exists():
        write_json(kept, config)
        return
    if not resume:
        raise ValueError(
            f"{config.out} already holds a run; give --resume to go on with it, or another out"
        )
    before = RunConfig.model_validate_json(kept.read_bytes())
    unlike = [
        name
        for name in RunConfig.model_fields
        if name not in _MAY_CHANGE and before.model_dump()[name] != config.model_dump()[name]
    ]
    if unlike:
        raise ValueError(
            f"{config.out} holds a run of another config ({', '.join(unlike)} differ); "
            "resume with the same one, or give another out"
        )
