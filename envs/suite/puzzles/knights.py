"""Knights and knaves: who always tells the truth and who always lies follows from what they say.

It trains logic (skills): truth and lie have to be kept apart over a chain of conclusions, each from
the one before (Smullyan, "What Is the Name of This Book?", 1978). The horizon is the number of
conclusions. There is exactly one solution, by construction.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np

from forethought.envs.card import Card
from forethought.envs.suite.puzzles.puzzle import Puzzle
from forethought.envs.suite.puzzles.question import Family, Question

NOBODY = "nobody"
_NAMES = (
    *("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hana", "Ivo", "Jan", "Kit", "Lea"),
    *("Max", "Nora", "Olaf", "Pia", "Quin", "Rosa", "Sam", "Tess", "Uwe", "Vera", "Will", "Zoe"),
)


class Said(NamedTuple):
    """One of them says something."""

    speaker: str
    text: str


def draw_knights(rng: np.random.Generator, *, horizon: int, difficulty: int) -> Question:
    """`horizon` + 1 people, one statement for each conclusion.

    Two are settled by what one says of both, each other by a statement that links them to someone
    settled. Difficulty: from 2 on the statements are shuffled, from 3 on they may be about two.
    """
    people = _people(rng, horizon + 1)
    is_knight = {people[0]: bool(rng.integers(2))}
    is_knight[people[1]] = not is_knight[people[0]]
    said = [_opening(people[0], people[1], is_knight[people[0]])]
    for number in range(2, len(people)):
        new = people[number]
        is_knight[new] = bool(rng.integers(2))
        said.append(_link(rng, new, people[:number], is_knight, difficulty))
    told = [f"{one.speaker}: {one.text}." for one in said]
    knights = ", ".join(sorted(name for name, honest in is_knight.items() if honest))
    lines = [told[index] for index in rng.permutation(len(told))] if difficulty >= 2 else told
    return Question(
        family="knights",
        head=(
            "Each is a knight, who says only what is true, or a knave, who says only what is "
            f"false: {', '.join(sorted(people))}. Who are the knights? Answer like: Ada, Ben "
            f"(or: {NOBODY})"
        ),
        lines=tuple(lines),
        answer=knights,
        plan="begin with the one who speaks of both, then go from one settled to the next",
        steps=tuple(f"{name}: {'knight' if is_knight[name] else 'knave'}" for name in people),
    )


def _people(rng: np.random.Generator, num: int) -> list[str]:
    names = [str(name) for name in rng.permutation(_NAMES)][:num]
    return names + [f"P{number}" for number in range(len(names) + 1, num + 1)]


def _opening(one: str, other: str, is_knight: bool) -> Said:
    """What a knight can say only if the other is a knave, or a knave only if he is a knight."""
    if is_knight:
        return Said(one, f"at least one of {other} and me is a knave")
    return Said(one, f"{other} and I are both knaves")


def _link(
    rng: np.random.Generator,
    new: str,
    settled: list[str],
    is_knight: dict[str, bool],
    difficulty: int,
) -> Said:
    """What settles `new`, given the last of those that are settled and perhaps another."""
    last = settled[-1]
    if difficulty >= 3 and rng.random() < 0.5:
        other = settled[int(rng.integers(len(settled) - 1))]
        speaker, about = (new, last) if rng.random() < 0.5 else (last, new)
        is_same = is_knight[about] == is_knight[other]
        claim = is_same == is_knight[speaker]
        kind = "the same kind" if claim else "different kinds"
        return Said(speaker, f"{about} and {other} are of {kind}")
    speaker, about = (new, last) if rng.random() < 0.5 else (last, new)
    claim = is_knight[about] == is_knight[speaker]
    return Said(speaker, f"{about} is a {'knight' if claim else 'knave'}")


def names_knights(answer: str, question: Question) -> bool:
    """Whether an answer names the knights, all and only, in any order, each once."""
    return sorted(_named(answer)) == sorted(_named(question.answer))


def _named(answer: str) -> list[str]:
    parts = [part.strip() for part in answer.split(",")]
    return [] if parts == [NOBODY] else parts


def _guess(rng: np.random.Generator, question: Question) -> str:
    """Each with one chance in two."""
    people = question.head.split("false: ")[1].split(". Who")[0].split(", ")
    return ", ".join(name for name in people if rng.random() < 0.5) or NOBODY


KNIGHTS = Family(name="knights", draw=draw_knights, guess=_guess, is_right=names_knights)


class Knights(Puzzle):
    """Tell from what they say who always tells the truth and who always lies."""

    families = (KNIGHTS,)
    card: ClassVar[Card] = Card(
        traits=("skills",),
        horizon_unit="conclusions",
        horizons=(1, 256),
        usual_horizons=(3, 4, 6, 10),
        floor=0.025,
        prompt_chars=12_000,
        source="Raymond Smullyan, What Is the Name of This Book?, 1978",
    )
