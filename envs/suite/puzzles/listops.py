"""List operations: apply a series of operations to a list of numbers and write what is left.

It trains execution (skills) on a state with several parts, all of which have to be carried along.
The horizon is the number of operations; each works on the result of the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import ClassVar

import numpy as np

from forethought.envs.card import Card
from forethought.envs.suite.puzzles.puzzle import Puzzle
from forethought.envs.suite.puzzles.question import Family, Question

Operation = Callable[[list[int], int], list[int]]

_OPERATIONS: Mapping[str, Operation] = {
    "reverse": lambda items, _: items[::-1],
    "swap the first and the last": lambda items, _: [items[-1], *items[1:-1], items[0]],
    "move the first {k} to the end": lambda items, k: items[k:] + items[:k],
    "sort, smallest first": lambda items, _: sorted(items),
    "add {k} to each": lambda items, k: [item + k for item in items],
    "double the odd ones": lambda items, _: [item * (1 + item % 2) for item in items],
    "swap neighbours: 1st with 2nd, 3rd with 4th ...": lambda items, _: _swapped(items),
    "halve the even ones": lambda items, _: [i // 2 if i % 2 == 0 else i for i in items],
    "replace each but the first by its sum with the one before it": lambda items, _: [
        items[0],
        *(one + other for one, other in pairwise(items)),
    ],
}
"""By how they are said; the later ones are the harder ones."""
_SMALLER = "replace each by its remainder by 10"
_MAX_ITEM = 99


def draw_listops(rng: np.random.Generator, *, horizon: int, difficulty: int) -> Question:
    """A list and `horizon` operations on it, the same never twice in a row.

    Difficulty: a longer list, and more and harder operations.
    """
    items = [int(item) for item in rng.integers(1, 10, size=3 + difficulty)]
    known = list(_OPERATIONS)[: 4 + difficulty]
    lines, steps, last = [f"start: {_written(items)}"], [], ""
    for _ in range(horizon):
        chosen = _SMALLER
        if max(items) <= _MAX_ITEM:
            others = [name for name in known if name != last]
            chosen = others[int(rng.integers(len(others)))]
        k = int(rng.integers(1, 1 + min(3 * difficulty, len(items) - 1)))
        items = applied(items, chosen, k)
        last = chosen
        lines.append(chosen.format(k=k))
        steps.append(_written(items))
    return Question(
        family="listops",
        head="Apply the operations in order. What is the list at the end? Answer like: 3 1 4",
        lines=tuple(lines),
        answer=_written(items),
        plan="apply one operation at a time and write the whole list after each",
        steps=tuple(steps),
        key=0,
    )


def applied(items: list[int], name: str, k: int) -> list[int]:
    """What the operation said as `name` makes of a list."""
    if name == _SMALLER:
        return [item % 10 for item in items]
    return _OPERATIONS[name](items, k)


def _swapped(items: list[int]) -> list[int]:
    result = list(items)
    for at in range(0, len(items) - 1, 2):
        result[at], result[at + 1] = items[at + 1], items[at]
    return result


def _written(items: list[int]) -> str:
    return " ".join(map(str, items))


def _guess(rng: np.random.Generator, question: Question) -> str:
    """So many small numbers."""
    return _written(rng.integers(10, size=len(question.answer.split())).tolist())


LISTOPS = Family(name="listops", draw=draw_listops, guess=_guess)


class Listops(Puzzle):
    """Apply a series of operations to a list of numbers."""

    families = (LISTOPS,)
    card: ClassVar[Card] = Card(
        traits=("skills",),
        horizon_unit="operations",
        horizons=(1, 256),
        usual_horizons=(2, 4, 6, 10),
        floor=0.0,
        prompt_chars=12_000,
    )
