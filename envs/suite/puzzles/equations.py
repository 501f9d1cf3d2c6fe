"""Equations: solve a linear system that comes apart one unknown at a time, in an order to find.

It trains skills and a little strategy: the equations are shuffled, so the first thing to do is to
see where to begin. The horizon is how many unknowns have to be found, each from the one before.
"""

from __future__ import annotations

from fractions import Fraction
from typing import ClassVar

import numpy as np

from forethought.envs.card import Card
from forethought.envs.suite.puzzles.puzzle import Puzzle
from forethought.envs.suite.puzzles.question import Family, Question


def draw_equations(rng: np.random.Generator, *, horizon: int, difficulty: int) -> Question:
    """`horizon` equations in as many unknowns, all whole numbers; the last one found is asked for.

    Difficulty: larger numbers; from 2 on the order is shuffled, from 3 on the names give no order
    away, from 4 on an equation may hold three unknowns.
    """
    size = 4 * difficulty
    order = np.arange(1, horizon + 1) if difficulty < 3 else rng.permutation(horizon) + 1
    names = [f"x{number}" for number in order]
    values = [int(value) for value in rng.integers(-size, size + 1, size=horizon)]
    slopes = [Fraction(1)]
    """How each unknown moves with the first, were it free."""
    lines, steps = [], []
    for index in range(horizon):
        terms = {index: _coefficient(rng, difficulty + 1)}
        for earlier in range(index - 1, max(index - 2 - (difficulty >= 4), -1), -1):
            terms[earlier] = _coefficient(rng, difficulty + 1)
        if index:
            moved = sum((c * slopes[at] for at, c in terms.items() if at != index), Fraction(0))
            slopes.append(-moved / terms[index])
        shift = _coefficient(rng, size) if index == 0 else 0
        right = sum(c * values[at] for at, c in terms.items()) + shift
        lines.append(f"{_sum(terms, names, shift)} = {right}")
        steps.append(f"{names[index]} = {values[index]}")
    shown = np.arange(horizon) if difficulty < 2 else rng.permutation(horizon)
    return Question(
        family="equations",
        head=f"All unknowns are whole numbers. What is {names[-1]}?",
        lines=tuple(lines[index] for index in shown),
        answer=str(values[-1]),
        plan=f"find the equation with one unknown, put it into the next, up to {names[-1]}",
        steps=tuple(steps),
        key=int(np.flatnonzero(shown == 0)[0]) if slopes[-1] else None,
    )


def _coefficient(rng: np.random.Generator, size: int) -> int:
    """A whole number from 2 to `size` + 1, or its negative."""
    return int(rng.integers(2, size + 2)) * (1 if rng.random() < 0.7 else -1)


def _sum(terms: dict[int, int], names: list[str], shift: int) -> str:
    """`3*x1 - 2*x4 + 7`."""
    parts = [(factor, f"*{names[at]}") for at, factor in terms.items()]
    parts += [(shift, "")] if shift else []
    text = " ".join(f"{'-' if factor < 0 else '+'} {abs(factor)}{name}" for factor, name in parts)
    return text[2:] if text.startswith("+") else f"-{text[2:]}"


EQUATIONS = Family(
    name="equations",
    draw=draw_equations,
    guess=lambda rng, question: str(rng.integers(-20, 21)),
)


class Equations(Puzzle):
    """Solve a linear system one unknown at a time, in an order to be found."""

    families = (EQUATIONS,)
    card: ClassVar[Card] = Card(
        traits=("skills", "strategy"),
        horizon_unit="unknowns",
        horizons=(1, 256),
        usual_horizons=(2, 3, 5, 8),
        floor=0.025,
        prompt_chars=12_000,
    )
