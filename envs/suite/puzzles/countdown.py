"""Countdown: make a number out of others, each used once; any expression that does it is right.

It trains strategy: there is no way to calculate the answer, it has to be searched for, and a start
that leads nowhere has to be given up. With TinyZero it became the small test of whether reasoning
is learnt from reward alone. The horizon is the number of operations.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import ClassVar

import numpy as np

from forethought.envs.card import Card
from forethought.envs.suite.puzzles.puzzle import Puzzle
from forethought.envs.suite.puzzles.question import Family, Question

_WRITTEN = re.compile(r"[0-9+\-*/() ]+")
_MAX_CHARS_PER_NUMBER = 40
_MAX_VALUE = 1000
_SIGNS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


def draw_countdown(rng: np.random.Generator, *, horizon: int, difficulty: int) -> Question:
    """`horizon` + 1 numbers, and one that they make; it is drawn from the solution backwards.

    Difficulty: larger numbers; from 2 on multiplication, from 3 on division may be needed.
    """
    numbers = [int(number) for number in rng.integers(1, 10 * difficulty + 1, size=horizon + 1)]
    pool = [(number, str(number)) for number in numbers]
    steps = []
    while len(pool) > 1:
        left, right = (pool.pop(int(rng.integers(len(pool)))) for _ in range(2))
        if left[0] < right[0]:
            left, right = right, left
        sign, value = _combined(rng, left[0], right[0], difficulty)
        steps.append(f"{left[0]} {sign} {right[0]} = {value}")
        pool.append((value, f"({left[1]} {sign} {right[1]})"))
    target, expression = pool[0]
    given = " ".join(map(str, numbers))
    return Question(
        family="countdown",
        head=(
            f"Make {target} from the numbers {given}: use each exactly once, with + - * / and "
            "parentheses. Answer with the expression alone."
        ),
        answer=expression[1:-1],
        plan=f"combine two numbers at a time until {target} is left",
        steps=tuple(steps),
        numbers=(*numbers, target),
    )


def _combined(rng: np.random.Generator, left: int, right: int, difficulty: int) -> tuple[str, int]:
    """A sign and its result for `left` >= `right` >= 1; the result is a positive whole number."""
    results = {"+": left + right} if left + right <= _MAX_VALUE else {}
    if left > right:
        results["-"] = left - right
    if difficulty >= 2 and right > 1 and left * right <= _MAX_VALUE:
        results["*"] = left * right
    if (difficulty >= 3 or not results) and left % right == 0:
        results["/"] = left // right
    sign = list(results)[int(rng.integers(len(results)))]
    return sign, results[sign]


def makes(expression: str, question: Question) -> bool:
    """Whether an expression makes the target and uses each number exactly once."""
    *numbers, target = question.numbers
    try:
        return value_of(expression, numbers) == target
    except (ValueError, ZeroDivisionError):
        return False


def value_of(expression: str, numbers: Sequence[int]) -> Fraction:
    """The exact value of an expression over `numbers`, each used exactly once.

    The text is parsed, never evaluated by Python: what is not a number of the list, one of four
    signs between two operands, or a parenthesis is refused with ValueError. Numbers and signs are
    counted before anything is parsed, so its size is bounded. Raises ZeroDivisionError.
    """
    if len(expression) > _MAX_CHARS_PER_NUMBER * len(numbers):
        raise ValueError(f"an expression of {len(expression)} characters is too long")
    if not _WRITTEN.fullmatch(expression):
        raise ValueError("an expression has numbers, + - * / and parentheses, nothing else")
    used = sorted(re.findall(r"\d+", expression))
    if used != sorted(map(str, numbers)):
        raise ValueError("each number is to be used exactly once")
    if len(re.findall(r"[+\-*/]", expression)) != len(numbers) - 1:
        raise ValueError("each sign stands between two operands")
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"this is no expression: {type(error).__name__}") from None
    return _value(tree.body)


def _value(node: ast.expr) -> Fraction:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return Fraction(node.value)
    if not isinstance(node, ast.BinOp) or type(node.op) not in _SIGNS:
        raise ValueError("an expression has numbers and the signs + - * / alone")
    left, right = _value(node.left), _value(node.right)
    sign = _SIGNS[type(node.op)]
    if sign == "+":
        return left + right
    if sign == "-":
        return left - right
    return left * right if sign == "*" else left / right


def _guess(rng: np.random.Generator, question: Question) -> str:
    """The numbers in random order with random signs."""
    numbers = [int(number) for number in rng.permutation(question.numbers[:-1])]
    signs = ["+-*"[int(index)] for index in rng.integers(3, size=len(numbers) - 1)]
    later = (f"{sign} {number}" for sign, number in zip(signs, numbers[1:], strict=True))
    return " ".join([str(numbers[0]), *later])


COUNTDOWN = Family(name="countdown", draw=draw_countdown, guess=_guess, is_right=makes)


class Countdown(Puzzle):
    """Make a number out of others, each used once; any expression that does it is right."""

    families = (COUNTDOWN,)
    card: ClassVar[Card] = Card(
        traits=("skills", "strategy"),
        horizon_unit="operations",
        horizons=(1, 256),
        usual_horizons=(2, 3, 4, 5),
        floor=0.015,
        source="the TV game; as a test of learning to reason, TinyZero (Jiayi-Pan/TinyZero)",
    )
