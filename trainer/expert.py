"""Expert episodes: what the warm start imitates."""

from __future__ import annotations

from dataclasses import replace

import anyio

from forethought.agents.budget import Limits
from forethought.agents.engines.models import OracleModel
from forethought.agents.record.log import EventLog
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.rollout import Job, run_jobs
from forethought.agents.templates.template import ByteTemplate, Template
from forethought.trainer.config import RunConfig, TasksConfig

_ROOM = Limits(turns=512, tokens=1 << 20, reply_tokens=4096, context=1 << 20)


def expert_episodes(
    tasks: TasksConfig, template: Template, *, num_episodes: int, seed: int
) -> list[Trajectory]:
    """Episodes of the environment's expert on training tasks, in a model's own tokens.

    Raises RuntimeError if the expert fails one: its environment is broken and would teach that.
    """
    jobs = practice_jobs(tasks, num_tasks=num_episodes, seed=seed)
    episodes = anyio.run(_run, jobs, OracleModel(template=template))
    for episode in episodes:
        if episode.reward is None or episode.reward < 1 - 1e-9:
            raise RuntimeError(
                f"the expert of {tasks.env} scores {episode.reward} on seed {episode.start.seed} "
                f"({episode.stop}); run: forethought check {tasks.env}"
            )
    return episodes


def expert_texts(tasks: TasksConfig, *, num_episodes: int, seed: int) -> list[str]:
    """All that is said in some expert episodes, for fitting a vocabulary."""
    episodes = expert_episodes(tasks, ByteTemplate(), num_episodes=num_episodes, seed=seed)
    return [message.text for episode in episodes for message in episode.messages()]


def practice_jobs(
    tasks: TasksConfig,
    *,
    num_tasks: int,
    seed: int,
    samples: int = 1,
    first: int = 0,
) -> list[Job]:
    """Episodes on training tasks `first`, `first + 1`, ...; samples of one task share its group.

    Seeds lie apart from those of any evaluation plan, whose split is another one besides.
    """
    jobs: list[Job] = []
    for index in range(first, first + num_tasks):
        made: dict[str, object] = {**tasks.options, "split": "train"}
        if tasks.horizons:
            made["horizon"] = tasks.horizons[index % len(tasks.horizons)]
        jobs.extend(
            Job(
                id=f"{seed}-{index:06d}.{sample}",
                env_id=tasks.env,
                options=made,
                seed=seed * 1_000_003 + index,
                group=str(index),
            )
            for sample in range(samples)
        )
    return jobs


def conditioned(job: Job, config: RunConfig) -> Job:
    """The episode under the run's conditions."""
    return replace(job, compress=config.compress, nudge=config.nudge, effort=config.effort)


async def _run(jobs: list[Job], model: OracleModel) -> list[Trajectory]:
    return await run_jobs(jobs, model, log=EventLog(None), limits=_ROOM, temperature=1.0)
