"""PlanBench: plan generation in several domains (Valmeekam et al., arXiv 2206.10498).

Trains strategy: one wrong action makes the rest of a plan worthless. The horizon is the number of
actions of the known plan; beside the reward stand the share of the goal that was met and how long
the plan is. Data: JSON Lines of `id, pddl, statement, gold_plan, gold_plan_text, n_steps` with the
domain's PDDL beside it (`logistics.jsonl`, `logistics_domain.pddl`) and, if there is one, the
introduction in English (`logistics_intro.txt`), as in github.com/karthikv792/LLMs-Planning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from forethought.envs.card import Card
from forethought.envs.datasets.plans import Planning, cast_of, usage
from forethought.envs.datasets.rows import located, read_rows, read_text
from forethought.envs.suite.planning.pddl import read_domain, read_problem
from forethought.envs.suite.planning.strips import Domain, Problem, valid_plan
from forethought.envs.suite.planning.strips_env import Mode
from forethought.envs.task import Split, Task

COLOURS = {
    "a": "red",
    "b": "blue",
    "c": "orange",
    "d": "yellow",
    "e": "white",
    "f": "magenta",
    "g": "black",
    "h": "cyan",
    "i": "green",
    "j": "violet",
    "k": "silver",
    "l": "gold",
}
"""How PlanBench's statements call blocks (its configs/blocksworld.yaml)."""
KINDS = {"p": "package", "t": "truck", "a": "airplane", "l": "location", "c": "city"}
"""What its statements about logistics make of the first letter (its configs/logistics.yaml)."""


class Row(BaseModel):
    """A line of a PlanBench file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    pddl: str
    statement: str
    gold_plan: tuple[str, ...]
    gold_plan_text: tuple[str, ...]
    n_steps: int


class PlanBench(Planning):
    """Problems of one PlanBench domain; `domain` is the name of its file, `blocksworld` say."""

    card: ClassVar[Card] = Card(
        traits=("strategy", "abstraction"),
        horizon_unit="actions of the known plan",
        horizons=(1, 256),
        floor=0.0,
        licence="MIT (Valmeekam Karthik)",
        source="Valmeekam et al., arXiv 2206.10498",
    )
    folder = "planbench"
    files: Mapping[Split, str] = {"eval": "blocksworld.jsonl"}
    origin = "https://github.com/karthikv792/LLMs-Planning (plan-bench)"

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        path: str | None = None,
        whole: bool = False,
        mode: Mode = "plan",
        domain: str = "blocksworld",
    ) -> None:
        super().__init__(horizon=horizon, split=split, path=path, whole=whole, mode=mode)
        if not re.fullmatch(r"[\w-]+", domain):
            raise ValueError(f"domain is the name of a file, such as 'logistics', not {domain!r}")
        self.files = {"eval": f"{domain}.jsonl"}

    @classmethod
    def load(cls, file: Path) -> Iterable[Task]:
        """Problems and their known plans, which are tried. Raises ValueError and DataMissing."""
        name = file.name.removesuffix(".gz").removesuffix(".jsonl")
        domain_file = cls.require(file.with_name(f"{name}_domain.pddl"))
        text = read_text(domain_file)
        try:
            read_domain(text)
        except ValueError as error:
            raise ValueError(f"{domain_file}: {error}") from None
        intro = file.with_name(f"{name}_intro.txt")
        return _read(file, text, intro=read_text(intro).strip() if intro.is_file() else "")


def _read(file: Path, domain_text: str, *, intro: str) -> Iterator[Task]:
    domain = read_domain(domain_text)
    for where, row in read_rows(file, Row):
        with located(where):
            problem = read_problem(row.pddl, domain)
        verdict = valid_plan(domain, problem, row.gold_plan)
        if not verdict.valid:
            raise ValueError(f"{where}: its gold plan fails: {verdict.reason}")
        parts = (intro, row.statement, cast_of(problem), usage(domain))
        yield Task(
            id=row.id,
            prompt="\n\n".join(filter(None, parts)),
            answer="\n".join(row.gold_plan),
            data={
                "domain": domain_text,
                "problem": row.pddl,
                "plan": [*row.gold_plan],
                "words": {**_words(domain, problem)},
            },
            traits=PlanBench.card.traits,
            horizon=len(row.gold_plan),
            split="eval",
        )


def _words(domain: Domain, problem: Problem) -> dict[str, str]:
    """The statement's words, each with the object that it stands for; none if names are kept."""
    if domain.name.startswith("blocksworld"):
        return {COLOURS[name]: name for name in problem.objects if name in COLOURS}
    if domain.name.startswith("logistics"):
        return {
            f"{KINDS[name[0]]}_{name[1:].replace('-', '_')}": name
            for name in problem.objects
            if name[0] in KINDS
        }
    return {}
