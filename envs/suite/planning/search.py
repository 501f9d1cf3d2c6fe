"""Search: the actions that a STRIPS problem offers, and a shortest plan through its states."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

from forethought.envs.suite.planning.strips import (
    NOT,
    Domain,
    Literal,
    Operator,
    Problem,
    Schema,
    State,
    bind,
    holds,
    operator,
    unmet,
)


def ground(domain: Domain, problem: Problem) -> list[Operator]:
    """Every action that types and the atoms no action changes do not rule out from the start."""
    changing = domain.changing()
    return [
        operator(domain, schema.name, arguments)
        for schema in domain.schemas.values()
        for arguments in _bindings(
            schema,
            [problem.fitting(kind, domain.hierarchy) for kind in schema.kinds],
            [each for each in schema.precondition if _predicate(each) not in changing],
            problem.init,
        )
    ]


def applicable(state: State, operators: Iterable[Operator]) -> list[Operator]:
    """Those of `operators` whose preconditions hold."""
    return [action for action in operators if unmet(state, action) is None]


def shortest_plan(
    domain: Domain, problem: Problem, *, max_states: int = 200_000
) -> list[Operator] | None:
    """A shortest plan by breadth-first search; None if there is none.

    Raises RuntimeError when `max_states` states were seen and the search is not over.
    """
    operators = ground(domain, problem)
    came: dict[State, tuple[State, Operator] | None] = {problem.init: None}
    queue = deque([problem.init])
    while queue:
        state = queue.popleft()
        if problem.is_solved(state):
            return _path(came, state)
        for action in operators:
            # Grounding has seen to equality already.
            if action.needs <= state and action.forbids.isdisjoint(state):
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
    schema: Schema, choices: Sequence[Sequence[str]], fixed: Sequence[Literal], init: State
) -> Iterator[tuple[str, ...]]:
    """Bind parameters one by one, giving up as soon as an unchanging literal is bound and false."""
    places = {name: place for place, name in enumerate(schema.parameters, start=1)}
    due: list[list[Literal]] = [[] for _ in range(len(places) + 1)]
    for literal in fixed:
        due[max(places.get(word, 0) for word in literal)].append(literal)

    def extend(binding: dict[str, str]) -> Iterator[tuple[str, ...]]:
        size = len(binding)
        if not all(holds(init, bind(literal, binding)) for literal in due[size]):
            return
        if size == len(places):
            yield tuple(binding.values())
            return
        for name in choices[size]:
            yield from extend({**binding, schema.parameters[size]: name})

    return extend({})


def _predicate(literal: Literal) -> str:
    return literal[1] if literal[0] == NOT else literal[0]
