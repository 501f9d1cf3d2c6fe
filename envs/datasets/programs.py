"""Programs to be written, judged by hidden tests in a fresh sandbox.

The reply is the program, in a fenced block; or the agent works in a sandbox, where the file may
already have a beginning, and submits what it left there. Nothing that a model or a data file says
is run in this process.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from forethought.envs.calls import render_call
from forethought.envs.datasets.dataset import Dataset
from forethought.envs.datasets.rows import first_error
from forethought.envs.granted import SANDBOX_TOOLS
from forethought.envs.lazy import LazySandbox
from forethought.envs.lines import without_plan
from forethought.envs.rewards import brier
from forethought.envs.scoring import metric, reward
from forethought.envs.task import Split, Task
from forethought.envs.tools import tool
from forethought.sandbox import (
    Backend,
    Cause,
    Judge,
    Sandbox,
    SandboxSpec,
    Suite,
    Verdict,
    grade,
    open_sandbox,
    require_backend,
)
from forethought.sandbox.judging.fresh import Factory

_BLOCK = re.compile(r"^```[ \t]*(?:python3?|py)?[ \t]*\n(.*?)^```[ \t]*$", re.DOTALL | re.MULTILINE)
_HINT = "Reply with a ```python block, or call a tool; submit takes the file as it is."


class Work(BaseModel):
    """What a task of programming holds in its data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    """Of the file to write."""
    start: str = ""
    """What stands in it from the beginning."""
    entry: str = ""
    """The function that is to be finished; a program that defines it replaces all from there on."""
    shown: dict[str, str] = {}
    """Files that the agent finds beside it."""
    test_file: str
    tests: str
    passing: tuple[str, ...] = Field(min_length=1)
    failing: tuple[str, ...] = ()

    def program(self, code: str) -> str:
        """The whole file that a reply's code makes."""
        if not self.entry:
            return code
        head, found, _ = self.start.partition(f"def {self.entry}(")
        if re.search(rf"^(?:async )?def {self.entry}\b", code, re.MULTILINE):
            return f"{head}\n{code}" if found else code
        return self.start + code

    def suite(self, fresh: Factory, *, total_s: float) -> Suite:
        """Who judges the file."""
        return Suite(
            files={self.test_file: self.tests},
            passing=self.passing,
            failing=self.failing,
            fresh=fresh,
            total_s=total_s,
        )


