"""Memory: the agent writes down itself what it will need; the oldest pairs go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from forethought.agents.compress.context import Compressor, Rewrite, Summarise
from forethought.agents.compress.window import Window
from forethought.agents.view import View
from forethought.envs.context import Plan
from forethought.envs.remember import memory

_ELSE = Window()


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """Grant the tool `memory`, whose files stand outside of the context, and drop what is old."""

    otherwise: Compressor = _ELSE
    grants: ClassVar[tuple[Callable[..., object], ...]] = (memory,)

    async def propose(
        self, view: View, *, room: int, plan: Plan, summarise: Summarise
    ) -> Rewrite | None:
        """See `Compressor.propose`."""
        return await self.otherwise.propose(view, room=room, plan=plan, summarise=summarise)
