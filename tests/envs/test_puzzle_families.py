"""Each family against another way to its answer: Python itself, elimination, or all cases."""

from __future__ import annotations

import itertools
import operator
import re
from collections.abc import Callable
from datetime import date
from fractions import Fraction

import numpy as np
import pytest

from forethought.envs.suite.puzzles.countdown import COUNTDOWN, makes, value_of
from forethought.envs.suite.puzzles.dates import DATES
from forethought.envs.suite.puzzles.equations import EQUATIONS
from forethought.envs.suite.puzzles.families import FAMILIES, KEYED
from forethought.envs.suite.puzzles.knights import KNIGHTS, names_knights
from forethought.envs.suite.puzzles.listops import LISTOPS, applied
from forethought.envs.suite.puzzles.program import PROGRAM
from forethought.envs.suite.puzzles.question import Family, Question
from forethought.envs.suite.puzzles.seating import SEATING
from forethought.envs.suite.puzzles.tolls import TOLLS, greedy_total, least_totals

DIFFICULTIES = range(1, 6)
SIGNS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
}


def drawn(family: Family, *, horizon: int, difficulty: int, num: int = 12) -> list[Question]:
    rng = np.random.default_rng(100 * horizon + difficulty)
    return [family.draw(rng, horizon=horizon, difficulty=difficulty) for _ in range(num)]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_a_step_of_the_solution_for_each_of_the_horizon(family: Family, difficulty: int) -> None:
    for question in drawn(family, horizon=7, difficulty=difficulty):
        assert family.is_right(question.answer, question)
        if family not in (TOLLS, KNIGHTS):
            assert len(question.steps) == 7


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_programs_end_as_python_reckons(difficulty: int) -> None:
    for question in drawn(PROGRAM, horizon=20, difficulty=difficulty):
        values: dict[str, int] = {}
        for line in question.lines:
            target, _, first, *rest = line.split()
            left, *right = (
                values[part] if part in values else int(part) for part in (first, *rest[1:])
            )
            values[target] = SIGNS[rest[0]](left, right[0]) if rest else left
        asked = question.head.split("What is ")[1][0]
        assert question.answer == str(values[asked])
        assert all(0 <= value <= 50 * difficulty**2 + 20 for value in values.values())


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_equations_have_the_one_solution_that_elimination_finds(difficulty: int) -> None:
    for question in drawn(EQUATIONS, horizon=6, difficulty=difficulty):
        asked = question.head.split("What is ")[1].rstrip("?")
        known: dict[str, Fraction] = {}
        rows = [read_equation(line) for line in question.lines]
        while len(known) < 6:
            terms, right = next(
                (terms, right) for terms, right in rows if len(terms.keys() - known.keys()) == 1
            )
            (new,) = terms.keys() - known.keys()
            rest = sum((terms[name] * known[name] for name in terms.keys() & known), Fraction(0))
            known[new] = (right - rest) / terms[new]
        assert question.answer == str(known[asked])
        assert all(value.denominator == 1 for value in known.values())


def read_equation(line: str) -> tuple[dict[str, int], int]:
    left, right = line.split(" = ")
    terms: dict[str, int] = {}
    total = int(right)
    for part in re.findall(r"-?[^-+]+", left.replace(" ", "")):
        factor, _, name = part.partition("*")
        if name:
            terms[name] = int(factor)
        else:
            total -= int(factor)
    return terms, total


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_what_knights_and_knaves_say_leaves_one_solution(difficulty: int) -> None:
    for question in drawn(KNIGHTS, horizon=6, difficulty=difficulty):
        said = [line.rstrip(".").split(": ") for line in question.lines]
        people = question.head.split("false: ")[1].split(". Who")[0].split(", ")
        consistent = [
            sorted(name for name in people if case[name])
            for bits in itertools.product((False, True), repeat=len(people))
            for case in [dict(zip(people, bits, strict=True))]
            if all(case[who] == is_true(text, who, case) for who, text in said)
        ]
        assert [", ".join(knights) for knights in consistent] == [question.answer]


