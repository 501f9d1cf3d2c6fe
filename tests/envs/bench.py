"""Workbenches for tests, and what is done on them again and again."""

from __future__ import annotations

import anyio

from forethought.agents.budget import Limits
from forethought.agents.engines.models import open_model
from forethought.agents.record.log import EventLog
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.rollout import Job, run_jobs
from forethought.envs.base import Step
from forethought.envs.calls import render_call
from forethought.envs.suite.long.workbench import Workbench, task_of
from forethought.sandbox import Backend

HEADER = "station,total_mm,wettest_month\n"


def started(
    *, num_rows: int = 2, oracle_children: int = 0, backend: Backend = "local"
) -> Workbench:
    env = Workbench(backend=backend, oracle_children=oracle_children)
    env.reset(seed=0, options={"task": task_of(7, num_rows=num_rows)})
    return env


def gold(env: Workbench) -> str:
    assert isinstance(env.task.answer, str)
    return env.task.answer


def submitted(env: Workbench, table: str | None, path: str = "table.csv") -> Step:
    """Write a table, if there is one, submit the path, and close."""
    if table is not None:
        env.step(render_call("write_file", {"path": path, "text": table}))
    step = env.step(render_call("submit", {"answer": path}))
    env.close()
    return step


def rolled(
    *, horizon: int, num: int = 2, model: str = "oracle", **options: int
) -> list[Trajectory]:
    """Whole episodes through the agent loop, within the limits that hold by default."""
    env_id = "forethought/workbench-v0"
    given = {"backend": "local", "horizon": horizon, **options}
    jobs = [Job(id=str(n), env_id=env_id, options=given, seed=n) for n in range(num)]

    async def run() -> list[Trajectory]:
        return await run_jobs(jobs, open_model(model), log=EventLog(None), limits=Limits())

    return anyio.run(run)


def changed(table: str, *, row: int, cell: int, to: str) -> str:
    lines = [line.split(",") for line in table.splitlines()]
    lines[row][cell] = to
    return "".join(",".join(line) + "\n" for line in lines)
