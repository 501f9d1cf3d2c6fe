"""STRIPS planning (Fikes & Nilsson 1971): an exact simulator and a shortest plan.

A state is the set of ground atoms that hold. An action needs some, adds some, deletes some; where
it both deletes and adds an atom, the atom holds afterwards.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Atom: TypeAlias = tuple[str, ...]
"""Predicate and objects: ("on", "a", "b")."""
State: TypeAlias = frozenset[Atom]


@dataclass(frozen=True, kw_only=True, slots=True)
class Schema:
    """An action with parameters; its atoms may name them (`?x`)."""

    name: str
    parameters: tuple[str, ...]
    precondition: tuple[Atom, ...]
    add: tuple[Atom, ...]
    delete: tuple[Atom, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Operator:
    """An action on named objects."""

    name: str
    arguments: tuple[str, ...]
    precondition: tuple[Atom, ...]
    """In the order of the domain file, so that the first unmet one can be told."""
    needs: State
    add: State
    delete: State

    def __str__(self) -> str:
        return f"({' '.join((self.name, *self.arguments))})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Domain:
    """What can be done."""

    name: str
    schemas: Mapping[str, Schema]

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
    precondition = tuple(_bind(atom, binding) for atom in schema.precondition)
    return Operator(
        name=name,
        arguments=tuple(arguments),
        precondition=precondition,
        needs=frozenset(precondition),
        add=frozenset(_bind(atom, binding) for atom in schema.add),
        delete=frozenset(_bind(atom, binding) for atom in schema.delete),
    )


def read_operator(domain: Domain, text: str) -> Operator:
    """An action written as `(unstack b a)`, with or without the parentheses."""
    words = text.lower().strip().strip("()").split()
    if not words:
        raise ValueError(f"{text!r} is no action; write (name object ...)")
    return operator(domain, words[0], words[1:])


def unmet(state: State, action: Operator) -> Atom | None:
    """The first precondition that does not hold; None when the action is applicable."""
    return next((atom for atom in action.precondition if atom not in state), None)


def apply(state: State, action: Operator) -> State:
    """The state after an action. Raises ValueError if it is not applicable."""
    missing = unmet(state, action)
    if missing is not None:
        raise ValueError(f"{action} needs ({' '.join(missing)}), which does not hold")
    return (state - action.delete) | action.add


def valid_plan(domain: Domain, problem: Problem, plan: Iterable[str]) -> Verdict:
    """Run a plan of `(name object ...)` steps from the start and compare with the goal."""
    state = problem.init
    known = set(problem.objects)
    step = -1
    for step, text in enumerate(plan):
        try:
            action = read_operator(domain, text)
            strange = [name for name in action.arguments if name not in known]
            if strange:
                raise ValueError(f"{action} names {strange[0]!r}, no object of the problem")
            state = apply(state, action)
        except ValueError as error:
            return Verdict(valid=False, step=step, reason=f"step {step + 1}: {error}")
    missing = sorted(problem.goal - state)
    if missing:
        return Verdict(
            valid=False,
            step=step + 1,
            reason=f"after {step + 1} steps the goal ({' '.join(missing[0])}) does not hold",
        )
    return Verdict(valid=True)


def ground(domain: Domain, objects: Sequence[str], init: State) -> list[Operator]:
    """Every action on `objects` that the atoms no action changes do not rule out from the start."""
    changing = domain.changing()
    return [
        operator(domain, schema.name, arguments)
        for schema in domain.schemas.values()
        for arguments in _bindings(schema, objects, init, changing)
    ]


def applicable(state: State, operators: Iterable[Operator]) -> list[Operator]:
    """Those of `operators` whose preconditions hold."""
    return [action for action in operators if action.needs <= state]


def shortest_plan(
    domain: Domain, problem: Problem, *, max_states: int = 200_000
) -> list[Operator] | None:
    """A shortest plan by breadth-first search; None if there is none.

    Raises RuntimeError when `max_states` states were seen and the search is not over.
    """
    operators = ground(domain, problem.objects, problem.init)
    came: dict[State, tuple[State, Operator] | None] = {problem.init: None}
    queue = deque([problem.init])
    while queue:
        state = queue.popleft()
        if problem.goal <= state:
            return _path(came, state)
        for action in operators:
            if action.needs <= state:
                after = (state - action.delete) | action.add
                if after not in came:
                    came[after] = (state, action)
                    queue.append(after)
        if len(came) > max_states:
            raise RuntimeError(f"no plan for {problem.name!r} among {max_states} states")
    return None


def _path(came: Mapping[State, tuple[State, Operator] | None], state: State) -> list[Operator]:
    steps: list[Operator] = []
    while (previous := came[state]) is not None:
        state, action = previous
        steps.append(action)
    return steps[::-1]


def _bindings(
    schema: Schema, objects: Sequence[str], init: State, changing: frozenset[str]
) -> Iterator[tuple[str, ...]]:
    """Bind parameters one by one, giving up as soon as an unchanging atom is bound and false."""
    fixed = [atom for atom in schema.precondition if atom[0] not in changing]

    def extend(binding: dict[str, str]) -> Iterator[tuple[str, ...]]:
        bound = (atom for atom in fixed if all(a in binding or a[0] != "?" for a in atom[1:]))
        if any(_bind(atom, binding) not in init for atom in bound):
            return
        if len(binding) == len(schema.parameters):
            yield tuple(binding.values())
            return
        parameter = schema.parameters[len(binding)]
        for name in objects:
            yield from extend({**binding, parameter: name})

    return extend({})


def _bind(atom: Atom, binding: Mapping[str, str]) -> Atom:
    return (atom[0], *(binding.get(argument, argument) for argument in atom[1:]))
