"""Window: the oldest pairs of action and results go, as few as make enough room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from forethought.agents.compress.context import (
    SLACK,
    Rewrite,
    Summarise,
    loose,
    note_of,
    size_of,
    without,
)
from forethought.agents.view import Entry, View
from forethought.envs.context import Plan

LEFT_OUT = "[Earlier messages no longer fit and were left out; not a message from the user]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """Drop the oldest pairs until `slack` of the room is free, if need be all that is loose."""

    slack: float = SLACK
    grants: ClassVar[tuple[Callable[..., object], ...]] = ()

    async def propose(
        self, view: View, *, room: int, plan: Plan, summarise: Summarise
    ) -> Rewrite | None:
        """See `Compressor.propose`."""
        note = note_of(view, LEFT_OUT, plan, room=room)
        cost = len(view.template.render("user", note))
        old = oldest(view, cost=cost, room=room, slack=self.slack)
        left = min(room, len(view) - 1) - (len(view) - size_of(old))
        if not old or left < 0:
            return None
        note = note_of(view, LEFT_OUT, plan, room=left)
        return without(view, old, note, strategy="window", author="harness")


def oldest(view: View, *, cost: int, room: int, slack: float) -> list[Entry]:
    """The fewest of the oldest pairs without which `slack` of the room is free.

    `cost` is what a note in their place takes. The last pair, which the agent has not answered yet,
    is among them only if it does not fit the room at all.
    """
    kept = len(view) + cost
    *before, end = _cuts(view)
    old: list[Entry] = []
    for cut in before:
        old = loose(view, cut)
        if old and kept - size_of(old) <= int(room * (1 - slack)):
            return old
    return old if old and kept - size_of(old) <= room else loose(view, end)


def _cuts(view: View) -> list[int]:
    """Where the view can be cut: before each action but the first, and at its end."""
    actions = [index for index, entry in enumerate(view.entries) if entry.origin == "policy"]
    return [*actions[1:], len(view.entries)]
