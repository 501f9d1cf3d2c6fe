"""Repair: a module of small functions has bugs in it; find them, mend the file, submit.

The horizon is the number of bugs. Each is a change that people make by mistake (see `faults`), and
hidden calls notice each of them alone. The agent works in a sandbox with the file; what it leaves
there is judged in another one, where it has never been.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from forethought.envs.card import Card
from forethought.envs.scoring import metric
from forethought.envs.suite.code import mender
from forethought.envs.suite.code.bugs import Broken, broken_functions
from forethought.envs.suite.code.hidden import (
    HiddenCall,
    as_data,
    cases_of,
    share_of_functions,
    suite_of,
)
from forethought.envs.suite.code.judged import Judged, work_of
from forethought.envs.task import Split, Task
from forethought.sandbox import Backend, Calls, Judge

Judging = Literal["calls", "tests"]

MODULE = "solution"
PATH = f"{MODULE}.py"


class Work(BaseModel):
    """What a task of repair holds in its data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    """The module as the agent finds it."""
    calls: tuple[HiddenCall, ...] = Field(min_length=1)


class Repair(Judged):
    """Code repair, judged by hidden calls in a fresh sandbox; see the module.

    With `judging="tests"` the calls are made by a file of tests in one process with the module, as
    it is usual for code and less safe (see `forethought.sandbox.judging.suites`); that needs pytest
    in the image.
    """

    card: ClassVar[Card] = Card(
        traits=("skills", "strategy", "calibration"),
        horizon_unit="bugs",
        horizons=(1, 16),
        floor=0.0,
        needs_sandbox=True,
    )
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
        super().__init__(horizon=horizon, split=split, backend=backend, image=image)
        if judging not in get_args(Judging):
            known = ", ".join(get_args(Judging))
            raise ValueError(f"nothing is judged by {judging!r}; there are: {known}")
        self.judging: Judging = judging

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """A module with `horizon` bugs."""
        return task_of(broken_functions(rng, num_faults=horizon))

    def starting_files(self) -> Mapping[str, bytes]:
        """The module with its bugs. Raises ValueError for a task of another kind."""
        return {PATH: work_of(self.task, Work).source.encode()}

    async def begin(self) -> str:
        """Take the work from the task. Raises ValueError for a task of another kind."""
        self.work = work_of(self.task, Work)
        return await super().begin()

    def judge(self) -> Judge:
        """Who judges the file in a fresh sandbox; the outcomes are in the order of the calls."""
        if self.judging == "tests":
            return suite_of(self.work.calls, module=MODULE, fresh=self.open_sandbox)
        return Calls(cases=cases_of(self.work.calls, module=MODULE), fresh=self.open_sandbox)

    @metric
    async def functions_right(self) -> float:
        """Share of the functions all of whose hidden calls give what they should."""
        return share_of_functions(self.work.calls, await self.judged())

    def oracle(self) -> str:
        """The expert's next turn; it must have taken the turns before."""
        turns = mender.turns(self.work.source, str(self.task.answer), path=PATH)
        return turns[min(self.num_steps, len(turns) - 1)]

    def floor(self, rng: np.random.Generator) -> str:
        """Look at the file, or submit it as it is."""
        return mender.reading(PATH) if rng.random() < 0.5 else mender.SUBMITTING


def task_of(functions: Sequence[Broken]) -> Task:
    """The task of mending these functions, all in one module."""
    source = "\n\n".join(f"{function.broken}\n" for function in functions)
    num_bugs = sum(len(function.faults) for function in functions)
    return Task(
        id=f"repair-{hashlib.sha256(source.encode()).hexdigest()[:12]}",
        prompt=_prompt([function.name for function in functions], num_bugs=num_bugs),
        answer="\n\n".join(f"{function.whole}\n" for function in functions),
        data={"source": source, "calls": as_data(functions)},
        traits=Repair.card.traits,
        horizon=num_bugs,
    )


def _prompt(names: Sequence[str], *, num_bugs: int) -> str:
    count = "is 1 bug" if num_bugs == 1 else f"are {num_bugs} bugs"
    return (
        f"There {count} in {PATH}, which defines {', '.join(names)}. Mend the file so that each "
        "function does what its docstring says for every input, then submit."
    )
