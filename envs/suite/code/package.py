"""Package: build a small Python package of several files from its specification.

Every module holds one function; `pipeline.py` runs steps by name through all of them, so that the
files have to fit together. The horizon is the number of modules. What each module does does not
depend on the others: the work can be cut, and has to be joined.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from forethought.envs.calls import render_call
from forethought.envs.card import Card
from forethought.envs.granted import MIND_TOOLS
from forethought.envs.scoring import metric
from forethought.envs.suite.code import mender
from forethought.envs.suite.code.bugs import HiddenCase, Whole, whole_functions
from forethought.envs.suite.code.hidden import HiddenCall, as_data, cases_of, share_of_functions
from forethought.envs.suite.code.judged import Judged, work_of
from forethought.envs.suite.code.stubs import stub_of
from forethought.envs.task import Task
from forethought.sandbox import Calls, Judge

NAME = "kit"
SPEC = "SPEC.md"
NUM_RUNS = 6
"""Hidden runs of the pipeline."""
AT_A_TIME = 4
"""Files that the expert writes in one turn."""
_PIPELINE = '''def run(steps):
    """Take steps one after the other; each is [name, arguments], and a result comes of each.

    The function of that name in the module of that name is called with the arguments, a list. A
    name that there is no module for gives the text 'unknown', and a call that raises gives the name
    of the exception's type as text.
    """
    results = []
    for name, arguments in steps:
        if name not in TOOLS:
            results.append('unknown')
            continue
        try:
            results.append(TOOLS[name](*arguments))
        except Exception as error:
            results.append(type(error).__name__)
    return results
'''


class Plan(BaseModel):
    """What a task of the package holds in its data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    spec: str
    modules: tuple[str, ...] = Field(min_length=1)
    calls: tuple[HiddenCall, ...] = Field(min_length=1)


class Package(Judged):
    """A package built from nothing, judged by hidden calls in a fresh sandbox; see the module."""

    card: ClassVar[Card] = Card(
        traits=("abstraction", "skills", "strategy"),
        horizon_unit="modules",
        horizons=(1, 64),
        usual_horizons=(2, 4, 8),
        floor=0.0,
        needs_sandbox=True,
    )
    grants = (*Judged.grants, *MIND_TOOLS)
    work: Plan
    instructions = (
        "The files are in a sandbox without network; sub-agents share it. Hidden calls check every "
        "function against the specification; they run elsewhere, on the package alone."
    )

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """A package of as many modules as the horizon says, and the pipeline."""
        return task_of(whole_functions(rng, count=horizon), rng)

    def starting_files(self) -> Mapping[str, bytes]:
        """The specification. Raises ValueError for a task of another kind."""
        return {SPEC: work_of(self.task, Plan).spec.encode()}

    async def begin(self) -> str:
        """Take the work from the task. Raises ValueError for a task of another kind."""
        self.work = work_of(self.task, Plan)
        return await super().begin()

    def artefacts(self) -> Sequence[str]:
        """The files of the package."""
        return [f"{NAME}/{name}.py" for name in ("__init__", "pipeline", *self.work.modules)]

    def judge(self) -> Judge:
        """Who judges the package in a fresh sandbox; the outcomes are in the order of the calls."""
        return Calls(cases=cases_of(self.work.calls), fresh=self.open_sandbox)

    @metric
    async def modules_right(self) -> float:
        """Share of the modules, the pipeline among them, whose hidden calls all pass."""
        return share_of_functions(self.work.calls, await self.judged())

    def oracle(self) -> str:
        """The expert's next turn: read, write some files at a time, submit."""
        turns = _turns(self.task)
        return turns[min(self.num_steps, len(turns) - 1)]

    def floor(self, rng: np.random.Generator) -> str:
        """Look at the specification, or submit nothing."""
        return mender.reading(SPEC) if rng.random() < 0.5 else mender.SUBMITTING


def task_of(functions: Sequence[Whole], rng: np.random.Generator) -> Task:
    """The task of building a package of these functions; the hidden runs are drawn from `rng`."""
    names = [function.name for function in functions]
    spec = _spec(functions)
    calls = as_data(functions, module=lambda name: f"{NAME}.{name}")
    calls += [_run(functions, rng) for _ in range(NUM_RUNS)]
    modules: list[JsonValue] = [*names]
    return Task(
        id=f"package-{hashlib.sha256(spec.encode()).hexdigest()[:12]}",
        prompt=f"Build the Python package {NAME} as {SPEC} says, then submit. "
        f"Modules: {', '.join([*names, 'pipeline'])}.",
        answer={f"{NAME}/{name}.py": text for name, text in _files(functions).items()},
        data={"spec": spec, "modules": modules, "calls": calls},
        traits=Package.card.traits,
        horizon=len(functions),
    )


def _spec(functions: Sequence[Whole]) -> str:
    parts = [
        f"# {NAME}",
        f"A package {NAME}/ with an __init__.py, which may be empty, and these modules. Each holds "
        "one function, named like the module.",
    ]
    for function in functions:
        parts.append(f"## {NAME}/{function.name}.py\n\n```python\n{stub_of(function.whole)}\n```")
    pipeline = stub_of(_PIPELINE)
    parts.append(f"## {NAME}/pipeline.py\n\n```python\n{pipeline}\n```")
    return "\n\n".join(parts) + "\n"


def _files(functions: Sequence[Whole]) -> dict[str, str]:
    imports = "\n".join(f"from {NAME}.{each.name} import {each.name}" for each in functions)
    table = ", ".join(f"'{each.name}': {each.name}" for each in functions)
    pipeline = f"{imports}\n\nTOOLS = {{{table}}}\n\n\n{_PIPELINE}"
    modules = {each.name: f"{each.whole}\n" for each in functions}
    return {"__init__": "", **modules, "pipeline": pipeline}


def _run(functions: Sequence[Whole], rng: np.random.Generator) -> JsonValue:
    """A hidden run of the pipeline: some cases of the functions, and a name that is unknown."""
    steps: list[JsonValue] = []
    results: list[JsonValue] = []
    for place in rng.integers(len(functions), size=4):
        function = functions[int(place)]
        case: HiddenCase = function.cases[int(rng.integers(len(function.cases)))]
        steps.append([function.name, list(case.arguments)])
        results.append(case.value if case.raises is None else case.raises)
    steps.append([f"{functions[0].name}_x", []])
    results.append("unknown")
    return {
        "function": f"{NAME}.pipeline:run",
        "arguments": [steps],
        "value": results,
        "raises": None,
    }


def _turns(task: Task) -> list[str]:
    assert isinstance(task.answer, dict)
    writing = [
        render_call("write_file", {"path": path, "text": str(text)})
        for path, text in task.answer.items()
    ]
    groups = [writing[start : start + AT_A_TIME] for start in range(0, len(writing), AT_A_TIME)]
    plan = f"plan: read {SPEC}; write {len(writing)} files, {AT_A_TIME} at a time; submit"
    return [
        f"{plan}\n{mender.reading(SPEC)}",
        *("\n".join(group) for group in groups),
        mender.SUBMITTING,
    ]
