"""STRIPS planning (Fikes & Nilsson 1971): what can be done, and an exact simulator of it.

A state is the set of ground atoms that hold. An action needs some to hold and others not to, adds
some, deletes some; where it both deletes and adds an atom, the atom holds afterwards. Objects may
have types, which parameters then ask for; see `kinds`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from forethought.envs.suite.planning.kinds import ANYTHING, Hierarchy, Kind, told

Atom: TypeAlias = tuple[str, ...]
"""Predicate and objects: ("on", "a", "b")."""
Literal: TypeAlias = tuple[str, ...]
"""An atom, or ("=", "a", "b"), or the opposite of either: ("not", "on", "a", "b")."""
State: TypeAlias = frozenset[Atom]
NOT = "not"
EQUAL = "="


@dataclass(frozen=True, kw_only=True, slots=True)
class Schema:
    """An action with parameters; its atoms may name them (`?x`)."""

    name: str
    parameters: tuple[str, ...]
    kinds: tuple[Kind, ...]
    """What may stand for each parameter."""
    precondition: tuple[Literal, ...]
    add: tuple[Atom, ...]
    delete: tuple[Atom, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Operator:
    """An action on named objects."""

    name: str
    arguments: tuple[str, ...]
    precondition: tuple[Literal, ...]
    """In the order of the domain file, so that the first unmet one can be told."""
    needs: State
    forbids: State
    """Atoms that must not hold."""
    add: State
    delete: State

    def __str__(self) -> str:
        return f"({' '.join((self.name, *self.arguments))})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Domain:
    """What can be done."""

    name: str
    schemas: Mapping[str, Schema]
    hierarchy: Hierarchy = field(default_factory=Hierarchy)
    constants: Mapping[str, Kind] = field(default_factory=dict)
    """Objects that every problem has."""
    predicates: Mapping[str, tuple[Kind, ...]] | None = None
    """What may stand in each place of an atom; None where it was not said."""

    @property
    def is_typed(self) -> bool:
        """Whether an action takes some objects only."""
        return any(kind != ANYTHING for each in self.schemas.values() for kind in each.kinds)

    def changing(self) -> frozenset[str]:
        """Predicates that some action adds or deletes."""
        effects = (atom for each in self.schemas.values() for atom in (*each.add, *each.delete))
        return frozenset(atom[0] for atom in effects)


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Where to start and what to reach."""

    name: str
    objects: tuple[str, ...]
    init: State
    goal: State
    shunned: State = frozenset()
    """Atoms that must not hold in the end."""
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    """Types of objects; what is not in it is of no particular one."""

    def is_solved(self, state: State) -> bool:
        """Whether a state is as it should be in the end."""
        return self.goal <= state and self.shunned.isdisjoint(state)

    def fitting(self, kind: Kind, hierarchy: Hierarchy) -> Sequence[str]:
        """Objects that may stand where `kind` is asked for."""
        under = hierarchy.under(kind)
        if kind == ANYTHING:
            return self.objects
        return [name for name in self.objects if self.kinds.get(name, ANYTHING) <= under]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Whether a plan works; if not, the first step that does not and why."""

    valid: bool
    step: int | None = None
    """Index of the broken step; the plan's length when all steps ran but the goal is not met."""
    reason: str = ""


def operator(domain: Domain, name: str, arguments: Sequence[str]) -> Operator:
    """An action of the domain on named objects. Raises ValueError: unknown, or wrong arity."""
    schema = domain.schemas.get(name)
    if schema is None:
        raise ValueError(f"no action {name!r}; there are: {', '.join(sorted(domain.schemas))}")
    if len(arguments) != len(schema.parameters):
        raise ValueError(f"{name} takes {len(schema.parameters)} objects, not {len(arguments)}")
    binding = dict(zip(schema.parameters, arguments, strict=True))
    precondition = tuple(bind(literal, binding) for literal in schema.precondition)
    return Operator(
        name=name,
        arguments=tuple(arguments),
        precondition=precondition,
        needs=frozenset(each for each in precondition if each[0] not in (NOT, EQUAL)),
        forbids=frozenset(each[1:] for each in precondition if each[0] == NOT and each[1] != EQUAL),
        add=frozenset(bind(atom, binding) for atom in schema.add),
        delete=frozenset(bind(atom, binding) for atom in schema.delete),
    )


def read_operator(domain: Domain, text: str) -> Operator:
    """An action written as `(unstack b a)`, with or without the parentheses."""
    words = text.lower().strip().strip("()").split()
    if not words:
        raise ValueError(f"{text!r} is no action; write (name object ...)")
    return operator(domain, words[0], words[1:])


def unmet(state: State, action: Operator) -> Literal | None:
    """The first precondition that does not hold; None when the action is applicable."""
    return next((each for each in action.precondition if not holds(state, each)), None)


def holds(state: State, literal: Literal) -> bool:
    """Whether it is so in a state."""
    if literal[0] == NOT:
        return not holds(state, literal[1:])
    return literal[1] == literal[2] if literal[0] == EQUAL else literal in state


def shown(literal: Literal) -> str:
    """`(on a b)` or `(not (on a b))`."""
    if literal[0] == NOT:
        return f"(not {shown(literal[1:])})"
    return f"({' '.join(literal)})"


def apply(state: State, action: Operator) -> State:
    """The state after an action. Raises ValueError if it is not applicable."""
    missing = unmet(state, action)
    if missing is not None:
        raise ValueError(f"{action} needs {shown(missing)}, which does not hold")
    return (state - action.delete) | action.add


def misfit(domain: Domain, problem: Problem, action: Operator) -> tuple[str, str] | None:
    """An object of the action that its place is not for, and why; None if all may stand there."""
    for name, wanted in zip(action.arguments, domain.schemas[action.name].kinds, strict=True):
        kind = problem.kinds.get(name, ANYTHING)
        if not domain.hierarchy.is_a(kind, wanted):
            return name, f"is of type {told(kind)}, and {action.name} takes {told(wanted)} there"
    return None


def valid_plan(domain: Domain, problem: Problem, plan: Iterable[str]) -> Verdict:
    """Run a plan of `(name object ...)` steps from the start and compare with the goal."""
    state = problem.init
    step = -1
    for step, text in enumerate(plan):
        try:
            state = apply(state, _operator_of(domain, problem, text))
        except ValueError as error:
            return Verdict(valid=False, step=step, reason=f"step {step + 1}: {error}")
    missing = unreached(problem, state)
    if missing is not None:
        return Verdict(
            valid=False,
            step=step + 1,
            reason=f"after {step + 1} steps the goal {shown(missing)} does not hold",
        )
    return Verdict(valid=True)


def unreached(problem: Problem, state: State) -> Literal | None:
    """A part of the goal that does not hold; None if there is none."""
    missing = sorted(problem.goal - state)
    amiss = [(NOT, *atom) for atom in sorted(problem.shunned & state)]
    return next(iter(missing + amiss), None)


def bind(literal: Literal, binding: Mapping[str, str]) -> Literal:
    """A literal with objects in place of parameters."""
    return tuple(binding.get(word, word) for word in literal)


def _operator_of(domain: Domain, problem: Problem, text: str) -> Operator:
    """An action on objects of the problem that may stand in their places. Raises ValueError."""
    action = read_operator(domain, text)
    strange = [name for name in action.arguments if name not in problem.objects]
    if strange:
        raise ValueError(f"{action} names {strange[0]!r}, no object of the problem")
    wrong = misfit(domain, problem, action)
    if wrong is not None:
        raise ValueError(f"{action} does not fit: {' '.join(wrong)}")
    return action
