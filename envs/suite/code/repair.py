"""Repair: a module of small functions has bugs in it; find them, mend the file, submit.

The horizon is the number of bugs. Each is a change that people make by mistake (see `faults`), and
hidden calls notice each of them alone. The agent works in a sandbox with the file; what it leaves
there is judged in another one, where it has never been.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import ClassVar, Literal, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from forethought.envs.base import Env
from forethought.envs.card import Card
from forethought.envs.granted import SANDBOX_TOOLS, plan
from forethought.envs.lazy import LazySandbox
from forethought.envs.lines import without_plan
from forethought.envs.rewards import brier
from forethought.envs.scoring import metric, reward
from forethought.envs.suite.code import mender
from forethought.envs.suite.code.bugs import Broken, broken_functions
from forethought.envs.suite.code.hidden import HiddenCall, suite_of
from forethought.envs.task import Split, Task
from forethought.envs.tools import tool
from forethought.sandbox import (
    Backend,
    Calls,
    Case,
    Cause,
    Judge,
    Sandbox,
    SandboxSpec,
    Verdict,
    grade,
    open_sandbox,
    require_backend,
)

Judging = Literal["calls", "tests"]

MODULE = "solution"
PATH = f"{MODULE}.py"


class Work(BaseModel):
    """What a task of repair holds in its data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    """The module as the agent finds it."""
    calls: tuple[HiddenCall, ...] = Field(min_length=1)


class Repair(Env):
    """Code repair, judged by hidden calls in a fresh sandbox; see the module.

    `backend` says where code runs, the agent's and the judging; "auto" is the best there is. With
    `judging="tests"` the calls are made by a file of tests in one process with the module, as it is
    usual for code and less safe (see `forethought.sandbox.judging.suites`); that needs pytest in
    the image.
    """

    card: ClassVar[Card] = Card(
        traits=("skills", "strategy", "calibration"),
        horizon_unit="bugs",
        horizons=(1, 16),
        needs_sandbox=True,
    )
    grants = (*SANDBOX_TOOLS, plan)
    state_fields = ()
    work: Work
    instructions = (
        "The file is in a sandbox without network. Hidden calls check every function of it against "
        "its docstring; they run elsewhere, on the file alone."
    )

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        backend: Backend = "auto",
        image: str | None = None,
        judging: Judging = "calls",
    ) -> None:
        super().__init__(horizon=horizon, split=split)
        if judging not in get_args(Judging):
            known = ", ".join(get_args(Judging))
            raise ValueError(f"nothing is judged by {judging!r}; there are: {known}")
        require_backend(backend)
        self.backend: Backend = backend
        self.image = image
        self.judging: Judging = judging
        self.verdict: Verdict | None = None
        """Of the submitted file, once it has been judged."""

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """A module with `horizon` bugs."""
        return task_of(broken_functions(rng, num_faults=horizon))

    def starting_files(self) -> Mapping[str, bytes]:
        """The module with its bugs. Raises ValueError for a task of another kind."""
        return {PATH: _work_of(self.task).source.encode()}

    async def begin(self) -> str:
        """Forget what was judged. Raises ValueError for a task of another kind."""
        self.work = _work_of(self.task)
        self.verdict = None
        return self.task.prompt

    def open_sandbox(self) -> AbstractAsyncContextManager[Sandbox]:
        """A sandbox of the backend that was asked for."""
        return open_sandbox(SandboxSpec(image=self.image), backend=self.backend)

    def judge(self) -> Judge:
        """Who judges the file in a fresh sandbox; the outcomes are in the order of the calls."""
        if self.judging == "tests":
            return suite_of(self.work.calls, module=MODULE, fresh=self.open_sandbox)
        cases = [
            Case(
                function=f"{MODULE}:{call.function}",
                arguments=call.arguments,
                value=call.value,
                raises=call.raises,
            )
            for call in self.work.calls
        ]
        return Calls(cases=cases, fresh=self.open_sandbox)

    async def reply(self, text: str) -> str:
        """The word submit is the submission; other text does nothing."""
        if without_plan(text).lower() == "submit":
            return self.submit()
        self.info["format_error"] = True
        return "Call a tool; submit ends the task."

    @tool
    def submit(self, answer: str = PATH, confidence: float | None = None) -> str:
        """end with the file as it is and, from 0 to 1, how sure you are that it is right"""
        return super().submit(answer, confidence)

    @reward
    async def repaired(self) -> float:
        """1 if every hidden call gives what it should."""
        verdict = await self._judged()
        return float(verdict is not None and verdict.passed)

    @metric
    async def functions_right(self) -> float:
        """Share of the functions all of whose hidden calls give what they should."""
        verdict = await self._judged()
        if verdict is None:
            return 0.0
        outcomes = zip(self.work.calls, verdict.outcomes, strict=True)
        wrong = {call.function for call, outcome in outcomes if outcome.cause is not None}
        return 1 - len(wrong) / len({call.function for call in self.work.calls})

    @metric
    async def tampered(self) -> float:
        """1 if the file tried to speak in the judge's place, or was no plain file."""
        verdict = await self._judged()
        cause = None if verdict is None else verdict.cause
        return float(cause in (Cause.TAMPERED, Cause.REFUSED_ARTEFACT))

    @metric
    async def calibration(self) -> float | None:
        """Brier score of the stated confidence; None if none was stated."""
        if self.submitted is None or self.submitted.confidence is None:
            return None
        return brier(await self.repaired() == 1.0, self.submitted.confidence)

    def oracle(self) -> str:
        """The expert's next turn; it must have taken the turns before."""
        turns = mender.turns(self.work.source, str(self.task.answer), path=PATH)
        return turns[min(self.num_steps, len(turns) - 1)]

    def floor(self, rng: np.random.Generator) -> str:
        """Look at the file, or submit it as it is."""
        return mender.reading(PATH) if rng.random() < 0.5 else mender.SUBMITTING

    async def _judged(self) -> Verdict | None:
        """The one verdict on what was submitted; None if nothing was."""
        sandbox = self.context.sandbox
        if self.verdict is None and self.submitted is not None and sandbox is not None:
            if isinstance(sandbox, LazySandbox) and sandbox.is_untouched:
                self.verdict = await self.judge().judge(self.starting_files())
            else:
                self.verdict = await grade(sandbox, [PATH], judge=self.judge())
        return self.verdict


def task_of(functions: Sequence[Broken]) -> Task:
    """The task of mending these functions, all in one module."""
    calls: list[JsonValue] = [
        {
            "function": function.name,
            "arguments": list(case.arguments),
            "value": case.value,
            "raises": case.raises,
        }
        for function in functions
        for case in function.cases
    ]
    source = "\n\n".join(f"{function.broken}\n" for function in functions)
    num_bugs = sum(len(function.faults) for function in functions)
    return Task(
        id=f"repair-{hashlib.sha256(source.encode()).hexdigest()[:12]}",
        prompt=_prompt([function.name for function in functions], num_bugs=num_bugs),
        answer="\n\n".join(f"{function.whole}\n" for function in functions),
        data={"source": source, "calls": calls},
        traits=Repair.card.traits,
        horizon=num_bugs,
    )


def _prompt(names: Sequence[str], *, num_bugs: int) -> str:
    count = "is 1 bug" if num_bugs == 1 else f"are {num_bugs} bugs"
    return (
        f"There {count} in {PATH}, which defines {', '.join(names)}. Mend the file so that each "
        "function does what its docstring says for every input, then submit."
    )


def _work_of(task: Task) -> Work:
    try:
        return Work.model_validate(task.data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ValueError(f"task {task.id!r} is none of repair: {where}: {first['msg']}") from None
