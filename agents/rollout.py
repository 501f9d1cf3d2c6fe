"""Rollouts: many episodes at once, lost ones tried again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import anyio

from forethought.agents.budget import Limits
from forethought.agents.compress.context import DEFAULT
from forethought.agents.engines.engine import Engine
from forethought.agents.engines.prices import Price
from forethought.agents.loop import run_episode
from forethought.agents.past import Diverged, Past
from forethought.agents.record.failure import leaves
from forethought.agents.record.log import EventLog
from forethought.agents.record.stop import STOP_CAUSE, Cause, Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.envs import registry
from forethought.envs.base import Env
from forethought.envs.task import Task
from forethought.sandbox import shared_pool

_DEFAULT_LIMITS = Limits()
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One episode to run."""

    id: str
    """Unique in the run; with `seed` it determines every draw."""
    env_id: str
    options: Mapping[str, object] = field(default_factory=dict)
    """What the environment is made with, such as its horizon."""
    task: Task | None = None
    """Instead of one drawn from `seed`."""
    seed: int | None = None
    group: str = ""
    compress: str = DEFAULT
    """Compressor, by its name in `forethought.agents.compress.compressors`."""
    nudge: bool = True
    """Whether an agent that goes in circles is told before it is stopped."""
    effort: int | None = None
    """Tokens that each reply is asked to take."""


class Model(Protocol):
    """Something that can be asked for the engine of an episode."""

    @property
    def name(self) -> str:
        """As it was asked for; recorded with every episode."""
        ...

    def engine(self, env: Env) -> Engine:
        """The engine that acts in `env`; shared between episodes or made for this one."""
        ...

    async def aclose(self) -> None:
        """Release what the engines hold."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """On what terms a model is run, beside its limits."""

    minds: Mapping[str, Model] = field(default_factory=dict)
    """Other models that it may ask, by the name that it is told."""
    prices: Mapping[str, Price] = field(default_factory=dict)
    """By the model's name, and by those of the minds; what is not named is free."""


_USUAL_TERMS = Terms()


async def run_jobs(  # noqa: PLR0913 - what holds for every episode of a run
    jobs: Iterable[Job],
    model: Model,
    *,
    log: EventLog,
    limits: Limits = _DEFAULT_LIMITS,
    temperature: float = 1.0,
    terms: Terms = _USUAL_TERMS,
    concurrency: int = 256,
    retries: int = 2,
    past: Mapping[str, Trajectory] | None = None,
    on_done: Callable[[Trajectory], None] | None = None,
) -> list[Trajectory]:
    """Run every job, `concurrency` at a time; the last attempt at each, in the jobs' order.

    An episode that the infrastructure lost is run again up to `retries` times, unless the model's
    server refused it for good. `past` are the records of unfinished episodes by id: these go on
    where they stopped or, where that cannot be, are begun again as a new attempt. Sandboxes come
    from the pool that is open, or from one of this run's own, which is not touched by environments
    that need none. `on_done` hears of every job as it is done. Raises ValueError for an environment
    that cannot be made or an unknown compressor, and LogUnwritable; these end the run.
    """
    if concurrency < 1:
        raise ValueError(f"concurrency must be at least 1, not {concurrency}")
    todo = list(jobs)
    run = _Run(model=model, log=log, limits=limits, temperature=temperature, terms=terms)
    done: dict[int, Trajectory] = {}
    open = past or {}
    queue = iter(enumerate(todo))

    async def work() -> None:
        for index, job in queue:
            record = open.get(job.id)
            trajectory = await _tried(partial(run.attempt, job), record, retries=retries)
            done[index] = trajectory
            if on_done is not None:
                on_done(trajectory)

    # One that boots ahead for the last job would boot for nobody.
    async with shared_pool(warm=min(2, max(0, len(todo) - 1))):
        await _together([work] * min(concurrency, len(todo)))
    return [done[index] for index in range(len(todo))]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Run:
    """What holds for every episode."""

    model: Model
    log: EventLog
    limits: Limits
    temperature: float
    terms: Terms

    async def attempt(self, job: Job, number: int, past: Past | None = None) -> Trajectory:
        """Run a job's episode for the n-th time, from its past if it has one."""
        env = registry.make(job.env_id, **job.options)
        return await run_episode(
            env,
            self.model.engine(env),
            id=job.id,
            log=self.log,
            limits=self.limits,
            task=job.task,
            seed=job.seed,
            group=job.group,
            temperature=self.temperature,
            compressor=job.compress,
            nudge=job.nudge,
            model_name=self.model.name,
            attempt=number,
            engine_for=self.model.engine,
            minds={name: mind.engine(env) for name, mind in self.terms.minds.items()},
            prices=self.terms.prices,
            effort=job.effort,
            past=past,
        )


class _Attempt(Protocol):
    """Runs one episode for the n-th time, from its past if it has one."""

    async def __call__(self, number: int, past: Past | None = None) -> Trajectory: ...


async def _tried(attempt: _Attempt, record: Trajectory | None, *, retries: int) -> Trajectory:
    """An episode that is run until it is no longer lost to what may pass, or too often."""
    trajectory = await _first(attempt, record)
    for number in range(trajectory.start.attempt + 1, retries + 1):
        if not _may_heal(trajectory):
            break
        trajectory = await attempt(number)
    return trajectory


async def _first(attempt: _Attempt, record: Trajectory | None) -> Trajectory:
    """The first attempt, or the one that is on record, or the one after it if that cannot go on."""
    if record is None:
        return await attempt(0)
    number = record.start.attempt
    try:
        return await attempt(number, Past(record.events))
    except Diverged as error:
        _log.warning("episode %s cannot go on and is begun again: %s", record.id, error)
    return await attempt(number + 1)


async def _together(workers: Sequence[Callable[[], Coroutine[Any, Any, None]]]) -> None:
    """Run workers in one task group; a failure is raised as itself, not in a group."""
    try:
        async with anyio.create_task_group() as group:
            for worker in workers:
                group.start_soon(worker)
    except BaseExceptionGroup as errors:
        raise leaves(errors)[0] from None


def _may_heal(trajectory: Trajectory) -> bool:
    """Whether the episode was lost to something that may have passed by now."""
    stop = trajectory.stop
    return stop not in (None, Stop.PROVIDER_REFUSED) and STOP_CAUSE[stop] is Cause.INFRA
