"""Tolls: the cheapest way through a grid, where the cheapest next step is not on it.

It trains strategy: the greedy way loses, so the tolls further on have to be looked at before the
first step is made (a shortest path by dynamic programming). The horizon is the number of steps.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from forethought.envs.card import Card
from forethought.envs.suite.puzzles.puzzle import Puzzle
from forethought.envs.suite.puzzles.question import Family, Question

Grid = list[list[int]]

_MAX_TOLL = 9
_DRAWS = 8
"""Grids looked at for one in which the greedy way loses; small ones may have none."""


def draw_tolls(rng: np.random.Generator, *, horizon: int, difficulty: int) -> Question:
    """A grid that is crossed in exactly `horizon` steps.

    Difficulty: more rows, which are more ways to choose from.
    """
    num_rows = min(difficulty + 1, horizon // 2 + 1)
    num_columns = horizon - num_rows + 2
    for _ in range(_DRAWS):
        grid = rng.integers(1, _MAX_TOLL + 1, size=(num_rows, num_columns)).tolist()
        least = least_totals(grid)
        if greedy_total(grid) > least[-1][-1]:
            break
    return Question(
        family="tolls",
        head=(
            "Go from the top left to the bottom right of the grid, each step right or down. Each "
            "number is the toll of its field, first and last included. What is the least total?"
        ),
        lines=tuple(" ".join(map(str, row)) for row in grid),
        answer=str(least[-1][-1]),
        plan="for each field the least total up to it: its toll and the lesser of above and left",
        steps=tuple(f"row {at}: {' '.join(map(str, row))}" for at, row in enumerate(least, 1)),
    )


def least_totals(grid: Grid) -> Grid:
    """The least total from the top left to each field, the field itself included."""
    totals: Grid = []
    for row in grid:
        found: list[int] = []
        for column, toll in enumerate(row):
            before = [*found[-1:], *([totals[-1][column]] if totals else [])]
            found.append(toll + min(before, default=0))
        totals.append(found)
    return totals


def greedy_total(grid: Grid) -> int:
    """What the way costs that always takes the cheaper next field; right if they are equal."""
    row = column = 0
    total = grid[0][0]
    while (row, column) != (len(grid) - 1, len(grid[0]) - 1):
        right = grid[row][column + 1] if column + 1 < len(grid[0]) else _MAX_TOLL + 1
        down = grid[row + 1][column] if row + 1 < len(grid) else _MAX_TOLL + 1
        row, column = (row, column + 1) if right <= down else (row + 1, column)
        total += grid[row][column]
    return total


def _guess(rng: np.random.Generator, question: Question) -> str:
    """A total of random tolls."""
    grid = question.lines
    num_fields = len(grid) + len(grid[0].split()) - 1
    return str(int(rng.integers(1, _MAX_TOLL + 1, size=num_fields).sum()))


TOLLS = Family(name="tolls", draw=draw_tolls, guess=_guess)


class Tolls(Puzzle):
    """Find the least toll through a grid in which the cheapest next step misleads."""

    families = (TOLLS,)
    card: ClassVar[Card] = Card(
        traits=("skills", "strategy"),
        horizon_unit="steps of the way",
        horizons=(1, 256),
        usual_horizons=(4, 5, 6, 8),
        floor=0.05,
    )
