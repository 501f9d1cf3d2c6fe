"""Program: run a straight-line program in the head, and say what a variable holds at the end.

It trains execution (skills): no step is hard, but each needs the one before, and an error anywhere
is an error at the end. Over long horizons that is what limits models ("The Illusion of Diminishing
Returns", arXiv 2509.09677); `lines_per_turn` gives the program out bit by bit, as there.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from forethought.envs.card import Card
from forethought.envs.suite.puzzles.puzzle import Puzzle
from forethought.envs.suite.puzzles.question import Family, Question

_NAMES = "abcdefg"
_IDLE_NAMES = "xyz"


def draw_program(rng: np.random.Generator, *, horizon: int, difficulty: int) -> Question:
    """A program of `horizon` assignments, each of which reads what the one before it set.

    Difficulty: larger numbers and more variables; from 3 on division and operands that are
    variables, from 4 on lines that change nothing that matters.
    """
    bound = 50 * difficulty * difficulty
    names = _NAMES[: difficulty + 2]
    last = names[0]
    values = {last: int(rng.integers(2, 20))}
    lines, steps = [f"{last} = {values[last]}"], []
    for _ in range(horizon):
        if difficulty >= 4 and rng.random() < 0.3:
            idle = _IDLE_NAMES[int(rng.integers(len(_IDLE_NAMES)))]
            lines.append(f"{idle} = {last} + {rng.integers(2, 20)}")
        other, number = _operand(rng, values, last, difficulty)
        sign, value = _operation(rng, values[last], number, bound=bound, difficulty=difficulty)
        target = names[int(rng.integers(len(names)))]
        lines.append(f"{target} = {last} {sign} {other}")
        steps.append(f"{target} = {values[last]} {sign} {number} = {value}")
        values[target], last = value, target
    head = f"Run the program (// rounds down, % is the remainder). What is {last} at the end?"
    return Question(
        family="program",
        head=head,
        lines=tuple(lines),
        answer=str(values[last]),
        plan=f"run the lines in order, note each value, read {last}",
        steps=tuple(steps),
        key=0,
    )


def _operand(
    rng: np.random.Generator, values: dict[str, int], last: str, difficulty: int
) -> tuple[str, int]:
    """The right-hand operand as it is written, and its value."""
    usable = [name for name, value in values.items() if name != last and value >= 2]
    if difficulty >= 3 and usable and rng.random() < 0.3:
        name = usable[int(rng.integers(len(usable)))]
        return name, values[name]
    number = int(rng.integers(2, 10 * difficulty))
    return str(number), number


def _operation(
    rng: np.random.Generator, left: int, right: int, *, bound: int, difficulty: int
) -> tuple[str, int]:
    """A sign and its result, which stays within 0..bound."""
    results = {"+": left + right, "*": left * right}
    if left > right:
        results["-"] = left - right
    if difficulty >= 3 and left > 2 * right:
        results["//"] = left // right
    allowed = {sign: value for sign, value in results.items() if value <= bound}
    if not allowed:
        return "%", left % right
    sign = list(allowed)[int(rng.integers(len(allowed)))]
    return sign, allowed[sign]


PROGRAM = Family(
    name="program", draw=draw_program, guess=lambda rng, question: str(rng.integers(100))
)


class Program(Puzzle):
    """Run a straight-line program in the head and say what a variable holds at the end."""

    families = (PROGRAM,)
    card: ClassVar[Card] = Card(
        traits=("skills",),
        horizon_unit="assignments",
        horizons=(1, 256),
        usual_horizons=(2, 4, 8, 16),
        floor=0.02,
        source="The Illusion of Diminishing Returns (arXiv 2509.09677)",
    )
