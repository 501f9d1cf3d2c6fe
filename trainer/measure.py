"""Measure: how good the present weights are on held-out tasks, the same ones for every stage."""

from __future__ import annotations

import shutil

import anyio
from pydantic import JsonValue

from forethought.benchmarks.evaluate import evaluate
from forethought.benchmarks.plan import Plan
from forethought.benchmarks.summary import Summary
from forethought.trainer.config import RunConfig
from forethought.trainer.session import Session


def measure(session: Session, stage: str) -> Summary:
    """Evaluate into `out/eval-<stage>`, or read what is already there."""
    folder = session.config.out / f"eval-{stage}"
    kept = folder / "summary.json"
    if kept.exists():
        summary = Summary.model_validate_json(kept.read_bytes())
    else:
        plan = held_out(session.config)
        session.engine.forget()
        with session.progress.bar(f"measuring {stage}", plan.num_episodes) as advance:

            async def run() -> Summary:
                return await evaluate(
                    plan,
                    session.model,
                    out=folder,
                    resume=True,
                    concurrency=session.config.concurrency,
                    on_done=lambda _: advance(""),
                )

            summary = anyio.run(run)
    session.progress.say(f"{stage:>8}: {in_words(summary)}")
    return summary


def forget(session: Session, stage: str) -> None:
    """Remove what was measured of a stage that now goes on, finished or not."""
    shutil.rmtree(session.config.out / f"eval-{stage}", ignore_errors=True)


def held_out(config: RunConfig) -> Plan:
    """The episodes that every stage of a run is measured on."""
    return Plan(
        env=config.tasks.env,
        model=config.model,
        n=config.evaluation.tasks,
        seed=config.seed,
        split="eval",
        horizons=config.tasks.horizons,
        options=config.tasks.options,
        temperature=config.evaluation.temperature,
        limits=config.limits,
        compress=config.compress,
        nudge=config.nudge,
        effort=config.effort,
    )


def in_words(summary: Summary) -> str:
    """A summary as one line."""
    if summary.success is None or summary.ci is None:
        return f"no success to report, {summary.coverage:.0%} of the episodes were scored"
    low, high = summary.ci
    followed = summary.work.effort_followed_mean if summary.work else None
    asked = f", {followed:.0%} of the replies as long as asked" if followed is not None else ""
    return (
        f"success {summary.success:.2f} [{low:.2f}, {high:.2f}] on {summary.n} held-out tasks, "
        f"{summary.tokens_mean or 0:.0f} tokens an episode{asked}"
    )


def as_row(summary: Summary) -> dict[str, JsonValue]:
    """What `summary.json` of a run keeps of a measurement."""
    row: dict[str, JsonValue] = {
        "success": summary.success,
        "ci": list(summary.ci) if summary.ci else None,
        "n": summary.n,
        "coverage": summary.coverage,
        "tokens_mean": summary.tokens_mean,
        "by_horizon": {str(row.horizon): row.success for row in summary.by_horizon},
    }
    work = summary.work
    if work is not None and work.effort is not None:
        row["effort"] = {
            "asked": work.effort,
            "error": work.effort_error_mean,
            "bias": work.effort_bias_mean,
            "followed": work.effort_followed_mean,
        }
    return row
