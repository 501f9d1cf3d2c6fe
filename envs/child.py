"""ChildEnv: what a sub-agent acts in: its parent's tools and sandbox, its own task and plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from forethought.envs.base import Env, Info
from forethought.envs.card import Card
from forethought.envs.task import Task
from forethought.envs.tools import as_tool, tool


class ChildEnv(Env):
    """A part of the parent's task, handed to a sub-agent.

    It ends when the sub-agent submits or answers in plain text; that answer is its report. It is
    not scored: the parent is.
    """

    card: ClassVar[Card] = Card(traits=("abstraction",), horizon_unit="steps")
    instructions = (
        "You work on a part of a larger task. When done, reply with your result in plain text."
    )

    def __init__(self, parent: Env, prompt: str) -> None:
        super().__init__(split=parent.split)
        self.parent = parent
        self.protocol = parent.protocol
        self.prompt = prompt
        self.tools = {**parent.tools, "submit": as_tool(self.submit)}

    async def areset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, Info]:
        """Start; a `context` in the options keeps its own plan and gets the parent's sandbox."""
        task = Task(id=f"{self.parent.task.id}/part", prompt=self.prompt)
        return await super().areset(seed=seed, options={"task": task, **(options or {})})

    async def begin(self) -> str:
        """The part of the task, as the parent put it."""
        self.context.canary = self.parent.context.canary
        if self.context.sandbox is None:
            self.context.sandbox = self.parent.context.sandbox
        return self.task.prompt

    @tool
    def submit(self, answer: str, confidence: float | None = None) -> str:
        """report your result and end"""
        return super().submit(answer, confidence)

    def max_steps(self) -> int:
        """As many as the parent has for the whole."""
        return self.parent.max_steps()

    def oracle(self) -> str:
        """The expert's next action, which the parent knows."""
        return self.parent.child_oracle(self)
