"""check_env: all promises of one environment, one after the other.

Each promise becomes one `Finding`. An environment that raises, hangs on to things or scores badly
is what the report tells about; nothing is raised for it.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping

import anyio
from pydantic import JsonValue

from forethought.envs.base import Env
from forethought.envs.check.cancelling import CANCELLING
from forethought.envs.check.episodes import EPISODES
from forethought.envs.check.failure import told
from forethought.envs.check.hedging import HEDGING
from forethought.envs.check.holding import HOLDING
from forethought.envs.check.horizons import HORIZONS
from forethought.envs.check.promise import Broken, NothingToCheck
from forethought.envs.check.report import Finding, Report
from forethought.envs.check.scores import SCORES
from forethought.envs.check.subject import Check, Subject
from forethought.envs.check.tasks import TASKS
from forethought.envs.play import Factory
from forethought.envs.portal import run_sync
from forethought.envs.registry import full_id, make
from forethought.sandbox import SandboxPool

MAX_SECONDS = 60.0
"""For one promise; after one that took longer no other is tried."""

CHECKS: dict[str, Check] = {**TASKS, **SCORES, **HEDGING, **HORIZONS, **EPISODES, **HOLDING}


def check_env(
    env: str | Factory,
    *,
    num_seeds: int = 8,
    options: Mapping[str, JsonValue] | None = None,
    max_seconds: float = MAX_SECONDS,
) -> Report:
    """Check an environment, given by id, by its class or by a function that takes `split`.

    Plays `num_seeds` episodes a policy; seconds, where a step takes milliseconds. `options` are the
    environment's own; `max_seconds` is for one promise. Not to be called from within an event loop.
    Raises ValueError for an unknown id and for fewer than two seeds.
    """
    if num_seeds < 2:
        raise ValueError(f"num_seeds is at least 2, to see whether seeds vary, not {num_seeds}")
    name = env if isinstance(env, str) else env.__name__
    full = full_id(env) if isinstance(env, str) else ""
    given = dict(options or {})

    def factory(**more: JsonValue) -> Env:
        return make(full, **(given | more)) if isinstance(env, str) else env(**(given | more))

    subject = Subject(
        make=factory,
        seeds=range(num_seeds),
        max_seconds=max_seconds,
        is_function=not isinstance(env, str | type),
    )
    return run_sync(_check_all(name, subject))


async def _check_all(name: str, subject: Subject) -> Report:
    started = time.perf_counter()
    findings = [await _find("it begins", _begins, subject)]
    if findings[0].ok:
        findings += await _pooled(CHECKS, subject)
        # what a step leaves behind is told apart from sandboxes that wait for the next episode
        findings += [await _find(promise, check, subject) for promise, check in CANCELLING.items()]
    return Report(env=name, findings=tuple(findings), seconds=time.perf_counter() - started)


async def _pooled(checks: Mapping[str, Check], subject: Subject) -> list[Finding]:
    """Findings of episodes that lend each other their sandboxes, as those of an evaluation do."""
    findings, left = [], list(checks.items())
    while left:
        async with SandboxPool(warm=0) as pool:
            # of what keeps its sandboxes the next would wait for those that never come back
            while left and not pool.stats().leased:
                findings.append(await _find(*left.pop(0), subject))
    return findings


async def _begins(subject: Subject) -> str:
    env = subject.make()
    subject.kind = type(env)
    try:
        if not inspect.signature(env.floor).parameters:
            raise Broken("floor has nowhere to draw from; write it as def floor(self, rng)")
        await env.areset(seed=subject.seeds[0])
    finally:
        await env.aclose()
    card = env.card
    return f"{', '.join(card.traits)}; {card.horizons[0]} to {card.horizons[1]} {card.horizon_unit}"


async def _find(name: str, check: Check, subject: Subject) -> Finding:
    if subject.is_late:
        return Finding(name=name, ok=None, detail="not tried, as an earlier one took too long")
    try:
        with anyio.move_on_after(subject.max_seconds):
            return Finding(name=name, ok=True, detail=await check(subject))
    except Broken as broken:
        return Finding(name=name, ok=False, detail=str(broken))
    except NothingToCheck as reason:
        return Finding(name=name, ok=None, detail=str(reason))
    except Exception as error:  # noqa: BLE001 - whatever an environment raises is a finding
        return Finding(name=name, ok=False, detail=told(error, subject.kind))
    subject.is_late = True
    return Finding(
        name=name,
        ok=False,
        detail=f"not done after {subject.max_seconds:g} s; let max_steps end every episode soon, "
        "and no step wait for what may not come",
    )
