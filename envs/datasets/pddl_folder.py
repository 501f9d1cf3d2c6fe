"""Any STRIPS problems: a folder with `domain.pddl` and a PDDL file for each problem.

Trains strategy on worlds that no model has seen. The horizon is the number of actions of a known
plan: the one in `NAME.plan` beside `NAME.pddl`, one `(action object ...)` a line and comments after
a semicolon, as planners write it; else a shortest one, if a breadth-first search finds it.

Domains may be typed, ask for what does not hold and for objects to differ (`:typing`,
`:negative-preconditions`, `:equality`); any other requirement is refused with its line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from forethought.envs.card import Card
from forethought.envs.datasets.plans import Planning, usage
from forethought.envs.datasets.rows import read_text
from forethought.envs.suite.planning.pddl import read_domain, read_problem
from forethought.envs.suite.planning.search import shortest_plan
from forethought.envs.suite.planning.strips import Domain, Problem, valid_plan
from forethought.envs.task import Split, Task

MAX_BYTES = 1 << 20
"""Of one PDDL file."""
MAX_STATES = 50_000
"""Seen by the search for a plan of a problem that comes without one; about a second."""


class PddlFolder(Planning):
    """The problems that lie beside a domain; `path` is the folder or the domain's file."""

    card: ClassVar[Card] = Card(
        traits=("strategy", "abstraction"),
        horizon_unit="actions of the known plan",
        horizons=(1, 256),
        licence="of the files that are given",
        source="Fikes and Nilsson 1971; PDDL 1.2",
    )
    folder = "pddl"
    files: Mapping[Split, str] = {"eval": "domain.pddl"}
    origin = "https://github.com/potassco/pddl-instances, or write them"

    @classmethod
    def load(cls, file: Path) -> Iterable[Task]:
        """A task for each problem. Raises ValueError naming the file that is broken."""
        text = read_text(file, max_bytes=MAX_BYTES)
        try:
            domain = read_domain(text)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from None
        for problem_file in sorted(file.parent.glob("*.pddl")):
            if problem_file != file:
                yield _task(problem_file, domain, text)


def _task(file: Path, domain: Domain, domain_text: str) -> Task:
    text = read_text(file, max_bytes=MAX_BYTES)
    try:
        plan = _plan(file.with_suffix(".plan"), domain, read_problem(text, domain))
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None
    return Task(
        id=file.stem,
        prompt=f"{domain_text.strip()}\n\n{text.strip()}\n\n{usage(domain)}",
        answer="\n".join(plan),
        data={"domain": domain_text, "problem": text, "plan": [*plan], "words": {}},
        traits=PddlFolder.card.traits,
        horizon=len(plan),
        split="eval",
    )


def _plan(file: Path, domain: Domain, problem: Problem) -> Sequence[str]:
    """The plan in the file, which has to work, or else a shortest one. Raises ValueError."""
    if problem.is_solved(problem.init):
        raise ValueError("its goal holds from the start")
    if file.is_file():
        lines = (line.partition(";")[0].strip() for line in _lines(file))
        plan = [line for line in lines if line]
        verdict = valid_plan(domain, problem, plan)
        if not verdict.valid:
            raise ValueError(f"the plan in {file.name} fails: {verdict.reason}")
        return plan
    try:
        found = shortest_plan(domain, problem, max_states=MAX_STATES)
    except RuntimeError as error:
        raise ValueError(f"{error}; put a plan into {file.name}") from None
    if found is None:
        raise ValueError("it has no plan")
    return [str(action) for action in found]


def _lines(file: Path) -> list[str]:
    return read_text(file, max_bytes=MAX_BYTES).lower().splitlines()
