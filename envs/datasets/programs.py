"""Programs to be written, judged by hidden tests in a fresh sandbox.

The reply is the program, in a fenced block; or the agent works in a sandbox, where the file may
already have a beginning, and submits what it left there. Nothing that a model or a data file says
is run in this process.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from forethought.envs.calls import render_call
from forethought.envs.datasets.dataset import Dataset
from forethought.envs.lines import without_plan
from forethought.envs.scoring import metric
from forethought.envs.suite.code.judged import Judged, work_of
from forethought.envs.task import Split
from forethought.sandbox import Backend, Cause, Judge, Suite, Verdict, require_backend
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


class Programs(Dataset, Judged):
    """Base of the sets of programming problems; see the module for how they are answered.

    `backend` says where code runs, the agent's and the judging, `image` in which image (its Python
    needs pytest), `timeout_s` how long all tests of a program may take by the clock, the start of
    pytest included; a machine that runs more than it has processors needs more.
    """

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
        timeout_s: float = 60.0,
    ) -> None:
        super().__init__(horizon=horizon, split=split, path=path, whole=whole)
        require_backend(backend)
        self.backend, self.image = backend, image
        if not timeout_s > 0:
            raise ValueError(f"timeout_s is more than 0, not {timeout_s:g}")
        self.timeout_s = timeout_s
        self.written: str | None = None
        """The program of the reply, if it came as text."""

    def starting_files(self) -> Mapping[str, bytes] | None:
        """The beginning of the file and what is shown. Raises ValueError for a task of others."""
        work = work_of(self.task, Work)
        files = {**work.shown, work.path: work.start} if work.start else work.shown
        return {path: text.encode() for path, text in files.items()} or None

    async def begin(self) -> str:
        """Forget what was judged. Raises ValueError for a task of another kind."""
        self.work = work_of(self.task, Work)
        self.written = None
        return await super().begin()

    def max_steps(self) -> int:
        """Room to write, try and mend; a program's length says little about its turns."""
        return 24

    def artefacts(self) -> list[str]:
        """The file alone."""
        return [self.work.path]

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

    @metric
    async def tests_passed(self) -> float:
        """Share of the hidden tests that pass."""
        verdict = await self.judged()
        return 0.0 if verdict is None else verdict.num_passed / len(self.work.passing)

    @metric
    async def timed_out(self) -> float:
        """1 if the tests were not through in time."""
        verdict = await self.judged()
        return float(verdict is not None and verdict.cause is Cause.TIMEOUT)

    def oracle(self) -> str:
        """The program that comes with the task."""
        program = str(self.task.answer)
        defined = re.findall(r"^(?:def|class) (\w+)", program, re.MULTILINE)
        return f"plan: write {', '.join(defined)}\n```python\n{program.rstrip()}\n```"

    def floor(self, rng: np.random.Generator) -> str:
        """Look at the file, or submit it as it is."""
        reading = render_call("read_file", {"path": self.work.path})
        return reading if rng.random() < 0.5 else "submit"

    async def judged(self) -> Verdict | None:
        """The one verdict on what was submitted; None if nothing was."""
        if self.verdict is None and self.submitted is not None and self.written is not None:
            self.verdict = await self.judge().judge({self.work.path: self.written.encode()})
        return await super().judged()


def num_lines(program: str) -> int:
    """Lines of a program that are neither empty nor a comment; the horizon of its task."""
    lines = (line.strip() for line in program.splitlines())
    return min(256, max(1, sum(bool(line) and line[0] != "#" for line in lines)))
