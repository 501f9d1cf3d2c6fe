"""Fold: the agent itself says what is a part of its work, and only its result stays.

`branch(description)` begins a part, `return(message)` ends it; the loop then drops the turns
between (`forethought.agents.compress.folding`). What is left fills a context in the end all the
same, and is then summarised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from forethought.agents.compress.context import SLACK, Compressor, Rewrite, Summarise, size_after
from forethought.agents.compress.summary import Retell
from forethought.agents.compress.window import Window
from forethought.agents.view import View
from forethought.envs.context import Plan
from forethought.envs.remember import FOLD_TOOLS

_INSIDE = Window()
_ELSE = Retell()


@dataclass(frozen=True, kw_only=True, slots=True)
class Fold:
    """Grant `branch` and `return`; where they were not used enough, do what `otherwise` does.

    In an open branch its own old turns are taken before what stands outside, if that is enough:
    earlier branches have left there what is to be remembered of them.
    """

    otherwise: Compressor = _ELSE
    slack: float = SLACK
    grants: ClassVar[tuple[Callable[..., object], ...]] = FOLD_TOOLS

    async def propose(
        self, view: View, *, room: int, plan: Plan, summarise: Summarise
    ) -> Rewrite | None:
        """See `Compressor.propose`."""
        pins = view.pins
        if pins:
            view.pins = pins | _outside(view)
            inside = await _INSIDE.propose(view, room=room, plan=plan, summarise=summarise)
            view.pins = pins
            if inside is not None and self._is_enough(view, inside, room):
                return inside
        return await self.otherwise.propose(view, room=room, plan=plan, summarise=summarise)

    def _is_enough(self, view: View, rewrite: Rewrite, room: int) -> bool:
        """Whether it leaves the slack, and the last result, which is not answered yet."""
        spares = view.entries[-1].id not in rewrite.drop
        return spares and size_after(view, rewrite) <= int(room * (1 - self.slack))


def _outside(view: View) -> set[int]:
    """Ids of what stands before an open branch."""
    ids = [entry.id for entry in view.entries]
    starts = [index for index, id in enumerate(ids) if id in view.pins]
    return set(ids[: starts[0]]) if starts else set()
