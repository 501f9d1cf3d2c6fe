"""One turn: room in the context, a reply, its tool calls, what came back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forethought.agents.agent import Agent, Score
from forethought.agents.compress.context import ContextFull
from forethought.agents.compress.edit import make_room, room_for_prompt
from forethought.agents.compress.folding import follow_branch
from forethought.agents.engines.engine import ContextOverflow
from forethought.agents.record.events import Limit, Nudge, PlanEvent
from forethought.agents.record.stop import Stop
from forethought.agents.results import hear_reply, hear_results
from forethought.agents.stuck import Circle
from forethought.envs.calls import Action
from forethought.envs.context import BudgetExhausted

MAX_FORMAT_ERRORS = 3
_BUDGET_STOP = {
    "turn": Stop.TURN_LIMIT,
    "token": Stop.TOKEN_LIMIT,
    "money": Stop.MONEY_LIMIT,
}


async def take_turn(agent: Agent) -> Stop | None:
    """Let the agent act once; returns why it ended, or None."""
    try:
        text = await _act(agent)
    except BudgetExhausted as error:
        _limit(agent, error.what, error.used, error.limit)
        return _BUDGET_STOP[error.what]
    except ContextFull:
        window = min(agent.episode.limits.context, agent.engine.context_window)
        _limit(agent, "context", len(agent.view), window)
        return Stop.CONTEXT_LIMIT
    action = Action.of(text, turn=agent.num_turns - 1, parse=agent.env.parse)
    return await _step(agent, action)


async def _act(agent: Agent) -> str:
    """Reply to what the context holds, after making room for it if need be."""
    agent.budget.charge_turn()
    room = room_for_prompt(agent)
    if len(agent.view) > room:
        await make_room(agent, room=room, trigger="threshold")
    try:
        return await agent.act()
    except ContextOverflow:
        # The engine counts otherwise than we do; once more with a quarter less.
        await make_room(agent, room=min(room, len(agent.view) * 3 // 4), trigger="overflow")
    try:
        return await agent.act()
    except ContextOverflow:
        raise ContextFull from None


async def _step(agent: Agent, action: Action) -> Stop | None:
    try:
        observation, _, terminated, truncated, info = await agent.env.astep(action)
    except BaseException:
        hear_results(agent, action.calls, ())
        raise
    if action.calls:
        hear_results(agent, action.calls, info["results"])
        await follow_branch(agent, action)
    else:
        hear_reply(agent, observation)
    _record_plan(agent)
    if terminated or truncated:
        agent.score = Score(value=info["score"], rewards=info["rewards"], metrics=info["metrics"])
        return Stop.SUBMITTED if terminated else Stop.ENV_LIMIT
    return _gone_wrong(agent, action, observation, info)


def _gone_wrong(
    agent: Agent, action: Action, observation: str, info: Mapping[str, Any]
) -> Stop | None:
    unreadable = bool(action.calls) and all(call.error is not None for call in action.calls)
    is_format_error = unreadable or bool(info.get("format_error"))
    agent.num_format_errors = agent.num_format_errors + 1 if is_format_error else 0
    circle = agent.circles.see(action.text, observation, info["results"])
    if agent.num_format_errors >= MAX_FORMAT_ERRORS:
        return Stop.FORMAT_ERRORS
    if circle is None:
        return None
    if circle.verdict == "stop":
        return Stop.STUCK
    if agent.episode.nudge:
        _tell(agent, circle)
    return None


def _tell(agent: Agent, circle: Circle) -> None:
    """Say that the agent goes in circles, where it will read it next."""
    message = agent.hear(agent.message("user", circle.text, "harness"))
    nudge = Nudge(
        agent=agent.path,
        t=agent.episode.t,
        pattern=circle.pattern,
        times=circle.times,
        message=message.id,
    )
    agent.episode.record(message, nudge)


def _record_plan(agent: Agent) -> None:
    items = agent.env.context.plan.items
    plan = tuple((item.text, item.status) for item in items)
    if plan == agent.last_plan:
        return
    agent.last_plan = plan
    texts, statuses = tuple(text for text, _ in plan), tuple(status for _, status in plan)
    agent.episode.record(
        PlanEvent(agent=agent.path, t=agent.episode.t, items=texts, statuses=statuses)
    )


def _limit(agent: Agent, what: str, used: float, limit: float) -> None:
    agent.episode.record(
        Limit(agent=agent.path, t=agent.episode.t, what=what, used=used, limit=limit)
    )
