"""Blocksworld: rearrange towers of blocks with one hand, in as few moves as it takes.

Text is terse, so that small models on small machines see many instances. Moves are plain text and
not tool calls: a tool's schema in the prompt would cost more tokens than all of the rules.

    a c on table; b on a          plan: b down; a on c
    goal: a on c                  unstack b a
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from forethought.envs.base import Env
from forethought.envs.card import Card
from forethought.envs.lines import without_plan
from forethought.envs.scoring import metric, reward
from forethought.envs.suite.planning import blocks
from forethought.envs.suite.planning.blocks import DOMAIN, Instance
from forethought.envs.suite.planning.pddl import read_problem
from forethought.envs.suite.planning.strips import Atom, Operator, State, apply, operator, unmet
from forethought.envs.suite.planning.words import PLAIN, Words, draw_words
from forethought.envs.task import Split, Task

Mode = Literal["act", "plan"]

_BULLET = re.compile(r"^(?:[-*]|\d+[.):])\s+")


class Blocksworld(Env):
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
        floor=0.1,
        source="the planning competitions; renamed as in PlanBench (arXiv 2206.10498)",
    )
    state_fields = ("state", "num_moves", "num_illegal", "_expert")

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        mode: Mode = "act",
        mystery: bool = False,
        oracle_moves: int = 1,
    ) -> None:
        super().__init__(horizon=horizon, split=split)
        if mode not in ("act", "plan"):
            raise ValueError(f"mode is 'act' or 'plan', not {mode!r}")
        if oracle_moves < 0:
            raise ValueError(f"oracle_moves is 0 (all at once) or more, not {oracle_moves}")
        self.mode: Mode = mode
        self.mystery = mystery
        self.oracle_moves = oracle_moves
        ask = "Reply with the next moves" if mode == "act" else "Reply with all moves"
        rules = "" if mystery else f"Moves: {PLAIN.brief}. "
        self.instructions = f"{rules}{ask}, one per line."
        self.words = PLAIN
        self.blocks: tuple[str, ...] = ()
        self.state: State = frozenset()
        self.goal: State = frozenset()
        self.num_moves = 0
        self.num_illegal = 0
        self._expert: tuple[State, list[Operator]] = (frozenset(), [])

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """An instance whose shortest plan has exactly `horizon` moves; see `blocks`."""
        words = draw_words(rng) if self.mystery else PLAIN
        return task_of(blocks.draw(rng, horizon=horizon), horizon=horizon, words=words)

    async def begin(self) -> str:
        """Set the blocks up."""
        instance, self.words = _read_task(self.task)
        self.blocks, self.state, self.goal = instance.blocks, instance.init, instance.goal
        self.num_moves = self.num_illegal = 0
        self._expert = (frozenset(), [])
        return self.task.prompt

    async def reply(self, text: str) -> str:
        """Make the moves in `text`, up to the first illegal one or the goal."""
        moves = read_moves(text, self.words)
        if not moves:
            self.info["format_error"] = True
            return f"No move found. Write one per line, like: {self.words.unstack} b a"
        problem = self._make(moves)
        if self.mode == "plan":
            self.submit("; ".join(moves))
        self.over = self.over or self.goal <= self.state
        outcome = "goal reached" if self.goal <= self.state else self.words.state(self.state)
        return f"{problem}\n{outcome}" if problem else outcome

    def max_steps(self) -> int:
        """Room for detours when acting; two unreadable replies when planning."""
        return 3 if self.mode == "plan" else 2 * self.task.horizon + 8

    @reward
    def solved(self) -> float:
        """1 if the goal holds at the end; a plan must be legal to its last move as well."""
        sound = self.mode == "act" or self.num_illegal == 0
        return float(sound and self.goal <= self.state)

    @metric
    def optimality(self) -> float | None:
        """Moves of a shortest plan over moves made; None if not solved."""
        return self.task.horizon / self.num_moves if self.solved() else None

    @metric
    def illegal(self) -> float:
        """Moves that could not be made."""
        return float(self.num_illegal)

    def oracle(self) -> str:
        """The next moves of the expert's plan; the first reply opens with the plan in words."""
        state, moves = self._expert
        if state != self.state:
            moves = blocks.solve(self.blocks, self.state, self.goal)
        count = len(moves) if self.mode == "plan" else self.oracle_moves or len(moves)
        after = self.state
        for move in moves[:count]:
            after = apply(after, move)
        self._expert = (after, moves[count:])
        lines = [self.words.move(move) for move in moves[:count]]
        return "\n".join([self.words.plan(moves), *lines] if self.num_steps == 0 else lines)

    def floor(self, rng: np.random.Generator) -> str:
        """One random action on random blocks, which is mostly not legal."""
        name = sorted(DOMAIN.schemas)[int(rng.integers(len(DOMAIN.schemas)))]
        arguments = rng.permutation(self.blocks)[: len(DOMAIN.schemas[name].parameters)]
        return self.words.move(operator(DOMAIN, name, [str(item) for item in arguments]))

    def _make(self, moves: Sequence[str]) -> str:
        """Make moves in order; the problem with the first that is not legal, "" if all were."""
        for text in moves:
            if self.mode == "act" and self.goal <= self.state:
                break
            try:
                move = self._operator(text)
            except ValueError as error:
                self.num_illegal += 1
                return f"cannot {text}: {error}"
            self.state = apply(self.state, move)
            self.num_moves += 1
        return ""

    def _operator(self, text: str) -> Operator:
        verb, *arguments = text.split()
        strange = [name for name in arguments if name not in self.blocks]
        if strange:
            raise ValueError(f"no block {strange[0]}")
        count = len(DOMAIN.schemas[self.words.action(verb)].parameters)
        if len(arguments) != count:
            raise ValueError(f"needs {count} block{'s' * (count > 1)}")
        move = operator(DOMAIN, self.words.action(verb), arguments)
        missing = unmet(self.state, move)
        if missing is not None:
            raise ValueError(self._why_not(missing))
        return move

    def _why_not(self, missing: Atom) -> str:
        """What stands against a move whose precondition `missing` does not hold."""
        held = blocks.holding(self.state)
        if missing[0] == "handempty" or (missing[0] == "clear" and held == missing[1]):
            return f"{self.words.holding} {held}"
        if missing[0] == "clear":
            above = next(a[1] for a in self.state if a[0] == "on" and a[2] == missing[1])
            return self.words.atom(("on", above, missing[1]))
        return f"not {self.words.atom(missing)}"


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
    problem = read_problem(str(task.data.get("problem", "")))
    instance = Instance(blocks=problem.objects, init=problem.init, goal=problem.goal)
    strange = {atom[0] for atom in problem.init | problem.goal} - _PREDICATES
    if strange:
        raise ValueError(f"task {task.id!r} is no blocks world: it has ({min(strange)} ...)")
    horizon = len(blocks.solve(instance.blocks, instance.init, instance.goal))
    return task_of(instance, horizon=horizon).model_copy(
        update={"id": task.id, "split": task.split}
    )


