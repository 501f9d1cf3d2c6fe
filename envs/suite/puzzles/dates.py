"""Dates: follow a series of jumps through the calendar and say on which day they end.

It trains skills: month lengths, leap years and weekdays, which models get wrong now and then and
which a chain of jumps does not forgive. The horizon is the number of jumps.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import ClassVar

import numpy as np

from forethought.envs.card import Card
from forethought.envs.suite.puzzles.puzzle import Puzzle
from forethought.envs.suite.puzzles.question import Family, Question

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_FIRST, _SPAN = date(1990, 1, 1), 22_000
_MIDDLE = _FIRST + timedelta(days=_SPAN // 2)
"""Jumps lead back to it, so that long chains stay within a few centuries."""
_KINDS = ("days", "weeks", "month", "weekday", "workdays")


def draw_dates(rng: np.random.Generator, *, horizon: int, difficulty: int) -> Question:
    """A day and `horizon` jumps.

    Difficulty: longer jumps; from 2 on ends of months, from 3 on weekdays, from 4 on working days.
    """
    day = _FIRST + timedelta(days=int(rng.integers(_SPAN)))
    lines, steps, last = [f"start: {day}"], [], ""
    for _ in range(horizon):
        usable = [kind for kind in _KINDS[: 1 + difficulty] if kind != last or kind == "days"]
        last = usable[int(rng.integers(len(usable)))]
        line, day = _jump(rng, day, last, difficulty)
        lines.append(line)
        steps.append(f"{line}: {day}")
    return Question(
        family="dates",
        head="Follow the jumps. On which day do they end? Answer like: 2024-02-29",
        lines=tuple(lines),
        answer=str(day),
        plan="take one jump at a time and write the day it leads to",
        steps=tuple(steps),
        key=0,
    )


def _jump(rng: np.random.Generator, day: date, kind: str, difficulty: int) -> tuple[str, date]:
    """A jump of a kind as it is said, and where it leads."""
    count = int(rng.integers(2, 12 * difficulty))
    is_back = rng.random() < (0.8 if day > _MIDDLE else 0.2)
    if kind == "month":
        return "go to the last day of that month", _month_end(day)
    if kind == "weekday":
        wanted = int(rng.integers(7))
        ahead = (wanted - day.weekday() - 1) % 7 + 1
        return f"go to the next {_DAYS[wanted]} after that day", day + timedelta(days=ahead)
    if kind == "workdays":
        count = min(count, 12)
        return f"go {count} working days (Monday to Friday) ahead", _workdays(day, count)
    length = timedelta(days=count * (7 if kind == "weeks" else 1))
    return f"go {count} {kind} {'back' if is_back else 'ahead'}", (
        day - length if is_back else day + length
    )


def _month_end(day: date) -> date:
    later = day.replace(day=28) + timedelta(days=4)
    return later.replace(day=1) - timedelta(days=1)


def _workdays(day: date, count: int) -> date:
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < 5
    return day


def _guess(rng: np.random.Generator, question: Question) -> str:
    """Any day."""
    return str(_FIRST + timedelta(days=int(rng.integers(_SPAN))))


DATES = Family(name="dates", draw=draw_dates, guess=_guess)


class Dates(Puzzle):
    """Follow a series of jumps through the calendar."""

    families = (DATES,)
    card: ClassVar[Card] = Card(
        traits=("skills",),
        horizon_unit="jumps",
        horizons=(1, 256),
        usual_horizons=(2, 3, 5, 8),
        floor=0.0,
        prompt_chars=12_000,
    )
