"""ChildEnv: what a sub-agent acts in: its parent's tools and sandbox, its own task and plan.

The sandbox is its parent's own, so that they meet in files, or a copy of it, so that they cannot
disturb each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar

from forethought.envs.base import Env, Info
from forethought.envs.card import Card
from forethought.envs.lazy import LazySandbox
from forethought.envs.task import Task
from forethought.envs.tools import as_tool, tool
from forethought.sandbox import Sandbox


class ChildEnv(Env):
    """A part of the parent's task, handed to a sub-agent.

    It ends when the sub-agent submits or answers in plain text; that answer is its report. It is
    not scored: the parent is.
    """

    card: ClassVar[Card] = Card(traits=("abstraction",), horizon_unit="steps")
    instructions = (
        "You work on a part of a larger task. When done, reply with your result in plain text."
    )

    def __init__(self, parent: Env, prompt: str, *, sandbox: Sandbox | None = None) -> None:
        super().__init__(split=parent.split)
        self.parent = parent
        self.protocol = parent.protocol
        self.part = Task(id=f"{parent.task.id}/part", prompt=prompt)
        self.own_sandbox = sandbox
        self.tools = {**parent.tools, "submit": as_tool(self.submit)}

    async def areset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, Info]:
        """Start; a `context` in the options keeps its own plan and gets the parent's sandbox."""
        return await super().areset(seed=seed, options={"task": self.part, **(options or {})})

    async def begin(self) -> str:
        """The part of the task, as the parent put it."""
        self.context.canary = self.parent.context.canary
        if self.own_sandbox is not None:
            self.context.sandbox = self.own_sandbox
        if self.context.sandbox is None:
            self.context.sandbox = self.parent.context.sandbox
        return self.task.prompt

    async def aclose(self) -> None:
        """Close it and the sandbox that it was given, even if it never began."""
        try:
            await super().aclose()
        finally:
            if self.own_sandbox is not None:
                await self.own_sandbox.close()

    @tool
    def submit(self, answer: str, confidence: float | None = None) -> str:
        """report your result and end"""
        return super().submit(answer, confidence)

    def open_sandbox(self) -> AbstractAsyncContextManager[Sandbox]:
        """A sandbox like the parent's."""
        return self.parent.open_sandbox()

    def max_steps(self) -> int:
        """As many as the parent has for the whole."""
        return self.parent.max_steps()

    def oracle(self) -> str:
        """The expert's next action, which the parent knows."""
        return self.parent.child_oracle(self)


async def sandbox_copies(env: Env, num: int) -> list[Sandbox]:
    """`num` sandboxes that begin with the files that the sandbox of `env` has now; close each.

    One that is in use is forked; copies of one that nobody has used are opened by those that use
    them. Raises ValueError if there is none to copy.
    """
    sandbox = env.context.sandbox
    if sandbox is None:
        raise ValueError("there is no sandbox here to copy for the sub-agents")
    if isinstance(sandbox, LazySandbox) and sandbox.is_untouched:
        files = await sandbox.kept()
        return [LazySandbox(env.open_sandbox, files=files) for _ in range(num)]
    return await sandbox.fork(num)
