"""StripsEnv: a STRIPS world as text, acted in move by move or planned in one reply.

What the planning environments share: reading moves, making them exactly, telling why one cannot be
made, scoring, and an expert that plans anew whenever the state is not where its plan left it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from forethought.envs.base import Env
from forethought.envs.lines import without_plan
from forethought.envs.scoring import metric, reward
from forethought.envs.suite.planning.strips import (
    Atom,
    Domain,
    Operator,
    Problem,
    State,
    apply,
    operator,
    unmet,
)
from forethought.envs.task import Split, Task

Mode = Literal["act", "plan"]

_BULLET = re.compile(r"^(?:[-*]|\d+[.):])\s+")


class Telling(Protocol):
    """The words of a world."""

    @property
    def verbs(self) -> tuple[str, ...]:
        """The words that are actions."""
        ...

    @property
    def example(self) -> str:
        """A move to show how moves are written."""
        ...

    def action(self, verb: str) -> str:
        """The action's name in the domain. Raises KeyError for another word."""
        ...

    def move(self, action: Operator) -> str:
        """A move as the agent writes it."""
        ...

    def state(self, state: State) -> str:
        """The present state, as the agent reads it after a move."""
        ...

    def plan(self, moves: Sequence[Operator]) -> str:
        """`plan: ...`, what the moves lead to, in words."""
        ...

    def why_not(self, state: State, missing: Atom) -> str:
        """What stands against a move whose precondition `missing` does not hold."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """What makes one planning environment differ from another."""

    domain: Domain
    noun: str
    """What its objects are called."""
    read: Callable[[Task], tuple[Problem, Telling]]
    """The problem of a task and its words. Raises ValueError if it is a task of another world."""
    solve: Callable[[Sequence[str], State, State], list[Operator]]
    """The expert's plan for these objects, from a state to a goal; empty where there is none."""


class StripsEnv(Env):
    """Reach the goal; `mode` "act" takes moves turn by turn, "plan" takes them all in one reply.

    `oracle_moves` is how many moves the expert makes a turn; 0 is all at once.
    """

    world: World
    state_fields = ("state", "num_moves", "num_illegal", "_expert")
    words: Telling

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        mode: Mode = "act",
        oracle_moves: int = 1,
    ) -> None:
        super().__init__(horizon=horizon, split=split)
        if mode not in ("act", "plan"):
            raise ValueError(f"mode is 'act' or 'plan', not {mode!r}")
        if oracle_moves < 0:
            raise ValueError(f"oracle_moves is 0 (all at once) or more, not {oracle_moves}")
        self.mode: Mode = mode
        self.oracle_moves = oracle_moves
        ask = "Reply with the next moves" if mode == "act" else "Reply with all moves"
        self.instructions = f"{ask}, one per line."
        self.objects: tuple[str, ...] = ()
        self.state: State = frozenset()
        self.goal: State = frozenset()
        self.num_moves = 0
        self.num_illegal = 0
        self._expert: tuple[State, list[Operator]] = (frozenset(), [])

    async def begin(self) -> str:
        """Set the world up."""
        problem, self.words = self.world.read(self.task)
        self.objects, self.state, self.goal = problem.objects, problem.init, problem.goal
        self.num_moves = self.num_illegal = 0
        self._expert = (frozenset(), [])
        return self.task.prompt

    async def reply(self, text: str) -> str:
        """Make the moves in `text`, up to the first illegal one or the goal."""
        moves = read_moves(text, self.words)
        if not moves:
            self.info["format_error"] = True
            return f"No move found. Write one per line, like: {self.words.example}"
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
            moves = self.world.solve(self.objects, self.state, self.goal)
        count = len(moves) if self.mode == "plan" else self.oracle_moves or len(moves)
        after = self.state
        for move in moves[:count]:
            after = apply(after, move)
        self._expert = (after, moves[count:])
        lines = [self.words.move(move) for move in moves[:count]]
        return "\n".join([self.words.plan(moves), *lines] if self.num_steps == 0 else lines)

    def floor(self, rng: np.random.Generator) -> str:
        """One random action on random objects, which is mostly not legal."""
        domain = self.world.domain
        name = sorted(domain.schemas)[int(rng.integers(len(domain.schemas)))]
        arguments = rng.permutation(self.objects)[: len(domain.schemas[name].parameters)]
        return self.words.move(operator(domain, name, [str(item) for item in arguments]))

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
        strange = [name for name in arguments if name not in self.objects]
        if strange:
            raise ValueError(f"no {self.world.noun} {strange[0]}")
        name = self.words.action(verb)
        count = len(self.world.domain.schemas[name].parameters)
        if len(arguments) != count:
            raise ValueError(f"needs {count} {self.world.noun}{'s' * (count > 1)}")
        move = operator(self.world.domain, name, arguments)
        missing = unmet(self.state, move)
        if missing is not None:
            raise ValueError(self.words.why_not(self.state, missing))
        return move


def read_moves(text: str, words: Telling) -> list[str]:
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