def is_true(text: str, speaker: str, is_knight: dict[str, bool]) -> bool:
    words = text.split()
    if text.startswith("at least one of"):
        return not (is_knight[words[4]] and is_knight[speaker])
    if text.endswith("are both knaves"):
        return not (is_knight[words[0]] or is_knight[speaker])
    if "of the same kind" in text:
        return is_knight[words[0]] == is_knight[words[2]]
    if "of different kinds" in text:
        return is_knight[words[0]] != is_knight[words[2]]
    return is_knight[words[0]] == (words[-1] == "knight")


@pytest.mark.parametrize(
    ("answer", "right"),
    [("Ben, Ada", True), ("Ada,Ben", True), ("Ada", False), ("Ada, Ben, Ben", False)],
)
def test_knights_are_named_in_any_order_each_once(answer: str, right: bool) -> None:
    question = drawn(KNIGHTS, horizon=2, difficulty=1)[0]
    assert names_knights(answer, question.model_copy(update={"answer": "Ada, Ben"})) is right


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_clues_leave_one_seat_for_the_one_asked_for(difficulty: int) -> None:
    for question in drawn(SEATING, horizon=3, difficulty=difficulty, num=6):
        num_seats = int(question.head.split("1 to ")[1].split()[0])
        asked = question.head.split("seat is ")[1].rstrip("?")
        people = sorted({line.split()[0] for line in question.lines})
        found = {
            seats[asked]
            for order in itertools.permutations(range(1, num_seats + 1), len(people))
            for seats in [dict(zip(people, order, strict=True))]
            if all(holds(line, seats) for line in question.lines)
        }
        assert found == {int(question.answer)}


def holds(clue: str, seats: dict[str, int]) -> bool:
    words = clue.split()
    seat = seats[words[0]]
    if "in seat" in clue:
        return seat == int(words[-1])
    if "next to" in clue:
        return abs(seat - seats[words[-1]]) == 1
    if "halfway" in clue:
        return 2 * seat == seats[words[-1]] + seats[words[-3]]
    distance = int(words[2]) * (1 if "right" in clue else -1)
    return seat == seats[words[-1]] + distance


def test_the_least_toll_is_that_of_the_best_of_all_ways() -> None:
    grid = [[1, 1, 9], [4, 9, 9], [1, 1, 1]]
    assert least_totals(grid)[-1][-1] == 8
    assert greedy_total(grid) == 21
    for question in drawn(TOLLS, horizon=6, difficulty=3):
        rows = [[int(toll) for toll in line.split()] for line in question.lines]
        downs = itertools.combinations(range(6), len(rows) - 1)
        assert question.answer == str(min(walked(rows, set(steps)) for steps in downs))


def walked(rows: list[list[int]], downs: set[int]) -> int:
    row = column = 0
    total = rows[0][0]
    for step in range(len(rows) + len(rows[0]) - 2):
        row, column = (row + 1, column) if step in downs else (row, column + 1)
        total += rows[row][column]
    return total


def test_most_grids_defeat_the_greedy_way() -> None:
    questions = drawn(TOLLS, horizon=6, difficulty=2, num=50)
    rows = [[[int(toll) for toll in line.split()] for line in q.lines] for q in questions]
    beaten = [greedy_total(grid) > least_totals(grid)[-1][-1] for grid in rows]
    assert sum(beaten) >= 45


def test_dates_follow_the_calendar() -> None:
    questions = [q for d in DIFFICULTIES for q in drawn(DATES, horizon=30, difficulty=d)]
    names = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    for question in questions:
        day = date.fromisoformat(question.lines[0].removeprefix("start: "))
        for line, step in zip(question.lines[1:], question.steps, strict=True):
            after = date.fromisoformat(step.rsplit(": ", 1)[1])
            if "next" in line:
                assert 1 <= (after - day).days <= 7
                assert names[after.weekday()] == line.split()[4]
            elif "last day" in line:
                assert (after.year, after.month) == (day.year, day.month)
                assert date.fromordinal(after.toordinal() + 1).day == 1
            elif "working" in line:
                passed = range(day.toordinal() + 1, after.toordinal() + 1)
                worked = sum(date.fromordinal(number).weekday() < 5 for number in passed)
                assert worked == int(line.split()[1])
                assert after.weekday() < 5
            else:
                days = int(line.split()[1]) * (7 if "weeks" in line else 1)
                assert (after - day).days == (days if line.endswith("ahead") else -days)
            day = after
        assert question.answer == str(day)


