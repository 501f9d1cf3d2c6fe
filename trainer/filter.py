"""Difficulty filter: keep the tasks that a model solves sometimes.

A group of episodes that all fail or all succeed has no advantage to learn from, so tasks with a
pass rate of 0/N or N/N are dropped before RL (and, as the policy moves, groups without variance
are dropped again at each step).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
from pydantic import JsonValue

from forethought.agents.budget import Limits
from forethought.agents.engines.models import open_model
from forethought.agents.record.log import EventLog, read_log, standing
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.rollout import Job, Model, run_jobs
from forethought.benchmarks.folder import write_json
from forethought.envs.task import Task, load_tasks, save_tasks
from forethought.trainer.config import TasksConfig
from forethought.trainer.expert import conditioned, practice_jobs
from forethought.trainer.session import Session


@dataclass(frozen=True, kw_only=True, slots=True)
class Rated:
    """A task, and how often the model solved it."""

    task: Task
    passed: int
    samples: int
    """Scored samples; those that infrastructure lost are not counted."""

    @property
    def is_kept(self) -> bool:
        """Solved sometimes, not always."""
        return 0 < self.passed < self.samples


def rate(episodes: Sequence[Trajectory]) -> list[Rated]:
    """Pass rate of each task, in the order the tasks first appear."""
    by_group: defaultdict[str, list[Trajectory]] = defaultdict(list)
    for episode in episodes:
        if episode.reward is not None:
            by_group[episode.start.group].append(episode)
    return [
        Rated(
            task=group[0].start.task,
            passed=sum((episode.reward or 0.0) >= 1 - 1e-9 for episode in group),
            samples=len(group),
        )
        for group in by_group.values()
    ]


async def rate_tasks(
    jobs: Sequence[Job],
    model: Model,
    *,
    log_path: Path,
    limits: Limits,
    concurrency: int = 64,
    on_done: Callable[[Trajectory], None] | None = None,
) -> list[Rated]:
    """Run what is not yet in the log, then rate every task of the jobs."""
    so_far = standing(log_path)
    with EventLog(log_path) as log:
        await run_jobs(
            [job for job in jobs if job.id not in so_far.finished],
            model,
            log=log,
            limits=limits,
            concurrency=concurrency,
            past=so_far.open,
            on_done=on_done,
        )
    episodes = read_log(log_path)
    return rate([episodes[job.id] for job in jobs if job.id in episodes])


def summary(rated: Sequence[Rated]) -> dict[str, JsonValue]:
    """How many tasks were kept, and the pass rate of each."""
    return {
        "tasks": len(rated),
        "kept": sum(item.is_kept for item in rated),
        "never": sum(item.passed == 0 for item in rated),
        "always": sum(item.passed == item.samples for item in rated),
        "pass_rates": [
            {
                "task": item.task.id,
                "horizon": item.task.horizon,
                "passed": item.passed,
                "samples": item.samples,
            }
            for item in rated
        ],
    }


def run_filter(
    env_id: str,
    model_name: str,
    *,
    n: int,
    k: int,
    out: Path | None,
    options: Mapping[str, JsonValue],
    seed: int,
) -> dict[str, JsonValue]:
    """`forethought filter`: rates `n` tasks by `k` samples; writes those kept to `out`.

    `out` gets `tasks.jsonl` (a task file), `filter.json` and `episodes.jsonl`. If it holds these
    of an earlier filter with the same arguments, its finished episodes are used again. Raises
    ValueError if that one had others, or `k` is below 2.
    """
    if k < 2:
        raise ValueError(f"a pass rate of {k} sample is always 0/N or N/N; use -k 2 or more")
    folder = out or Path("runs") / f"filter-{env_id.replace('/', '-')}-{seed}"
    asked: dict[str, JsonValue] = {"env": env_id, "model": model_name, "n": n, "k": k}
    limits = Limits()
    model = open_model(model_name, window=limits.context)
    _claim(folder, {**asked, "options": dict(options), "seed": seed})
    tasks = TasksConfig(env=env_id, options=dict(options))
    jobs = practice_jobs(tasks, num_tasks=n, seed=seed, samples=k)
    log_path = folder / "episodes.jsonl"

    async def run() -> list[Rated]:
        try:
            return await rate_tasks(jobs, model, log_path=log_path, limits=limits)
        finally:
            await model.aclose()

    rated = anyio.run(run)
    kept = [item.task for item in rated if item.is_kept]
    save_tasks(folder / "tasks.jsonl", kept)
    found = summary(rated)
    write_json(folder / "filter.json", found)
    return {**found, "out": str(folder)}


def _claim(folder: Path, asked: Mapping[str, JsonValue]) -> None:
    kept = folder / "asked.json"
    if not kept.exists():
        write_json(kept, asked)
        return
    before = json.loads(kept.read_bytes())
    unlike = [f"{name} {before.get(name)!r}" for name in asked if before.get(name) != asked[name]]
    if unlike:
        raise ValueError(
            f"{folder} holds a filter with {', '.join(unlike)}; give another --out for this one"
        )


def select_tasks(session: Session) -> list[Task]:
    """The training tasks that the present model solves sometimes; read again on resume.

    There may be none: `reinforce` then takes tasks as they come.
    """
    config = session.config.filter
    assert config is not None
    folder = session.config.out / "filter"
    kept = folder / "tasks.jsonl"
    if not (folder / "filter.json").exists():
        made = practice_jobs(
            session.config.practice_tasks,
            num_tasks=config.tasks,
            seed=3 * session.config.seed + 2,
            samples=config.samples,
        )
        jobs = [conditioned(job, session.config) for job in made]
        session.engine.forget()
        with session.progress.bar("difficulty filter", len(jobs)) as advance:

            async def run() -> list[Rated]:
                return await rate_tasks(
                    jobs,
                    session.model,
                    log_path=folder / "episodes.jsonl",
                    limits=session.config.limits,
                    concurrency=session.config.concurrency,
                    on_done=lambda _: advance(""),
                )

            rated = anyio.run(run)
        save_tasks(kept, [item.task for item in rated if item.is_kept])
        write_json(folder / "filter.json", summary(rated))
    tasks = load_tasks(kept)
    session.progress.say(
        f"  filter: kept {len(tasks)} of {config.tasks} tasks; the others were solved always or "
        f"never in {config.samples} tries"
    )
    if not tasks:
        session.progress.say("          RL goes on with tasks as they come")
    return tasks
