"""Errand: an environment with a sandbox, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import numpy as np

from forethought.envs.base import Env
from forethought.envs.card import Card
from forethought.envs.granted import FILE_TOOLS, plan, python
from forethought.envs.task import Task
from forethought.envs.tools import tool
from forethought.sandbox import Sandbox, open_sandbox


class Errand(Env):
    """Say hello from a file; opens its sandboxes through a list, so that they can be counted."""

    card = Card(traits=("skills",), horizon_unit="files", needs_sandbox=True)
    grants = (*FILE_TOOLS, python, plan)

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        return Task(id="errand", prompt=f"Write hello.txt. {rng.integers(1 << 30)}")

    @tool
    def ring(self) -> str:
        """ring the bell"""
        return "ding"

    def open_sandbox(self) -> AbstractAsyncContextManager[Sandbox]:
        return self._counted()

    @asynccontextmanager
    async def _counted(self) -> AsyncIterator[Sandbox]:
        self.opened.append("open")
        async with open_sandbox(backend="local") as sandbox:
            yield sandbox
        self.opened.append("closed")
