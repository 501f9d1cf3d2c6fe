"""Results: what tools gave, on its way into the record and the context."""

from __future__ import annotations

from collections.abc import Sequence

from forethought.agents.agent import Agent
from forethought.agents.record.events import Event, ToolEvent
from forethought.envs.calls import ToolCall
from forethought.envs.tools import ToolResult


def hear_results(agent: Agent, calls: Sequence[ToolCall], results: Sequence[ToolResult]) -> None:
    """Record each call with its result and put the results into the context, capped.

    A call that has no result gets one that says it was cancelled: every call is answered once.
    """
    by_id = {result.call_id: result for result in results}
    events: list[Event] = []
    for call in calls:
        result = by_id.get(call.id) or ToolResult(
            call_id=call.id, name=call.name, text="Cancelled before it finished.", error="cancelled"
        )
        text, truncated_from = capped(agent, result.text, num_results=len(calls))
        tool = ToolEvent(
            agent=agent.path,
            t=agent.episode.t,
            call_id=call.id,
            name=call.name,
            arguments=call.arguments,
            error=result.error,
            wall_s=round(result.wall_s, 6),
            truncated_from=truncated_from,
            untrusted=result.untrusted,
            notes=dict(result.notes or ()),
        )
        message = agent.message("tool", text, "env", call_id=call.id, error=result.error)
        events += (tool, agent.hear(message))
    agent.episode.record(*events)


def hear_reply(agent: Agent, text: str) -> None:
    """Record what the environment answered to plain text, capped too."""
    agent.episode.record(agent.hear(agent.message("user", capped(agent, text)[0], "env")))


def capped(agent: Agent, text: str, *, num_results: int = 1) -> tuple[str, int | None]:
    """`text` within what one result may take, and its length in characters if it was cut.

    Characters are bounded by `Limits.result_chars`, tokens by a quarter of the context, or by what
    keeps all results of a turn together within half of it: they must never leave no room for
    anything else.
    """
    limits, template = agent.episode.limits, agent.view.template
    max_tokens = min(limits.context, agent.engine.context_window) // max(4, 2 * num_results)
    chars = limits.result_chars
    short = cut_middle(text, chars)
    if len(short.encode()) > max_tokens:  # no tokenizer needs more than a token a byte
        while len(short) > 1 and (count := len(template.encode(short))) > max_tokens:
            chars = min(len(short) - 1, len(short) * max_tokens // count)
            short = cut_middle(text, chars)
    return short, len(text) if short != text else None


def cut_middle(text: str, max_chars: int) -> str:
    """The head and the tail of `text` around a note of what was left out."""
    if len(text) <= max_chars:
        return text
    note = f"\n... {len(text)} characters, middle left out ...\n"
    kept = max_chars - len(note)
    if kept < 2:
        return text[:max_chars]
    return text[: kept - kept // 2] + note + text[len(text) - kept // 2 :]
