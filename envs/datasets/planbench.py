"""PlanBench problems (Valmeekam et al., arXiv 2206.10498) as tasks, their plans checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from forethought.envs.suite.planning.pddl import read_domain, read_problem
from forethought.envs.suite.planning.strips import Domain, Verdict, valid_plan
from forethought.envs.task import Task


class Row(BaseModel):
    """A line of a PlanBench file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    pddl: str
    statement: str
    gold_plan: tuple[str, ...]
    gold_plan_text: tuple[str, ...]
    n_steps: int


def load_planbench(problems: Path, domain: Path) -> list[Task]:
    """Tasks from a JSONL file of problems and the PDDL file of their domain.

    The prompt is the statement in English, the hidden data are the `domain`, the `problem` and the
    gold `plan`; the horizon is that plan's length, a bound on the shortest one. Raises ValueError
    naming the line that is broken, which it also is when its gold plan does not work.
    """
    text = domain.read_text(encoding="utf-8")
    return list(_read(problems, text, read_domain(text)))


def check_plan(task: Task, plan: Iterable[str]) -> Verdict:
    """Whether a plan, one `(name object ...)` a step, solves a task of `load_planbench`."""
    domain, problem = str(task.data["domain"]), str(task.data["problem"])
    return valid_plan(read_domain(domain), read_problem(problem), plan)


def _read(path: Path, domain_text: str, domain: Domain) -> Iterator[Task]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = Row.model_validate_json(line)
                verdict = valid_plan(domain, read_problem(row.pddl), row.gold_plan)
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(str(part) for part in first["loc"]) or "line"
                raise ValueError(
                    f"{path}:{number}: not a PlanBench problem: {where}: {first['msg']}"
                ) from None
            except ValueError as error:
                raise ValueError(f"{path}:{number}: {error}") from None
            if not verdict.valid:
                raise ValueError(f"{path}:{number}: its gold plan fails: {verdict.reason}")
            yield _task(row, domain_text)


def _task(row: Row, domain: str) -> Task:
    plan = list(row.gold_plan)
    return Task(
        id=row.id,
        prompt=row.statement,
        answer="\n".join(plan),
        data={"domain": domain, "problem": row.pddl, "plan": [*plan]},
        traits=("strategy",),
        horizon=len(plan),
        split="eval",
    )
