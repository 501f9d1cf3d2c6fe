"""RL over full episodes: sample groups, give credit, take one step on all of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import anyio
from pydantic import JsonValue

from forethought.agents.record.log import EventLog, read_log, standing
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.rollout import Job, run_jobs
from forethought.benchmarks.facts import length_errors
from forethought.benchmarks.proxies import proxy_gaps
from forethought.envs.task import Task
from forethought.trainer.config import RLConfig, RunConfig
from forethought.trainer.credit import Credited, credit
from forethought.trainer.expert import conditioned, practice_jobs
from forethought.trainer.learner import Learner, Objective, StepMetrics
from forethought.trainer.measure import forget, measure
from forethought.trainer.metrics import Metrics
from forethought.trainer.session import RL, Session


def reinforce(session: Session, pool: Sequence[Task]) -> None:
    """Take the config's RL steps, or as many as its minutes allow."""
    config = session.config.rl
    assert config is not None
    learner = session.learner(learning_rate=config.learning_rate, warmup_steps=config.warmup_steps)
    first = session.restore(learner, stage=RL)
    if first < config.steps:
        forget(session, "rl")  # of an earlier session that time stopped: of other weights
    with session.progress.bar("RL over full episodes", config.steps) as advance:
        for step in range(config.steps):
            if step > first and session.is_late():
                session.save(learner, stage=RL, step=step, force=True)
                session.progress.say(f"      rl: stopped for time after {step} steps")
                break
            state = ""
            if step >= first:
                values = _step(session, learner, pool, step)
                session.record(RL, step, values)
                session.save(learner, stage=RL, step=step + 1)
                state = f"success {values['success']}"
            advance(state)
            if step + 1 >= first and _is_measured(session.config, num_steps=step + 1):
                measure(session, f"rl-{step + 1:05d}")


def _is_measured(config: RunConfig, *, num_steps: int) -> bool:
    """Whether there is an evaluation between two RL steps, so many of them done."""
    assert config.rl is not None
    every = config.evaluation.every
    return every > 0 and num_steps % every == 0 and num_steps < config.rl.steps


def _step(session: Session, learner: Learner, pool: Sequence[Task], step: int) -> Metrics:
    config = session.config.rl
    assert config is not None
    rollout = sample(session, step_jobs(session.config, pool, step), step)
    found = credit(
        rollout.groups,
        estimator=config.estimator,
        overlong=config.overlong,
        spread=config.spread,
    )
    started = time.perf_counter()
    done = None
    if found.num_trained:
        done = learner.step(found.rows, objective(config))
        session.engine.weights_changed()
    return step_metrics(rollout, found, done, train_s=time.perf_counter() - started)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollout:
    """The episodes of one step, group by group."""

    groups: tuple[tuple[Trajectory, ...], ...]
    seconds: float


def objective(config: RLConfig) -> Objective:
    """What an RL step of this config minimises."""
    episodes = config.groups * config.group_size
    return Objective(
        loss=config.loss,
        corrections=config.corrections,
        denominator=config.denominator,
        constant=float(episodes),
    )


def step_jobs(config: RunConfig, pool: Sequence[Task], step: int) -> list[Job]:
    """Episodes of a step: the tasks of the filtered pool, each once, and then fresh ones.

    Fresh tasks are sorted out by the variance of their rewards alone. A function of config, pool
    and step alone, so that a resumed run goes on exactly.
    """
    rl = config.rl
    assert rl is not None
    first = step * rl.groups
    jobs = practice_jobs(
        config.practice_tasks,
        num_tasks=rl.groups,
        seed=3 * config.seed + 3,
        samples=rl.group_size,
        first=first,
    )
    filtered = pool[first : first + rl.groups]
    return [
        replace(job, task=filtered[index // rl.group_size])
        if index // rl.group_size < len(filtered)
        else job
        for index, job in enumerate(jobs)
    ]


def sample(session: Session, jobs: Sequence[Job], step: int) -> Rollout:
    """Run the episodes of a step that its log does not hold yet; all of them, by group."""
    config = session.config
    started = time.perf_counter()
    log_path = config.out / "rl" / f"step-{step:05d}.jsonl"
    so_far = standing(log_path)
    session.engine.forget()
    with session.progress.bar(f"  episodes of step {step + 1}", len(jobs)) as advance:

        async def run() -> None:
            with EventLog(log_path) as log:
                await run_jobs(
                    [conditioned(job, config) for job in jobs if job.id not in so_far.finished],
                    session.model,
                    log=log,
                    limits=config.limits,
                    concurrency=config.concurrency,
                    past=so_far.open,
                    on_done=lambda _: advance(""),
                )

        anyio.run(run)
    episodes = read_log(log_path)
    groups: dict[str, list[Trajectory]] = {}
    for job in jobs:
        groups.setdefault(job.group, []).append(episodes[job.id])
    return Rollout(
        groups=tuple(tuple(group) for group in groups.values()),
        seconds=time.perf_counter() - started,
    )


def step_metrics(
    rollout: Rollout, found: Credited, step: StepMetrics | None, *, train_s: float
) -> Metrics:
    """The line of an RL step; without informative groups there was no optimiser step."""
    episodes = [episode for group in rollout.groups for episode in group]
    rewards = [episode.reward for episode in episodes if episode.reward is not None]
    values: Metrics = {
        "reward": _mean(rewards),
        "success": _mean([float(reward >= 1 - 1e-9) for reward in rewards]),
        "episodes": len(episodes),
        "unscored": found.num_unscored,
        "overlong": found.num_overlong,
        "groups": found.num_groups,
        "informative": found.num_informative,
        "coverage": found.coverage,
        "sampled_tokens": sum(episode.num_sampled for episode in episodes),
        "drifts": sum(episode.num_drifts for episode in episodes),
        "proxy_gaps": _proxy_gaps(episodes),
        "rollout_s": round(rollout.seconds, 3),
        "train_s": round(train_s, 3),
        **_effort(episodes),
    }
    if step is not None:
        values |= {
            "loss": step.loss,
            "gradient_norm": step.gradient_norm,
            "entropy": step.entropy,
            "mismatch": step.mismatch,
            "max_ratio": step.max_ratio,
            "trained_tokens": step.num_draws,
            "computed_tokens": step.num_computed,
            "distinct_tokens": step.num_tokens,
            "row_tokens": step.num_row_tokens,
        }
    return values


def _proxy_gaps(episodes: Sequence[Trajectory]) -> list[JsonValue]:
    """How far each proxy runs ahead of the reward; records of `ProxyGap`."""
    outcomes = ((item.start.task.id, item.reward, item.metrics) for item in episodes)
    return [gap.model_dump(mode="json") for gap in proxy_gaps(outcomes)]


def _effort(episodes: Sequence[Trajectory]) -> Metrics:
    """How far replies were from the length that was asked, if one was."""
    errors = [
        error
        for episode in episodes
        for error in length_errors(episode.calls, episode.start.effort)
    ]
    if not errors:
        return {}
    return {"effort_error": _mean([abs(error) for error in errors]), "effort_bias": _mean(errors)}


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
