"""Window: the oldest pairs of action and results go, as few as make enough room."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from forethought.agents.context import (
    SLACK,
    Rewrite,
    Summarise,
    loose,
    note_of,
    size_of,
    without,
)
from forethought.agents.view import View
from forethought.envs.context import Plan

LEFT_OUT = "[Earlier messages no longer fit and were left out; not a message from the user]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """Drop the oldest pairs until `slack` of the room is free, or all but what is pinned."""

    slack: float = SLACK
    grants: ClassVar[tuple[Callable[..., object], ...]] = ()

    async def propose(
        self, view: View, *, room: int, plan: Plan, summarise: Summarise
    ) -> Rewrite | None:
        """See `Compressor.propose`."""
        target = int(room * (1 - self.slack))
        note = note_of(view, LEFT_OUT, plan, room=room)
        cost = len(view.template.render("user", note))
        end = 0
        for end in cuts(view):
            if cost <= target - (len(view) - size_of(loose(view, end))):
                break
        old = loose(view, end)
        if not old:
            return None
        left = min(room, len(view) - 1) - (len(view) - size_of(old))
        note = note_of(view, LEFT_OUT, plan, room=left)
        return without(view, old, note, strategy="window", author="harness") if left >= 0 else None


def cuts(view: View) -> Iterator[int]:
    """Where the view can be cut: before each action but the first, and at its end."""
    actions = [index for index, entry in enumerate(view.entries) if entry.origin == "policy"]
    yield from actions[1:]
    yield len(view.entries)
