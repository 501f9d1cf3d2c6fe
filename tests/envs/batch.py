"""References of many tasks, judged all in one sandbox: a start for each would take minutes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

import anyio

from forethought.envs.datasets.programs import Work
from forethought.envs.task import Task
from forethought.sandbox import Suite, Verdict, open_sandbox

FRESH = partial(open_sandbox, backend="local")


def judged(tasks: Sequence[Task], *, total_s: float = 240.0) -> Verdict:
    """Judge the answers of tasks, each with its file of tests; solution.py is named by number."""
    tests: dict[str, str] = {}
    programs: dict[str, bytes] = {}
    passing: list[str] = []
    failing: list[str] = []
    for number, task in enumerate(tasks):
        work = Work.model_validate(task.data)
        file, own = f"test_{number}.py", f"solution_{number}"
        programs[work.path.replace("solution", own)] = str(task.answer).encode()
        tests[file] = work.tests.replace("from solution import", f"from {own} import")
        for names, found in ((work.passing, passing), (work.failing, failing)):
            found += [name.replace(work.test_file, file) for name in names]
    suite = Suite(files=tests, passing=passing, failing=failing, fresh=FRESH, total_s=total_s)
    return anyio.run(suite.judge, programs)


def judged_as_one_file(tasks: Sequence[Task], *, total_s: float = 240.0) -> Verdict:
    """Judge the answers of tasks that all write solution.py, their tests renamed by number."""
    sources: list[str] = []
    passing: list[str] = []
    failing: list[str] = []
    for number, task in enumerate(tasks):
        work = Work.model_validate(task.data)
        renamed = work.tests.replace("from solution import", f"from solution_{number} import")
        sources.append(re.sub(r"^def test_(\d+)", rf"def test_{number}_\1", renamed, flags=re.M))
        for names, found in ((work.passing, passing), (work.failing, failing)):
            found += [f"test_all.py::test_{number}_{name.rpartition('_')[2]}" for name in names]
    suite = Suite(
        files={"test_all.py": "\n\n".join(sources)},
        passing=passing,
        failing=failing,
        fresh=FRESH,
        total_s=total_s,
    )
    programs = {f"solution_{n}.py": str(task.answer).encode() for n, task in enumerate(tasks)}
    return anyio.run(suite.judge, programs)
