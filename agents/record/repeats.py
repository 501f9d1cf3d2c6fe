"""Repeats: turns in which an agent did again what had taught it better before."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from forethought.agents.record.events import Event, Message, ToolEvent
from forethought.agents.record.trajectory import Trajectory


@dataclass(slots=True)
class _Turn:
    action: str
    observed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """Calls that went wrong, as tool and arguments."""


def num_repeats(trajectory: Trajectory) -> int:
    """Turns of all agents that repeat a mistake of the same agent.

    Either a tool call failed that had failed with the same arguments at any time before, or the
    same action was met by the same observation as in one of the two turns before.
    """
    turns: dict[str, list[_Turn]] = {}
    for event in trajectory.events:
        _take_in(turns.setdefault(event.agent, []), event)
    return sum(map(_num_repeats, turns.values()))


def _take_in(turns: list[_Turn], event: Event) -> None:
    if isinstance(event, Message) and event.origin == "policy":
        turns.append(_Turn(event.text))
    elif not turns:
        return
    elif isinstance(event, Message) and event.origin == "env":
        turns[-1].observed.append(event.text)
    elif isinstance(event, ToolEvent) and event.error not in (None, "cancelled"):
        arguments = json.dumps(event.arguments, sort_keys=True)
        turns[-1].failed.append(f"{event.name} {arguments}")


def _num_repeats(turns: list[_Turn]) -> int:
    exchanges = [(turn.action, *turn.observed) for turn in turns]
    failed: set[str] = set()
    count = 0
    for at, turn in enumerate(turns):
        is_circle = exchanges[at] in exchanges[max(0, at - 2) : at]
        count += is_circle or not failed.isdisjoint(turn.failed)
        failed.update(turn.failed)
    return count
