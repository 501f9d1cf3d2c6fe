"""Children: the sub-agents of one agent while they run; none outlives it.

Their tasks live in a task group of their parent's run. A parent that ends, for whatever reason,
ends them all, and only then is its own end recorded; what they did not spend is back by then.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup

from forethought.agents.agent import Agent
from forethought.agents.record.events import End
from forethought.agents.record.failure import ChildLost, leaves
from forethought.agents.record.log import LogUnwritable
from forethought.agents.record.stop import STOP_CAUSE, Cause
from forethought.envs.context import RUNNING, Report, WaitMode

RunAgent = Callable[[Agent], Awaitable[End]]


@dataclass(slots=True)
class Child:
    """A sub-agent and the scope that it runs in."""

    agent: Agent
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    is_over: bool = False
    """Whether it has ended, and what it did not spend is back."""
    is_reported: bool = False
    """Whether its parent has read how it ended."""

    @property
    def report(self) -> Report:
        """What is known of it now."""
        budget, end = self.agent.budget, self.agent.ended if self.is_over else None
        return Report(
            name=self.agent.path,
            status=end.stop.value if end is not None else RUNNING,
            answer=end.answer if end is not None else None,
            turns=budget.spent_turns,
            tokens=budget.spent_tokens,
        )


class Children:
    """The sub-agents of `parent`, by name, in the order they were spawned."""

    def __init__(self, parent: Agent, group: TaskGroup, *, run: RunAgent) -> None:
        self._parent = parent
        self._group = group
        self._run = run
        self._children: dict[str, Child] = {}
        self._one_ended = anyio.Event()

    @property
    def num_running(self) -> int:
        """Sub-agents that have not ended."""
        return sum(not child.is_over for child in self._children.values())

    def start(self, agent: Agent) -> None:
        """Let a sub-agent run; its place in the record is where it was spawned."""
        child = self._children[agent.path] = Child(agent)
        agent.start()
        self._group.start_soon(self._run_one, child)

    def named(self, names: Sequence[str]) -> list[Child]:
        """Sub-agents by name, or without names all whose end was not read yet.

        Raises ValueError if there is no such one.
        """
        strange = [name for name in names if name not in self._children]
        if strange:
            there_are = ", ".join(self._children) or "none were spawned"
            raise ValueError(f"no sub-agent named {strange[0]!r}; there are: {there_are}")
        if names:
            return [self._children[name] for name in dict.fromkeys(names)]
        return [child for child in self._children.values() if not child.is_reported]

    async def until_ended(
        self, children: Sequence[Child], *, mode: WaitMode = "all", timeout_s: float | None = None
    ) -> list[Report]:
        """Reports once all or any of them have ended, or after `timeout_s` seconds.

        Raises ChildLost if one of them was lost to the world.
        """
        enough = any if mode == "any" else all
        with anyio.move_on_after(timeout_s):
            while not enough(child.is_over for child in children):
                await self._one_ended.wait()
        for child in children:
            child.is_reported = child.is_over
        for child in children:
            _raise_if_lost(child)
        return [child.report for child in children]

    def drop(self, children: Sequence[Child]) -> None:
        """End sub-agents whose work is not wanted any more."""
        for child in children:
            if not child.is_over:
                child.agent.was_dropped = True
                child.scope.cancel()

    def drop_all(self) -> None:
        """End every sub-agent that still runs."""
        self.drop(list(self._children.values()))

    def raise_if_lost(self) -> None:
        """Raise ChildLost if any was lost to the world, whether it was waited for or not."""
        for child in self._children.values():
            _raise_if_lost(child)

    async def _run_one(self, child: Child) -> None:
        try:
            with child.scope:
                await self._run(child.agent)
        finally:
            self._parent.budget.refund(child.agent.budget)
            child.is_over = True
            self._one_ended.set()
            self._one_ended = anyio.Event()


@asynccontextmanager
async def raising(parent: Agent, *, run: RunAgent) -> AsyncIterator[None]:
    """The time in which an agent may have sub-agents; at its end none of them runs.

    Raises ChildLost if one was lost to the world, and what was raised inside as itself.
    """
    try:
        async with anyio.create_task_group() as group:
            children = parent.children = Children(parent, group, run=run)
            yield
            children.drop_all()
    except BaseExceptionGroup as errors:
        raise _alone(errors) from None
    children.raise_if_lost()


def _raise_if_lost(child: Child) -> None:
    end = child.agent.ended
    if end is not None and STOP_CAUSE[end.stop] is not Cause.POLICY:
        raise ChildLost(end.agent, end.stop, end.error)


def _alone(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """What ends the run in a group of errors, or the group if it is several things."""
    found = leaves(errors)
    unwritable = [error for error in found if isinstance(error, LogUnwritable)]
    return unwritable[0] if unwritable else found[0] if len(found) == 1 else errors
