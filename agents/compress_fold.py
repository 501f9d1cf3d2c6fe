"""Fold: the agent itself says what is a part of its work, and only its result stays.

`branch(description)` begins a part, `return(message)` ends it; the loop then drops the turns
between (`forethought.agents.folding`). A context that fills up all the same is cleared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from forethought.agents.compress_chain import Chain
from forethought.agents.compress_clear import Clear
from forethought.agents.compress_window import Window
from forethought.agents.context import Compressor, Rewrite, Summarise
from forethought.agents.view import View
from forethought.envs.context import Plan
from forethought.envs.remember import FOLD_TOOLS

_ELSE = Chain(schemes=(Clear(), Window()))


@dataclass(frozen=True, kw_only=True, slots=True)
class Fold:
    """Grant `branch` and `return`; where they were not used enough, do what `otherwise` does.

    In an open branch its own turns are taken before what stands outside: earlier branches have left
    there what is to be remembered of them.
    """

    otherwise: Compressor = _ELSE
    grants: ClassVar[tuple[Callable[..., object], ...]] = FOLD_TOOLS

    async def propose(
        self, view: View, *, room: int, plan: Plan, summarise: Summarise
    ) -> Rewrite | None:
        """See `Compressor.propose`."""
        pins = view.pins
        view.pins = pins | _outside(view)
        inside = await self.otherwise.propose(view, room=room, plan=plan, summarise=summarise)
        view.pins = pins
        if inside is not None or not pins:
            return inside
        return await self.otherwise.propose(view, room=room, plan=plan, summarise=summarise)


def _outside(view: View) -> set[int]:
    """Ids of what stands before an open branch; none if there is none."""
    ids = [entry.id for entry in view.entries]
    starts = [index for index, id in enumerate(ids) if id in view.pins]
    return set(ids[: starts[0]]) if starts else set()
