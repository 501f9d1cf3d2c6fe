"""Planning: how an agent's plan changed on the way, and whether what it did was the plan."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from forethought.agents.record.events import Event, PlanEvent, ToolEvent

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanChange:
    """From one state of a plan to the next."""

    added: tuple[str, ...]
    dropped: tuple[str, ...]
    done: tuple[str, ...]
    """Items ticked off."""
    reopened: tuple[str, ...]
    is_reordered: bool

    @property
    def is_replan(self) -> bool:
        """Whether there is another plan now, rather than the same one further on."""
        return bool(self.added or self.dropped or self.is_reordered)


def plan_changes(events: Sequence[Event], *, agent: str = "0") -> list[PlanChange]:
    """What changed at each plan event of an agent; writing the first plan is no change."""
    plans = [event for event in events if isinstance(event, PlanEvent) and event.agent == agent]
    return [_change(before, after) for before, after in pairwise(plans)]


def num_replans(events: Sequence[Event], *, agent: str = "0") -> int:
    """How often an agent took up another plan."""
    return sum(change.is_replan for change in plan_changes(events, agent=agent))


def done_in_order(events: Sequence[Event], *, agent: str = "0") -> float | None:
    """Share of the last plan's items that were ticked off when all before them were done.

    None if there was no plan.
    """
    in_order: set[str] = set()
    before: dict[str, str] = {}
    last: tuple[str, ...] = ()
    for event in events:
        if not isinstance(event, PlanEvent) or event.agent != agent:
            continue
        statuses = dict(zip(event.items, event.statuses, strict=True))
        for at, item in enumerate(event.items):
            is_new = statuses[item] == "done" and before.get(item) != "done"
            if is_new and all(statuses[each] == "done" for each in event.items[:at]):
                in_order.add(item)
        before, last = statuses, event.items
    return sum(item in in_order for item in last) / len(last) if last else None


def followed(events: Sequence[Event], *, agent: str = "0") -> float | None:
    """Share of an agent's tool calls, while an item was under way, that this item names.

    An item names a call if the tool's name, or a text that is among its arguments, stands in the
    item's own words. Calls of `plan` itself are left out. None if there were none to judge.
    """
    judged = [_names(item, call) for item, call in _under_way(events, agent)]
    return sum(judged) / len(judged) if judged else None


def _under_way(events: Sequence[Event], agent: str) -> Iterator[tuple[str, ToolEvent]]:
    """Each tool call with the item that was being done."""
    current: str | None = None
    for event in events:
        if event.agent != agent:
            continue
        if isinstance(event, PlanEvent):
            pairs = zip(event.items, event.statuses, strict=True)
            current = next((item for item, status in pairs if status != "done"), None)
        elif isinstance(event, ToolEvent) and event.name != "plan" and current is not None:
            yield current, event


def _names(item: str, call: ToolEvent) -> bool:
    words = _words(item)
    texts = [value for value in call.arguments.values() if isinstance(value, str)]
    return any(_contains(words, _words(text)) for text in (call.name, *texts))


def _contains(words: Sequence[str], part: Sequence[str]) -> bool:
    """Whether `part` stands in `words`, in one piece."""
    size = len(part)
    return size > 0 and any(
        list(words[at : at + size]) == list(part) for at in range(len(words) - size + 1)
    )


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _change(before: PlanEvent, after: PlanEvent) -> PlanChange:
    old = dict(zip(before.items, before.statuses, strict=True))
    new = dict(zip(after.items, after.statuses, strict=True))
    kept = [item for item in before.items if item in new]
    return PlanChange(
        added=tuple(item for item in new if item not in old),
        dropped=tuple(item for item in old if item not in new),
        done=tuple(item for item in new if new[item] == "done" and old.get(item) != "done"),
        reopened=tuple(item for item in kept if old[item] == "done" and new[item] != "done"),
        is_reordered=kept != [item for item in after.items if item in old],
    )