def test_lists_are_changed_as_told() -> None:
    told = {
        "reverse": "9 2 5 4",
        "swap the first and the last": "9 5 2 4",
        "sort, smallest first": "2 4 5 9",
        "double the odd ones": "4 10 2 18",
        "swap neighbours: 1st with 2nd, 3rd with 4th ...": "5 4 9 2",
        "halve the even ones": "2 5 1 9",
        "replace each but the first by its sum with the one before it": "4 9 7 11",
        "replace each by its remainder by 10": "4 5 2 9",
    }
    assert {name: applied([4, 5, 2, 9], name, 1) for name in told} == {
        name: [int(item) for item in result.split()] for name, result in told.items()
    }
    assert applied([4, 5, 2, 9], "move the first {k} to the end", 3) == [9, 4, 5, 2]
    assert applied([4, 5, 2, 9], "add {k} to each", 3) == [7, 8, 5, 12]
    for question in drawn(LISTOPS, horizon=100, difficulty=5):
        assert max(int(item) for step in question.steps for item in step.split()) <= 4 * 99


@pytest.mark.parametrize(
    ("expression", "right"),
    [
        ("(3 + 4) * 2", True),
        ("2*(4+3)", True),
        ("2 * 7", False),
        ("2 * (3 + 4) + 0", False),
        ("3 + 4 + 2", False),
        ("((2) * ((4) + 3))", True),
        ("2 * (3 - -4)", False),
        ("2 ** 3 + 4", False),
        ("2 // 3 + 4", False),
        ("2 * (3 + 4", False),
        ("4 / (3 - 3)", False),
        ("14", False),
        ("__import__('os').abort() or 2*(3+4)", False),
        ("2 (3 + 4) *", False),
        ("(" * 300 + "2*(3+4)" + ")" * 300, False),
        ("", False),
    ],
)
def test_countdown_accepts_whatever_makes_the_number_of_the_numbers(
    expression: str, right: bool
) -> None:
    question = drawn(COUNTDOWN, horizon=2, difficulty=1)[0]
    assert makes(expression, question.model_copy(update={"numbers": (2, 3, 4, 14)})) is right


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("2 * (3 + 4); 1", "numbers, . - . / and parentheses, nothing else"),
        ("2 * 3", "each number is to be used exactly once"),
        ("2 * (3 - -4)", "each sign stands between two operands"),
        ("2 3 * 4 +", "this is no expression: SyntaxError"),
        ("2 * (3 + 4)" + " " * 200, "211 characters is too long"),
        ("2 (3 * + 4)", "the signs . - . / alone"),
    ],
)
def test_an_expression_that_is_none_is_refused_with_the_reason(
    expression: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        value_of(expression, [2, 3, 4])


def test_values_of_expressions_are_exact() -> None:
    assert value_of("1 / 3 * 3", [1, 3, 3]) == 1
    assert value_of("8 / (3 - 8 / 3)", [8, 3, 8, 3]) == 24


@pytest.mark.parametrize("family", KEYED, ids=lambda family: family.name)
def test_the_key_line_is_where_all_begins(family: Family) -> None:
    starts = (r"[a-z] = \d+$", r"-?\d+\*x\d+ [+-] \d+ = ", r"start: ", r"\w+ sits in seat \d+$")
    for question in drawn(family, horizon=5, difficulty=4):
        if question.key is not None:
            assert any(re.match(start, question.lines[question.key]) for start in starts)
