"""The agent loop: one agent acts in one environment until something ends it.

Whatever happens, every agent that began gets an End, every tool call one result, and a policy that
came to its own end a score. A failure of the world is data too: the End says which.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping

import anyio
import numpy as np

from forethought.agents.agent import Agent, Score
from forethought.agents.budget import Limits, first_grant
from forethought.agents.compress.compressors import compressor_named
from forethought.agents.compress.context import DEFAULT, Compressor
from forethought.agents.delegate.children import raising
from forethought.agents.delegate.minds import SubMinds
from forethought.agents.engines.engine import Engine
from forethought.agents.engines.prices import Price
from forethought.agents.episode import Episode
from forethought.agents.past import Diverged, Past
from forethought.agents.record.events import End, Limit, Message, Reward
from forethought.agents.record.failure import describe, stop_of
from forethought.agents.record.log import EventLog, LogUnwritable
from forethought.agents.record.stop import STOP_CAUSE, Cause, Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.turn import take_turn
from forethought.envs.base import Env
from forethought.envs.context import Context, Spent
from forethought.envs.task import Task
from forethought.envs.tools import as_tool
from forethought.sandbox import current_holder, holding

_DEFAULT_LIMITS = Limits()
_log = logging.getLogger(__name__)


async def run_episode(  # noqa: PLR0913 - the one entry that everything goes through
    env: Env,
    engine: Engine,
    *,
    id: str,
    log: EventLog,
    limits: Limits = _DEFAULT_LIMITS,
    task: Task | None = None,
    seed: int | None = None,
    group: str = "",
    temperature: float = 1.0,
    compressor: Compressor | str | None = DEFAULT,
    nudge: bool = True,
    model_name: str = "",
    attempt: int = 0,
    engine_for: Callable[[Env], Engine] | None = None,
    minds: Mapping[str, Engine] | None = None,
    prices: Mapping[str, Price] | None = None,
    effort: int | None = None,
    past: Past | None = None,
) -> Trajectory:
    """Run one episode and close the environment; returns its record, which is in the log as well.

    `task` instead of one drawn from `seed`. Draws depend on `seed` and `id` alone, so the same call
    gives the same episode. Sub-agents share `engine` unless `engine_for` names one for each
    environment; `minds` are other models that they may ask by name. `prices` are of the model by
    `model_name` and of the minds by theirs. `effort` asks for replies of about so many tokens.
    `compressor` is a name of `forethought.agents.compress.compressors` or one of your own; with
    none a full context ends the episode. `nudge` tells an agent that goes in circles before it is
    stopped.
    With the `past` of the same episode it goes on from there; see `forethought.agents.past`.
    Failures are told by `Trajectory.stop`; only LogUnwritable, cancellation (recorded first unless
    the episode is still catching up), ValueError for an unknown compressor, and Diverged if it
    cannot go on from its past are raised.
    """
    episode = Episode(
        id=id,
        log=log,
        limits=limits,
        compressor=_chosen(compressor),
        nudge=nudge,
        engine_for=engine_for or (lambda _: engine),
        temperature=temperature,
        seed=seed,
        group=group,
        model_name=model_name,
        attempt=attempt,
        minds=minds or {},
        prices=prices or {},
        effort=effort,
        past=past,
    )
    agent = Agent(path="0", episode=episode, env=env, budget=first_grant(limits), task=task)
    with holding():
        await run_agent(agent)
    if episode.past is not None:
        raise episode.past.apart("it ended before all that is on record had happened again")
    return Trajectory(id, episode.events)


def _chosen(compressor: Compressor | str | None) -> Compressor | None:
    return compressor_named(compressor) if isinstance(compressor, str) else compressor


async def run_agent(agent: Agent) -> End:
    """Run an agent, sub-agents included, from its start to its end.

    Waiting for a sandbox in the queue of a pool takes none of its time. Raises LogUnwritable,
    Diverged, and cancellation once the end is recorded.
    """
    episode = agent.episode
    limit_s = episode.limits.seconds if agent.depth == 0 else math.inf
    try:
        with _time_limit(agent, limit_s) as scope, current_holder().clock(scope):
            stop = await _live(agent)
        if scope.cancelled_caught and episode.past is not None:
            raise episode.past.apart(f"to catch up took longer than {limit_s:g} s")
        if scope.cancelled_caught:
            if agent.children is not None:
                agent.children.raise_if_lost()
            stop = Stop.TIME_LIMIT
            episode.record(
                Limit(agent=agent.path, t=episode.t, what="second", used=episode.t, limit=limit_s)
            )
        return await _settle(agent, stop)
    except anyio.get_cancelled_exc_class():
        is_late = agent.depth > 0 and episode.t >= episode.limits.seconds
        own = Stop.DROPPED if agent.is_dropped else Stop.CANCELLED
        agent.end(Stop.TIME_LIMIT if is_late else own)
        raise
    except (LogUnwritable, Diverged):
        raise
    except Exception as error:  # noqa: BLE001 - the edge where a failure becomes data
        stop = stop_of(error)
        # Once the environment is over, scoring is all that is left of its step.
        is_grader = stop is Stop.HARNESS_ERROR and agent.env.over
        return agent.end(Stop.GRADER_ERROR if is_grader else stop, error=describe(error))
    finally:
        await _close(agent)


async def _live(agent: Agent) -> Stop:
    """Begin, then take turns until one of them is the last."""
    env, seed = agent.env, agent.episode.seed
    context = Context(rng=np.random.default_rng(seed), minds=SubMinds(agent), spent=Spent())
    if agent.episode.compressor is not None:
        granted = {tool.name: tool for tool in map(as_tool, agent.episode.compressor.grants)}
        env.tools = {**granted, **env.tools}
    options: dict[str, object] = {"context": context}
    if agent.task is not None:
        options["task"] = agent.task
    observation, _ = await env.areset(seed=seed, options=options)
    agent.start()
    opening = _opening(agent, observation)
    for message in opening:
        agent.hear(message)
    agent.episode.record(*opening)
    async with raising(agent, run=run_agent):
        while True:
            stop = await take_turn(agent)
            if stop is not None:
                return stop


def _time_limit(agent: Agent, limit_s: float) -> anyio.CancelScope:
    """The scope that an agent lives in; to catch up the main one may take all of its time again."""
    episode = agent.episode
    scope = anyio.move_on_after(limit_s - (0.0 if episode.past is not None else episode.t))
    if agent.depth == 0:
        episode.time_limit = scope
    return scope


def _opening(agent: Agent, observation: str) -> list[Message]:
    """What an agent reads before its first turn; a forked one has read the rules already."""
    if agent.forked_from is not None:
        text = f"You are now sub-agent {agent.path}. {agent.env.instructions}\n\n{observation}"
        return [agent.message("user", text, "task")]
    rules = system_prompt(agent.env, minds=agent.episode.minds, effort=agent.episode.effort)
    messages = [agent.message("system", rules, "harness")] if rules else []
    return [*messages, agent.message("user", observation, "task")]


def system_prompt(env: Env, *, minds: Iterable[str] = (), effort: int | None = None) -> str:
    """Rules, tools as the environment's protocol puts it, and what else is asked; may be empty."""
    parts = [env.instructions] if env.instructions else []
    told = env.protocol.explain(list(env.tools.values())) if env.tools else ""
    parts += [told] if told else []
    names = ", ".join(minds)
    if names and "ask" in env.tools:
        parts.append(f"Other minds that you can ask by name: {names}")
    if effort is not None:
        parts.append(f"Take about {effort} tokens for each reply, thought included.")
    return "\n\n".join(parts)


async def _settle(agent: Agent, stop: Stop) -> End:
    """Score the main agent's end, in whatever state it is, and record it."""
    if agent.depth > 0 or STOP_CAUSE[stop] is not Cause.POLICY:
        return agent.end(stop)
    if agent.score is None:
        try:
            with anyio.fail_after(agent.episode.limits.seconds):
                value, rewards, metrics = await agent.env.ascore()
        except Exception as error:  # noqa: BLE001 - a grader that fails says nothing about the agent
            return agent.end(Stop.GRADER_ERROR, error=describe(error))
        agent.score = Score(value=value, rewards=rewards, metrics=metrics)
    score = agent.score
    agent.episode.record(
        Reward(
            agent=agent.path,
            t=agent.episode.t,
            value=score.value,
            rewards=score.rewards,
            metrics=score.metrics,
        )
    )
    return agent.end(stop)


async def _close(agent: Agent) -> None:
    """Close the environment even under cancellation; what it leaves behind is not the episode's."""
    with anyio.CancelScope(shield=True):
        try:
            await agent.env.aclose()
        except OSError as error:
            _log.warning("episode %s: closing its environment: %s", agent.episode.id, error)