class Programs(Dataset):
    """Base of the sets of programming problems; see the module for how they are answered.

    `backend` says where code runs, the agent's and the judging, `image` in which image (its Python
    needs pytest), `timeout_s` how long all tests of a program may take.
    """

    grants = SANDBOX_TOOLS
    state_fields = ("written",)
    instructions = (
        "Reply with the whole program in one ```python block. Or write the file in the sandbox, "
        "try it, and submit. Hidden tests run elsewhere, on the file alone."
    )
    work: Work

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        path: str | None = None,
        whole: bool = False,
        backend: Backend = "auto",
        image: str | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        super().__init__(horizon=horizon, split=split, path=path, whole=whole)
        require_backend(backend)
        if not timeout_s > 0:
            raise ValueError(f"timeout_s is more than 0, not {timeout_s:g}")
        self.backend: Backend = backend
        self.image = image
        self.timeout_s = timeout_s
        self.written: str | None = None
        """The program of the reply, if it came as text."""
        self.verdict: Verdict | None = None
        """Of what was submitted, once it has been judged."""

    def starting_files(self) -> Mapping[str, bytes] | None:
        """The beginning of the file and what is shown. Raises ValueError for a task of others."""
        work = _work_of(self.task)
        files = {**work.shown, work.path: work.start} if work.start else work.shown
        return {path: text.encode() for path, text in files.items()} or None

    async def begin(self) -> str:
        """Forget what was judged. Raises ValueError for a task of another kind."""
        self.work = _work_of(self.task)
        self.written = self.verdict = None
        return self.task.prompt

    def max_steps(self) -> int:
        """Room to write, try and mend; a program's length says little about its turns."""
        return 24

    def open_sandbox(self) -> AbstractAsyncContextManager[Sandbox]:
        """A sandbox of the backend that was asked for."""
        return open_sandbox(SandboxSpec(image=self.image), backend=self.backend)

    def judge(self) -> Judge:
        """Who judges the file in a fresh sandbox."""
        return self.work.suite(self.open_sandbox, total_s=self.timeout_s)

    async def reply(self, text: str) -> str:
        """The last fenced block is the program; the word submit takes the file as it is."""
        text = without_plan(text)
        blocks = _BLOCK.findall(text)
        if not blocks and text.lower() != "submit":
            self.info["format_error"] = True
            return _HINT
        self.written = self.work.program(blocks[-1]) if blocks else None
        return self.submit()

    @tool
    def submit(self, answer: str = "", confidence: float | None = None) -> str:
        """end with the file as it is and, from 0 to 1, how sure you are that it is right"""
        return super().submit(answer, confidence)

    @reward
    async def passed(self) -> float:
        """1 if every hidden test passes."""
        verdict = await self._judged()
        return float(verdict is not None and verdict.passed)

    @metric
    async def tests_passed(self) -> float:
        """Share of the hidden tests that pass."""
        verdict = await self._judged()
        return 0.0 if verdict is None else verdict.num_passed / len(self.work.passing)

    @metric
    async def timed_out(self) -> float:
        """1 if the tests were not through in time."""
        verdict = await self._judged()
        return float(verdict is not None and verdict.cause is Cause.TIMEOUT)

    @metric
    async def tampered(self) -> float:
        """1 if the program tried to speak in the judge's place, or was no plain file."""
        verdict = await self._judged()
        cause = None if verdict is None else verdict.cause
        return float(cause in (Cause.TAMPERED, Cause.REFUSED_ARTEFACT))

    @metric
    async def calibration(self) -> float | None:
        """Brier score of the stated confidence; None if none was stated."""
        if self.submitted is None or self.submitted.confidence is None:
            return None
        return brier(await self.passed() == 1.0, self.submitted.confidence)

    def oracle(self) -> str:
        """The program that comes with the task."""
        program = str(self.task.answer)
        defined = re.findall(r"^(?:def|class) (\w+)", program, re.MULTILINE)
        return f"plan: write {', '.join(defined)}\n```python\n{program.rstrip()}\n```"

    def floor(self, rng: np.random.Generator) -> str:
        """Look at the file, or submit it as it is."""
        reading = render_call("read_file", {"path": self.work.path})
        return reading if rng.random() < 0.5 else "submit"

    async def _judged(self) -> Verdict | None:
        """The one verdict on what was submitted; None if nothing was."""
        if self.verdict is None and self.submitted is not None:
            self.verdict = await self._verdict()
        return self.verdict

    async def _verdict(self) -> Verdict:
        path, sandbox = self.work.path, self.context.sandbox
        if self.written is not None:
            return await self.judge().judge({path: self.written.encode()})
        if sandbox is None or (isinstance(sandbox, LazySandbox) and sandbox.is_untouched):
            if not self.work.start:
                return self.judge().failed(Cause.MISSING_ARTEFACT, f"nobody wrote {path}")
            return await self.judge().judge({path: self.work.start.encode()})
        return await grade(sandbox, [path], judge=self.judge())


def num_lines(program: str) -> int:
    """Lines of a program that are neither empty nor a comment; the horizon of its task."""
    lines = (line.strip() for line in program.splitlines())
    return min(256, max(1, sum(bool(line) and line[0] != "#" for line in lines)))


def _work_of(task: Task) -> Work:
    try:
        return Work.model_validate(task.data)
    except ValidationError as error:
        raise ValueError(f"task {task.id!r} is none of programs: {first_error(error)}") from None
