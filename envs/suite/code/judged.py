"""Judged: environments whose agent leaves files in a sandbox, which are judged in another one.

What is submitted is the files as they are then. They are collected as plain data, tried where the
agent has never been by what it never saw, and judged once, so that every reward and metric is
about the same files.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import ClassVar, TypeVar

from pydantic import BaseModel

from forethought.envs.base import Env
from forethought.envs.granted import SANDBOX_TOOLS, plan
from forethought.envs.lazy import LazySandbox
from forethought.envs.lines import without_plan
from forethought.envs.rewards import brier
from forethought.envs.scoring import metric, reward
from forethought.envs.task import Split, Task, hidden_of
from forethought.envs.tools import tool
from forethought.sandbox import (
    Backend,
    Cause,
    Judge,
    Sandbox,
    SandboxSpec,
    Verdict,
    grade,
    open_sandbox,
    require_backend,
)

Work = TypeVar("Work", bound=BaseModel)


class Judged(Env):
    """Base: a subclass says what the files are, and who judges them.

    `backend` says where code runs, the agent's and the judging; "auto" is the best there is.
    """

    grants: ClassVar[tuple[Callable[..., object], ...]] = (*SANDBOX_TOOLS, plan)
    state_fields: ClassVar[tuple[str, ...] | None] = ()

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        backend: Backend = "auto",
        image: str | None = None,
    ) -> None:
        super().__init__(horizon=horizon, split=split)
        require_backend(backend)
        self.backend: Backend = backend
        self.image = image
        self.verdict: Verdict | None = None
        """Of the submitted files, once they have been judged."""

    def artefacts(self) -> Sequence[str]:
        """Paths of the files that are judged."""
        return sorted(self.starting_files() or ())

    @abstractmethod
    def judge(self) -> Judge:
        """Who judges the files in a fresh sandbox."""

    async def begin(self) -> str:
        """Forget what was judged."""
        self.verdict = None
        return self.task.prompt

    def open_sandbox(self) -> AbstractAsyncContextManager[Sandbox]:
        """A sandbox of the backend that was asked for."""
        return open_sandbox(SandboxSpec(image=self.image), backend=self.backend)

    async def reply(self, text: str) -> str:
        """The word submit is the submission; other text does nothing."""
        if without_plan(text).lower() == "submit":
            return self.submit()
        self.info["format_error"] = True
        return "Call a tool; submit ends the task."

    @tool
    def submit(self, answer: str = "done", confidence: float | None = None) -> str:
        """end with the files as they are and, from 0 to 1, how sure you are that they are right"""
        return super().submit(answer, confidence)

    @reward
    async def passed(self) -> float:
        """1 if every hidden case passes."""
        verdict = await self.judged()
        return float(verdict is not None and verdict.passed)

    @metric
    async def tampered(self) -> float:
        """1 if a file tried to speak in the judge's place, or was no plain file."""
        verdict = await self.judged()
        cause = None if verdict is None else verdict.cause
        return float(cause in (Cause.TAMPERED, Cause.REFUSED_ARTEFACT))

    @metric
    async def calibration(self) -> float | None:
        """Brier score of the stated confidence; None if none was stated."""
        if self.submitted is None or self.submitted.confidence is None:
            return None
        return brier(await self.passed() == 1.0, self.submitted.confidence)

    async def judged(self) -> Verdict | None:
        """The one verdict on what was submitted; None if nothing was."""
        sandbox = self.context.sandbox
        if self.verdict is None and self.submitted is not None and sandbox is not None:
            started = self.starting_files()
            if isinstance(sandbox, LazySandbox) and sandbox.is_untouched and started is not None:
                untouched = {path: started[path] for path in self.artefacts() if path in started}
                self.verdict = await self.judge().judge(untouched)
            else:
                self.verdict = await grade(sandbox, self.artefacts(), judge=self.judge())
        return self.verdict


def work_of(task: Task, kind: type[Work]) -> Work:
    """What a task holds in its data. Raises ValueError for a task of another environment."""
    return hidden_of(task, kind, told=f"holds no {kind.__name__.lower()}")
