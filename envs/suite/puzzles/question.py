"""Question: a puzzle with its exact answer, and how an answer is read out of a reply."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from forethought.envs.first_error import first_error
from forethought.envs.lines import without_plan
from forethought.envs.task import Task

DIFFICULTIES = (1, 5)
"""The least and the greatest; each family says what it changes."""

_ANSWER = re.compile(r"^[ \t*_`>#-]*answer[*_`]*\s*:(?!\w)([^\n]*)$", re.IGNORECASE | re.MULTILINE)


class Question(BaseModel):
    """A puzzle; all but `head` and `lines` is hidden from the agent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: str
    head: str
    """Rules and what is asked."""
    lines: tuple[str, ...] = ()
    """The instance, a statement a line."""
    answer: str
    """The right one, or one of them where the family accepts several."""
    plan: str
    steps: tuple[str, ...]
    """The expert's way to the answer, a dependent step a line."""
    key: int | None = None
    """Line without which there is no telling the answer, where there is such a line."""
    numbers: tuple[int, ...] = ()
    """What a countdown has to be made of, and last what has to be made."""
    tokens: int = 0
    """Tokens that the reply is asked to take; 0: no number is named."""

    @property
    def prompt(self) -> str:
        """What the agent reads."""
        return "\n".join((self.head, *self.lines))


class Draw(Protocol):
    """Draws a question of so many dependent steps; all randomness from `rng`."""

    def __call__(self, rng: np.random.Generator, *, horizon: int, difficulty: int) -> Question:
        """`difficulty` is 1..5."""
        ...


def is_equal(answer: str, question: Question) -> bool:
    """Whether it is the answer, white space apart."""
    return answer.split() == question.answer.split()


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """A kind of question: how one is drawn, judged, and guessed by who knows nothing."""

    name: str
    draw: Draw
    guess: Callable[[np.random.Generator, Question], str]
    is_right: Callable[[str, Question], bool] = is_equal


def read_answer(text: str) -> str | None:
    """What the line `answer: ...` of a reply says; None if there is none, or several that differ.

    Thoughts and plans are passed over, so what was only considered is not taken for the answer.
    """
    found = {match.strip(" \t*_`.") for match in _ANSWER.findall(without_plan(text))}
    return found.pop() if len(found) == 1 and "" not in found else None


def question_of(task: Task) -> Question:
    """The question in a task. Raises ValueError for a task of something else."""
    hidden: dict[str, JsonValue] = {**task.data, "answer": task.answer}
    try:
        return Question.model_validate(hidden)
    except ValidationError as error:
        raise ValueError(
            f"task {task.id!r} is no puzzle: {first_error(error)}; puzzles are made by make_task"
        ) from None
