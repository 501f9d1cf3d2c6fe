"""Synthesis: write functions from their signatures and docstrings.

The horizon is the number of functions, all in one file. Each docstring says all that the hidden
calls ask for and shows two examples; the calls are made elsewhere, on the file alone. HumanEval
(arXiv 2107.03374) is of this form; here constants and names vary, so that no answer is known
beforehand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from forethought.envs.calls import render_call
from forethought.envs.card import Card
from forethought.envs.scoring import metric
from forethought.envs.suite.code import mender
from forethought.envs.suite.code.bugs import Whole, whole_functions
from forethought.envs.suite.code.hidden import HiddenCall, as_data, cases_of, share_of_functions
from forethought.envs.suite.code.judged import Judged, work_of
from forethought.envs.suite.code.stubs import stub_of
from forethought.envs.task import Task
from forethought.sandbox import Calls, Judge

MODULE = "solution"
PATH = f"{MODULE}.py"


class Wanted(BaseModel):
    """What a task of synthesis holds in its data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stubs: str
    """The module as the agent finds it."""
    calls: tuple[HiddenCall, ...] = Field(min_length=1)


class Synthesis(Judged):
    """Code synthesis, judged by hidden calls in a fresh sandbox; see the module."""

    card: ClassVar[Card] = Card(
        traits=("skills", "calibration"),
        horizon_unit="functions",
        horizons=(1, 64),
        usual_horizons=(1, 2, 4),
        floor=0.0,
        source="HumanEval, arXiv 2107.03374",
        prompt_chars=2000,
        needs_sandbox=True,
    )
    wanted: Wanted
    instructions = (
        "The file is in a sandbox without network. Hidden calls check every function of it against "
        "its docstring; they run elsewhere, on the file alone."
    )

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """As many functions as the horizon says."""
        return task_of(whole_functions(rng, count=horizon))

    def starting_files(self) -> Mapping[str, bytes]:
        """The module without bodies. Raises ValueError for a task of another kind."""
        return {PATH: work_of(self.task, Wanted).stubs.encode()}

    async def begin(self) -> str:
        """Take what is wanted from the task. Raises ValueError for a task of another kind."""
        self.wanted = work_of(self.task, Wanted)
        return await super().begin()

    def judge(self) -> Judge:
        """Who judges the file in a fresh sandbox; the outcomes are in the order of the calls."""
        return Calls(cases=cases_of(self.wanted.calls, module=MODULE), fresh=self.open_sandbox)

    @metric
    async def functions_right(self) -> float:
        """Share of the functions all of whose hidden calls give what they should."""
        return share_of_functions(self.wanted.calls, await self.judged())

    def oracle(self) -> str:
        """The expert's next turn: read, write, try the examples, submit."""
        writing = render_call("write_file", {"path": PATH, "text": str(self.task.answer)})
        plan = f"plan: read {PATH}; write {self.task.horizon} functions; run the examples; submit"
        turns = [
            f"{plan}\n{mender.reading(PATH)}",
            writing,
            mender.checking(PATH),
            mender.SUBMITTING,
        ]
        return turns[min(self.num_steps, len(turns) - 1)]

    def floor(self, rng: np.random.Generator) -> str:
        """Look at the file, or submit it as it is."""
        return mender.reading(PATH) if rng.random() < 0.5 else mender.SUBMITTING


def task_of(functions: Sequence[Whole]) -> Task:
    """The task of writing these functions, all in one module."""
    stubs = "\n\n\n".join(stub_of(function.whole) for function in functions) + "\n"
    names = ", ".join(function.name for function in functions)
    return Task(
        id=f"synthesis-{hashlib.sha256(stubs.encode()).hexdigest()[:12]}",
        prompt=f"Write the functions of {PATH} by their docstrings: {names}. Then submit.",
        answer="\n\n\n".join(function.whole for function in functions) + "\n",
        data={"stubs": stubs, "calls": as_data(functions)},
        traits=Synthesis.card.traits,
        horizon=len(functions),
    )
