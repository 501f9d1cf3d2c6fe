"""Plans for STRIPS problems, written as PDDL action lines and scored by the exact simulator.

(unstack yellow orange)       mode "plan": all lines in one reply, as planners are measured
(put-down yellow)             mode "act": some lines a turn, the state is told after each
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from forethought.envs.datasets.dataset import Dataset
from forethought.envs.lines import without_plan
from forethought.envs.scoring import metric, reward
from forethought.envs.suite.planning.kinds import told
from forethought.envs.suite.planning.pddl import read_domain, read_problem
from forethought.envs.suite.planning.search import shortest_plan
from forethought.envs.suite.planning.strips import (
    Domain,
    Literal,
    Operator,
    Problem,
    Schema,
    State,
    apply,
    misfit,
    read_operator,
    shown,
    unmet,
)
from forethought.envs.suite.planning.strips_env import Mode
from forethought.envs.task import Split, hidden_of

_BULLET = re.compile(r"^(?:[-*]|\d+[.):])\s+")
_ASKED = {
    "plan": "Reply with the whole plan, one action a line: (name object ...)",
    "act": "Reply with the next actions, one a line: (name object ...)",
}


class Work(BaseModel):
    """What a task of planning holds in its data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    domain: str
    """PDDL."""
    problem: str
    """PDDL."""
    plan: tuple[str, ...] = Field(min_length=1)
    """A plan that works."""
    words: dict[str, str] = {}
    """Names that the prompt has for objects of the problem."""


class Planning(Dataset):
    """Base of the sets of planning problems; see the module for the modes."""

    state_fields = ("state", "num_moves", "num_illegal")
    work: Work
    domain: Domain
    problem: Problem

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        path: str | None = None,
        whole: bool = False,
        mode: Mode = "plan",
    ) -> None:
        super().__init__(horizon=horizon, split=split, path=path, whole=whole)
        if mode not in get_args(Mode):
            raise ValueError(f"mode is 'plan' or 'act', not {mode!r}")
        self.mode: Mode = mode
        self.instructions = _ASKED[mode]
        self.state: State = frozenset()
        self.num_moves = 0
        self.num_illegal = 0

    async def begin(self) -> str:
        """Set the problem up. Raises ValueError for a task of another kind."""
        self.work = hidden_of(self.task, Work, told="holds no work")
        self.domain = _domain(self.work.domain)
        self.problem = read_problem(self.work.problem, self.domain)
        self.state = self.problem.init
        self.num_moves = self.num_illegal = 0
        return self.task.prompt

    async def reply(self, text: str) -> str:
        """Make the actions in `text`, up to the first illegal one."""
        actions = read_actions(text, self.domain)
        if not actions:
            self.info["format_error"] = True
            return f"No action found. There are: {', '.join(sorted(self.domain.schemas))}"
        problem = self._make(actions)
        if self.mode == "plan":
            self.submit("\n".join(actions))
        self.over = self.over or self._is_reached()
        outcome = "goal reached" if self._is_reached() else self._told()
        return f"{problem}\n{outcome}" if problem else outcome

    def max_steps(self) -> int:
        """Room for detours when acting; two unreadable replies when planning."""
        return 3 if self.mode == "plan" else 2 * self.task.horizon + 8

    @reward
    def solved(self) -> float:
        """1 if the goal holds at the end; a plan must be legal to its last action as well."""
        sound = self.mode == "act" or self.num_illegal == 0
        return float(sound and self._is_reached())

    @metric
    def goals_met(self) -> float:
        """Share of the goal's literals that hold at the end."""
        goal, shunned = self.problem.goal, self.problem.shunned
        met = len(goal & self.state) + len(shunned - self.state)
        return met / (len(goal) + len(shunned))

    @metric
    def length_ratio(self) -> float | None:
        """Actions of the known plan over actions made; None if not solved."""
        return len(self.work.plan) / self.num_moves if self.solved() else None

    @metric
    def illegal(self) -> float:
        """Actions that could not be made."""
        return float(self.num_illegal)

    def oracle(self) -> str:
        """The rest of the known plan, one action a turn when acting; off its way a new plan.

        The first reply opens with the plan. Raises RuntimeError where a new one is hard to find.
        """
        lines = [_worded(step, self._names()) for step in self._left()]
        plan = f"plan: {'; '.join(line.strip('()') for line in lines)}"
        now = lines if self.mode == "plan" else lines[:1]
        return "\n".join([plan, *now] if self.num_steps == 0 else now)

    def floor(self, rng: np.random.Generator) -> str:
        """One random action on random objects that may stand in their places."""
        choices = {
            name: [self.problem.fitting(kind, self.domain.hierarchy) for kind in schema.kinds]
            for name, schema in sorted(self.domain.schemas.items())
        }
        names = [name for name, each in choices.items() if all(each)]
        name = names[int(rng.integers(len(names)))]
        drawn = [objects[int(rng.integers(len(objects)))] for objects in choices[name]]
        return f"({' '.join([name, *drawn])})"

    def _is_reached(self) -> bool:
        return self.problem.is_solved(self.state)

    def _left(self) -> Sequence[str]:
        """A plan from the present state."""
        state, plan = self.problem.init, self.work.plan
        for number, step in enumerate(plan):
            if state == self.state:
                return plan[number:]
            state = apply(state, read_operator(self.domain, step))
        here = replace(self.problem, init=self.state)
        return [str(action) for action in shortest_plan(self.domain, here) or ()]

    def _make(self, actions: Sequence[str]) -> str:
        """Make actions in order; the problem with the first illegal one, "" if all were legal."""
        for text in actions:
            if self.mode == "act" and self._is_reached():
                break
            try:
                self.state = apply(self.state, self._operator(text))
            except ValueError as error:
                self.num_illegal += 1
                return f"cannot {text}: {error}"
            self.num_moves += 1
        return ""

    def _operator(self, text: str) -> Operator:
        action = read_operator(self.domain, _worded(text, self.work.words))
        strange = [name for name in action.arguments if name not in self.problem.objects]
        if strange:
            raise ValueError(f"there is no {strange[0]}")
        wrong = misfit(self.domain, self.problem, action)
        if wrong is not None:
            name, reason = wrong
            raise ValueError(f"{self._names().get(name, name)} {reason}")
        missing = unmet(self.state, action)
        if missing is not None:
            raise ValueError(f"{self._shown(missing)} does not hold")
        return action

    def _told(self) -> str:
        """What holds by now, without what no action changes."""
        changing = self.domain.changing()
        atoms = [self._shown(atom) for atom in sorted(self.state) if atom[0] in changing]
        return f"state: {' '.join(atoms)}"

    def _shown(self, literal: Literal) -> str:
        names = self._names()
        return shown(tuple(names.get(word, word) for word in literal))

    def _names(self) -> dict[str, str]:
        """Words of the prompt by the objects that they stand for."""
        return {name: word for word, name in self.work.words.items()}


