"""Puzzle: what all puzzle environments share: a question is asked, its answer checked exactly.

answer: 42        the last word; thought may stand before it
"""

from __future__ import annotations

import hashlib
from typing import ClassVar

import numpy as np

from forethought.envs.base import Env
from forethought.envs.scoring import metric, reward
from forethought.envs.suite.puzzles.question import (
    DIFFICULTIES,
    Family,
    Question,
    question_of,
    read_answer,
)
from forethought.envs.task import Split, Task

NEXT = "next"
_HINT = "No answer found. End with a single line that reads: answer: ..."


class Puzzle(Env):
    """One question of one of `families`; the horizon is how many steps depend on each other.

    `difficulty` is 1..5 and differs from the horizon: it makes the steps harder, not more; None
    draws one for each instance. `lines_per_turn` shows the question so many lines a turn, the next
    ones after a reply without an answer, so that long ones exceed any context; 0 shows all at once.
    """

    families: ClassVar[tuple[Family, ...]] = ()
    instructions = "Work the answer out, then end with a single line that reads: answer: ..."
    state_fields: ClassVar[tuple[str, ...]] = ("num_shown",)

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        difficulty: int | None = None,
        lines_per_turn: int = 0,
    ) -> None:
        super().__init__(horizon=horizon, split=split)
        low, high = DIFFICULTIES
        if difficulty is not None and not low <= difficulty <= high:
            raise ValueError(f"difficulty is {low} to {high}, not {difficulty}")
        if lines_per_turn < 0:
            raise ValueError(f"lines_per_turn is 0 (all at once) or more, not {lines_per_turn}")
        self.difficulty = difficulty
        self.lines_per_turn = lines_per_turn
        self.question: Question | None = None
        self.num_shown = 0

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """A question of a family and a difficulty drawn from those that there are."""
        family = self.families[int(rng.integers(len(self.families)))]
        low, high = DIFFICULTIES
        difficulty = self.difficulty or int(rng.integers(low, high + 1))
        question = self.varied(family.draw(rng, horizon=horizon, difficulty=difficulty), rng)
        digest = hashlib.sha256(question.prompt.encode()).hexdigest()[:12]
        return Task(
            id=f"{question.family}-{digest}",
            prompt=question.prompt,
            answer=question.answer,
            data=question.model_dump(mode="json", exclude={"answer"}),
            traits=self.card.traits,
            horizon=horizon,
            difficulty=difficulty,
        )

    def varied(self, question: Question, rng: np.random.Generator) -> Question:
        """What an environment makes of a question that its family drew; by default the same."""
        return question

    async def begin(self) -> str:
        """Ask. Raises ValueError if the task is not one of `families`."""
        self.question = self.read_task()
        self.num_shown = self.lines_per_turn or len(self.question.lines)
        return "\n".join((self.question.head, *self._shown(0)))

    def read_task(self) -> Question:
        """The question of the present task. Raises ValueError if the task holds none."""
        question = question_of(self.task)
        names = [family.name for family in self.families]
        if question.family not in names:
            raise ValueError(
                f"task {self.task.id!r} is of family {question.family!r}; "
                f"{type(self).__name__} has {', '.join(names)}"
            )
        return question

    async def reply(self, text: str) -> str:
        """Take the answer, or show more of the question where there is more."""
        answer = read_answer(text)
        if answer is not None:
            return self.take(answer, text)
        if self.num_shown < len(self.asked.lines):
            start = self.num_shown
            self.num_shown += self.lines_per_turn
            return "\n".join(self._shown(start))
        self.info["format_error"] = True
        return _HINT

    def take(self, answer: str, text: str) -> str:
        """Take an answer that was found in the reply `text`."""
        return self.submit(answer)

    @property
    def asked(self) -> Question:
        """The present question."""
        assert self.question is not None
        return self.question

    @property
    def family(self) -> Family:
        """That of the present question."""
        return next(family for family in self.families if family.name == self.asked.family)

    def is_right(self) -> bool:
        """Whether the right answer was given."""
        return self.submitted is not None and self.family.is_right(
            self.submitted.answer, self.asked
        )

    def max_steps(self) -> int:
        """A turn for each part of the question, and two unreadable replies."""
        parts = -(-len(self.asked.lines) // self.lines_per_turn) if self.lines_per_turn else 1
        return max(parts, 1) + 2

    @reward
    def solved(self) -> float | None:
        """1 for the right answer, 0 for none or another."""
        return float(self.is_right())

    @metric
    def answered(self) -> float:
        """1 if an answer was given in the form asked for, right or not."""
        return float(self.submitted is not None)

    def oracle(self) -> str:
        """Plan, worked steps and answer; `next` as long as there is more to read."""
        opening = [f"plan: {self.asked.plan}"] if self.num_steps == 0 else []
        if self.num_shown < len(self.asked.lines):
            return "\n".join([*opening, NEXT])
        return "\n".join([*opening, *self.asked.steps, f"answer: {self.asked.answer}"])

    def floor(self, rng: np.random.Generator) -> str:
        """An answer of the right form, guessed."""
        return f"answer: {self.family.guess(rng, self.asked)}"

    def _shown(self, start: int) -> list[str]:
        lines = list(self.asked.lines[start : self.num_shown])
        left = len(self.asked.lines) - self.num_shown
        return [*lines, f"({left} more lines; reply: {NEXT})"] if left > 0 else lines
