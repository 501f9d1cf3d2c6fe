"""Any STRIPS world in words: its own, others that mean something else, or letters without meaning.

Renamed worlds keep all rules and lose all hints: what remains is to plan, not to remember
(PlanBench's "mystery" domains, deceptive and randomised; arXiv 2206.10498).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Literal, get_args

import numpy as np

from forethought.envs.suite.planning.strips import Atom, Domain, Operator, Problem, Schema, State
from forethought.envs.suite.planning.words import MYSTERY

Naming = Literal["plain", "deceptive", "random"]

_LETTERS = "XYZVWU"
_RANDOM_CHARS = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """How the actions and predicates of a domain are called."""

    domain: Domain
    words: Mapping[str, str]
    """A word for each action and each predicate of the domain."""
    unsaid: frozenset[str] = frozenset()
    """Predicates that need no telling, such as types that names give away."""
    landmarks: frozenset[str] = frozenset()
    """Actions by whose outcomes a plan is told."""

    @property
    def verbs(self) -> tuple[str, ...]:
        """The words that are actions."""
        return tuple(self.words[name] for name in self.domain.schemas)

    @property
    def example(self) -> str:
        """A move to show how moves are written."""
        schema = next(iter(self.domain.schemas.values()))
        return " ".join((self.words[schema.name], *_LETTERS[: len(schema.parameters)]))

    @property
    def rules(self) -> str:
        """The actions with all that they need and do, one a line."""
        return "\n".join(self._rule(schema) for schema in self.domain.schemas.values())

    def action(self, verb: str) -> str:
        """The action's name in the domain. Raises KeyError for another word."""
        return {self.words[name]: name for name in self.domain.schemas}[verb]

    def move(self, action: Operator) -> str:
        """`board c0 p1`."""
        return " ".join((self.words[action.name], *action.arguments))

    def atom(self, atom: Atom) -> str:
        """`c0 at p1`, `p1 port` or `empty`."""
        predicate, *arguments = atom
        return " ".join((*arguments[:1], self.words[predicate], *arguments[1:]))

    def facts(self, init: State) -> str:
        """What no action changes."""
        return self._grouped(init, changing=False)

    def state(self, state: State) -> str:
        """What actions change: `c0 c3 at p1; ferry-at p0`."""
        return self._grouped(state, changing=True)

    def goal(self, goal: State) -> str:
        """`c0 c1 at p2; c3 at p0`."""
        return self._grouped(goal, changing=True)

    def plan(self, moves: Sequence[Operator]) -> str:
        """`plan: c0 at p2; c3 at p0`: what the landmarks among the moves bring about, in order."""
        reached = (min(move.add, key=by_number) for move in moves if move.name in self.landmarks)
        return f"plan: {'; '.join(self.atom(atom) for atom in reached)}"

    def why_not(self, state: State, missing: Atom) -> str:
        """What stands against a move whose precondition `missing` does not hold."""
        return f"not {self.atom(missing)}"

    def _rule(self, schema: Schema) -> str:
        letters = dict(zip(schema.parameters, _LETTERS, strict=False))

        def told(atoms: Iterable[Atom]) -> str:
            shown = (atom for atom in atoms if atom[0] not in self.unsaid)
            return ", ".join(self.atom((a[0], *(letters[x] for x in a[1:]))) for a in shown)

        head = " ".join((self.words[schema.name], *letters.values()))
        ends = f"; ends {told(schema.delete)}" if schema.delete else ""
        return f"{head}: needs {told(schema.precondition)}; gives {told(schema.add)}{ends}"

    def _grouped(self, atoms: State, *, changing: bool) -> str:
        """Atoms that differ in their first object alone are told at once."""
        groups: dict[tuple[str, ...], list[str]] = {}
        wanted = self.domain.changing() if changing else self.words.keys() - self.domain.changing()
        for atom in sorted(atoms, key=by_number):
            if atom[0] in wanted - self.unsaid:
                first = groups.setdefault((atom[0], *atom[2:]), [])
                first.extend(atom[1:2])
        return "; ".join(
            " ".join((*first, self.words[predicate], *rest))
            for (predicate, *rest), first in groups.items()
        )


def by_number(atom: Atom) -> tuple[str, list[tuple[int, str]]]:
    """Sort key for atoms: c2 comes before c10."""
    return atom[0], [(len(name), name) for name in reversed(atom[1:])]


def require_naming(naming: Naming) -> Naming:
    """The same, if there is such a one. Raises ValueError."""
    if naming not in get_args(Naming):
        raise ValueError(f"words is one of {', '.join(get_args(Naming))}, not {naming!r}")
    return naming


def renamed(wording: Wording, naming: Naming, rng: np.random.Generator) -> Wording:
    """The same world in other words, all different; unsaid things are said, as names tell less."""
    if naming == "plain":
        return wording
    count = len(wording.words)
    if naming == "deceptive":
        drawn = [MYSTERY[int(pick)] for pick in rng.permutation(len(MYSTERY))[:count]]
    else:
        drawn = _random_words(count, rng)
    words = dict(zip(wording.words, drawn, strict=True))
    return Wording(domain=wording.domain, words=words, landmarks=wording.landmarks)


def anonymous(problem: Problem, rng: np.random.Generator) -> Problem:
    """The same problem with objects o0, o1, ... in random order."""
    order = rng.permutation(len(problem.objects))
    names = {name: f"o{int(order[i])}" for i, name in enumerate(problem.objects)}

    def moved(atoms: State) -> State:
        return frozenset((atom[0], *(names[item] for item in atom[1:])) for atom in atoms)

    return Problem(
        name=problem.name,
        objects=tuple(sorted(names.values(), key=lambda name: (len(name), name))),
        init=moved(problem.init),
        goal=moved(problem.goal),
    )


def _random_words(count: int, rng: np.random.Generator) -> list[str]:
    words: dict[str, None] = {}
    while len(words) < count:
        picks = rng.integers(0, len(ascii_lowercase), size=_RANDOM_CHARS)
        words["".join(ascii_lowercase[int(pick)] for pick in picks)] = None
    return list(words)