def read_actions(text: str, domain: Domain) -> list[str]:
    """Lines of a reply that are actions, in order; plans and prose are passed over.

    Such a line begins with the name of an action; bullets, numbers, brackets and a full stop around
    it do no harm.
    """
    actions = []
    for line in without_plan(text).splitlines():
        words = _BULLET.sub("", line.strip()).strip("()`. ").lower().split()
        if words and words[0] in domain.schemas:
            actions.append(f"({' '.join(words)})")
    return actions


def usage(domain: Domain) -> str:
    """The actions as they are to be written, and what may stand in them where that matters."""
    forms = [f"({' '.join([each.name, *_places(each)])})" for each in domain.schemas.values()]
    if not domain.is_typed:
        return f"Actions: {' '.join(forms)}"
    schemas = domain.schemas.values()
    lines = [" ".join([form, *_types(each)]) for form, each in zip(forms, schemas, strict=True)]
    return "\n".join(["Actions, with the types of their objects:", *lines])


def cast_of(problem: Problem) -> str:
    """The objects of a problem by their types, one type a line; "" where they have none."""
    names: dict[str, list[str]] = {}
    for name, kind in problem.kinds.items():
        names.setdefault(told(kind), []).append(name)
    return "\n".join(f"{kind}: {' '.join(each)}" for kind, each in names.items())


def _places(schema: Schema) -> list[str]:
    return [name.strip("?") for name in schema.parameters]


def _types(schema: Schema) -> list[str]:
    """`truck: truck; loc: airport or location`, if anything is asked for."""
    pairs = zip(_places(schema), schema.kinds, strict=True)
    return ["; ".join(f"{place}: {told(kind)}" for place, kind in pairs)] if schema.kinds else []


def _worded(line: str, names: Mapping[str, str]) -> str:
    """An action or atom with the arguments that have another name called by it."""
    head, *arguments = line.strip("()").split()
    return f"({' '.join([head, *(names.get(item, item) for item in arguments)])})"


@lru_cache(maxsize=64)
def _domain(text: str) -> Domain:
    return read_domain(text)
