"""Clear: old results give way to a note; the actions that asked for them stay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from forethought.agents.compress.context import KEEP, Rewrite, Summarise, loose, start_of_tail
from forethought.agents.view import View
from forethought.envs.context import Plan

CLEARED = "(old result removed)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Clear:
    """Replace what tools and environment said before the last `keep` pairs; costs nothing.

    All of it at once: every edit breaks the prompt's common prefix, so it should happen seldom.
    """

    keep: int = KEEP
    grants: ClassVar[tuple[Callable[..., object], ...]] = ()

    async def propose(
        self, view: View, *, room: int, plan: Plan, summarise: Summarise
    ) -> Rewrite | None:
        """See `Compressor.propose`."""
        note = len(view.template.render("tool", CLEARED))
        old = loose(view, start_of_tail(view.entries, self.keep))
        bulky = [entry for entry in old if entry.origin == "env" and len(entry.ids) > note]
        if len(view) - sum(len(entry.ids) - note for entry in bulky) > room or not bulky:
            return None
        return Rewrite(strategy="clear", notes={entry.id: CLEARED for entry in bulky})
