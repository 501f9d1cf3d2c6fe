"""Evaluate: run the episodes of a plan, resumably, and summarise them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from forethought.agents.record.log import EventLog, Standing, standing
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.rollout import Model, Terms, run_jobs
from forethought.benchmarks.folder import RunFolder, write_json
from forethought.benchmarks.plan import Plan
from forethought.benchmarks.results import summarise
from forethought.benchmarks.summary import Summary
from forethought.envs.registry import make


async def evaluate(
    plan: Plan,
    model: Model,
    *,
    minds: Mapping[str, Model] | None = None,
    out: Path | None = None,
    resume: bool = False,
    concurrency: int = 64,
    on_done: Callable[[Trajectory], None] | None = None,
) -> Summary:
    """Run what `plan` says and is not done yet; returns the summary of all of it.

    `out` gets `plan.json`, `episodes.jsonl` and `summary.json`. With `resume` it may hold a run
    of the same plan, whose finished episodes are kept; those that were under way go on where they
    stopped, and those that infrastructure or the operator ended are run again. `minds` are the
    models that the plan names as such. `on_done` hears of each episode that is run now. Raises
    ValueError for a folder that holds something else and, before anything is written, for an
    environment that cannot be made or that the model cannot act in.
    """
    if plan.model != model.name:
        raise ValueError(f"the plan is for model {plan.model!r}, not {model.name!r}")
    terms = Terms(minds=minds or {}, prices=plan.prices)
    given = {name: mind.name for name, mind in terms.minds.items()}
    if given != plan.minds:
        raise ValueError(f"the plan is for the minds {plan.minds}, not {given}")
    first = plan.jobs()[0]
    model.engine(make(first.env_id, **first.options))
    folder = RunFolder(out) if out is not None else None
    so_far = Standing(finished=set(), open={})
    if folder is not None:
        folder.claim(plan, resume=resume)
        so_far = standing(folder.log_file)
    with EventLog(folder.log_file if folder is not None else None) as log:
        trajectories = await run_jobs(
            [job for job in plan.jobs() if job.id not in so_far.finished],
            model,
            log=log,
            limits=plan.limits,
            temperature=plan.temperature,
            terms=terms,
            concurrency=concurrency,
            past=so_far.open,
            on_done=on_done,
        )
    if folder is not None and so_far.finished:
        trajectories = folder.trajectories()
    summary = summarise(trajectories, planned=plan.num_episodes)
    if folder is not None:
        write_json(folder.summary_file, summary)
    return summary