def read_moves(text: str, words: Words) -> list[str]:
    """Moves in a reply, one a line or separated by semicolons, in order; plans are passed over.

    A move begins with an action's word; bullets, numbers, parentheses and a full stop around it
    do no harm, anything else is prose.
    """
    moves = []
    for part in re.split(r"[\n;]", without_plan(text)):
        parts = _BULLET.sub("", part.strip()).strip("()`. ").lower().split()
        if parts and parts[0] in words.verbs:
            moves.append(" ".join(parts))
    return moves


def _read_task(task: Task) -> tuple[Instance, Words]:
    try:
        data = _Data.model_validate(task.data)
    except ValidationError as error:
        raise ValueError(
            f"task {task.id!r} is no blocksworld task: {error.errors()[0]['msg']}; "
            "make one with task_of or from_planbench"
        ) from None
    init, goal = frozenset(data.init), frozenset(data.goal)
    return Instance(blocks=data.blocks, init=init, goal=goal), Words(*data.words)


class _Data(BaseModel):
    """Hidden part of a task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    blocks: tuple[str, ...]
    init: tuple[Atom, ...]
    goal: tuple[Atom, ...]
    words: tuple[str, str, str, str, str, str, str]


_PREDICATES = frozenset({"on", "ontable", "clear", "handempty", "holding"})
