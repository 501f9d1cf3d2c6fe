"""Chain: cheap schemes first; a dearer one only where they free too little."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from forethought.agents.compress.context import SLACK, Compressor, Rewrite, Summarise, size_after
from forethought.agents.view import View
from forethought.envs.context import Plan


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    """The first scheme that leaves `slack` of the room free, else the last, else any that fits."""

    schemes: tuple[Compressor, ...]
    slack: float = SLACK

    @property
    def grants(self) -> tuple[Callable[..., object], ...]:
        """The tools of all of them."""
        return tuple(grant for scheme in self.schemes for grant in scheme.grants)

    async def propose(
        self, view: View, *, room: int, plan: Plan, summarise: Summarise
    ) -> Rewrite | None:
        """See `Compressor.propose`."""
        target = int(room * (1 - self.slack))
        *cheap, last = self.schemes
        second: Rewrite | None = None
        for scheme in cheap:
            rewrite = await scheme.propose(view, room=room, plan=plan, summarise=summarise)
            if rewrite is not None and size_after(view, rewrite) <= target:
                return rewrite
            second = second or rewrite
        return await last.propose(view, room=room, plan=plan, summarise=summarise) or second
