"""Blocksworld: rearrange towers of blocks with one hand, in as few moves as it takes.

Text is terse, so that small models on small machines see many instances. Moves are plain text and
not tool calls: a tool's schema in the prompt would cost more tokens than all of the rules.

    a c on table; b on a          plan: b down; a on c
    goal: a on c                  unstack b a
"""

from __future__ import annotations

import hashlib
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from forethought.envs.card import Card
from forethought.envs.suite.planning import blocks
from forethought.envs.suite.planning.blocks import DOMAIN, Instance
from forethought.envs.suite.planning.pddl import read_domain, read_problem
from forethought.envs.suite.planning.strips import Atom, Problem
from forethought.envs.suite.planning.strips_env import Mode, StripsEnv, World
from forethought.envs.suite.planning.words import PLAIN, Words, draw_words
from forethought.envs.task import Split, Task, hidden_of


class _Data(BaseModel):
    """Hidden part of a task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    blocks: tuple[str, ...]
    init: tuple[Atom, ...]
    goal: tuple[Atom, ...]
    words: tuple[str, str, str, str, str, str, str]


def _read_task(task: Task) -> tuple[Problem, Words]:
    advice = "make one with task_of or from_planbench"
    data = hidden_of(task, _Data, told="is no blocksworld task", advice=advice)
    init, goal = frozenset(data.init), frozenset(data.goal)
    problem = Problem(name="blocks", objects=data.blocks, init=init, goal=goal)
    return problem, Words(*data.words)


class Blocksworld(StripsEnv):
    """Reach the goal; `mode` "act" takes moves turn by turn, "plan" takes them all in one reply.

    `mystery` renames actions and relations, by other words in each instance, and gives the rules
    in the prompt: what remains is to plan, not to remember (PlanBench, arXiv 2206.10498).
    `oracle_moves` is how many moves the expert makes a turn; 0 is all at once.
    """

    card: ClassVar[Card] = Card(
        traits=("strategy", "abstraction"),
        horizon_unit="moves",
        horizons=(1, 256),
        usual_horizons=(2, 4, 6, 8),
        floor=0.01,
        source="the planning competitions; renamed as in PlanBench (arXiv 2206.10498)",
    )
    world = World(domain=DOMAIN, noun="block", read=_read_task, solve=blocks.solve)

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        mode: Mode = "act",
        mystery: bool = False,
        oracle_moves: int = 1,
    ) -> None:
        super().__init__(horizon=horizon, split=split, mode=mode, oracle_moves=oracle_moves)
        self.mystery = mystery
        if not mystery:
            self.instructions = f"Moves: {PLAIN.brief}. {self.instructions}"

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """An instance whose shortest plan has exactly `horizon` moves; see `blocks`."""
        words = draw_words(rng) if self.mystery else PLAIN
        return task_of(blocks.draw(rng, horizon=horizon), horizon=horizon, words=words)


def task_of(instance: Instance, *, horizon: int, words: Words = PLAIN) -> Task:
    """The task of an instance; `horizon` is the length of a shortest plan."""
    prompt = f"{words.state(instance.init)}\ngoal: {words.goal(instance.goal)}"
    if words != PLAIN:
        prompt = f"{words.rules}\n{prompt}"
    data = {
        "blocks": list(instance.blocks),
        "init": [list(atom) for atom in sorted(instance.init)],
        "goal": [list(atom) for atom in sorted(instance.goal)],
        "words": list(words),
    }
    digest = hashlib.sha256(prompt.encode()).hexdigest()[:12]
    return Task.model_validate(
        {
            "id": f"blocksworld-{digest}",
            "prompt": prompt,
            "data": data,
            "traits": Blocksworld.card.traits,
            "horizon": horizon,
        }
    )


def from_planbench(task: Task) -> Task:
    """A PlanBench blocks-world task in this environment's words, with its true horizon.

    Raises ValueError if the problem is not one of blocks.
    """
    domain = read_domain(str(task.data.get("domain", "")))
    problem = read_problem(str(task.data.get("problem", "")), domain)
    instance = Instance(blocks=problem.objects, init=problem.init, goal=problem.goal)
    strange = {atom[0] for atom in problem.init | problem.goal} - _PREDICATES
    if strange:
        raise ValueError(f"task {task.id!r} is no blocks world: it has ({min(strange)} ...)")
    horizon = len(blocks.solve(instance.blocks, instance.init, instance.goal))
    return task_of(instance, horizon=horizon).model_copy(
        update={"id": task.id, "split": task.split}
    )


_PREDICATES = frozenset({"on", "ontable", "clear", "handempty", "holding"})
