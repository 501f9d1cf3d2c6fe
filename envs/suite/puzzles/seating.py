"""Seating: who sits where in a row follows from clues, one after the other.

It trains strategy within a small constraint puzzle: the clues are shuffled, some can only be used
once others have closed off a seat, and so the order of conclusions has to be found. The horizon is
the number of people that have to be placed after the first.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from forethought.envs.card import Card
from forethought.envs.suite.puzzles.puzzle import Puzzle
from forethought.envs.suite.puzzles.question import Family, Question

_NAMES = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def draw_seating(rng: np.random.Generator, *, horizon: int, difficulty: int) -> Question:
    """`horizon` + 1 people in a row with free seats; the seat of the last one is asked for.

    Difficulty: from 2 on the clues are shuffled, from 3 on there are clues that are certain only
    once a neighbouring seat is taken, from 4 on clues about two others.
    """
    num_seats = 2 * horizon + 6
    people = _people(rng, horizon + 1)
    seats = {people[0]: int(rng.integers(1, num_seats + 1))}
    clues, steps = [f"{people[0]} sits in seat {seats[people[0]]}"], []
    for number in range(1, len(people)):
        new, before = people[number], people[:number]
        seats[new], clue = _clue(rng, new, before, seats, num_seats, difficulty)
        clues.append(clue)
        steps.append(f"{clue}: seat {seats[new]}")
    order = rng.permutation(len(clues)) if difficulty >= 2 else np.arange(len(clues))
    # Moved by a seat as a whole they would keep all other clues, if there is a seat to move to.
    can_move = min(seats.values()) > 1 or max(seats.values()) < num_seats
    return Question(
        family="seating",
        head=(
            f"{len(people)} people sit in a row of seats numbered 1 to {num_seats} from left to "
            f"right, nobody in the seat of another. In which seat is {people[-1]}?"
        ),
        lines=tuple(clues[index] for index in order),
        answer=str(seats[people[-1]]),
        plan=f"begin with the known seat, take the clues that follow from it, up to {people[-1]}",
        steps=tuple(steps),
        key=int(np.flatnonzero(order == 0)[0]) if can_move else None,
    )


def _clue(
    rng: np.random.Generator,
    new: str,
    before: list[str],
    seats: dict[str, int],
    num_seats: int,
    difficulty: int,
) -> tuple[int, str]:
    """A free seat for `new`, and a clue that with the seats taken so far leaves no other."""
    last, taken = before[-1], set(seats.values())
    at = seats[last]

    def free(first: int, final: int) -> list[int]:
        inside = range(max(first, 1), min(final, num_seats) + 1)
        return [seat for seat in inside if seat not in taken]

    beside = free(at - 1, at + 1)
    if difficulty >= 3 and len(beside) == 1 and rng.random() < 0.6:
        return beside[0], f"{new} sits next to {last}"
    if difficulty >= 4 and len(before) > 1 and rng.random() < 0.5:
        for other in rng.permutation(before[:-1])[:8]:
            middle, odd = divmod(at + seats[str(other)], 2)
            if not odd and free(middle, middle):
                return middle, f"{new} sits exactly halfway between {other} and {last}"
    reach = 2 + 2 * difficulty
    near = free(at - reach, at + reach) or free(1, num_seats)
    seat = near[int(rng.integers(len(near)))]
    distance = seat - at
    where = "right" if distance > 0 else "left"
    return seat, f"{new} sits {abs(distance)} to the {where} of {last}"


def _people(rng: np.random.Generator, num: int) -> list[str]:
    names = [str(name) for name in rng.permutation(_NAMES)][:num]
    return names + [f"P{number}" for number in range(len(names) + 1, num + 1)]


def _guess(rng: np.random.Generator, question: Question) -> str:
    """Any seat."""
    num_seats = int(question.head.split("numbered 1 to ")[1].split()[0])
    return str(rng.integers(1, num_seats + 1))


SEATING = Family(name="seating", draw=draw_seating, guess=_guess)


class Seating(Puzzle):
    """Tell from clues in which seat of a row somebody sits."""

    families = (SEATING,)
    card: ClassVar[Card] = Card(
        traits=("skills", "strategy"),
        horizon_unit="people to place",
        horizons=(1, 256),
        usual_horizons=(3, 5, 8, 12),
        floor=0.08,
        prompt_chars=12_000,
    )
