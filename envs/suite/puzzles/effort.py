"""Effort: answer with about as many tokens of thought as were asked for.

It trains calibration: effort as something that can be asked for, as with the models of L1 (arXiv
2503.04697), whose prompts end the same way. `followed` is a metric of its own, so obedience and
ability are told apart; whatever the reward, only right answers earn one. Tokens are those of all
replies, as the agent loop counts them: where nobody counts them there is no verdict on length.
"""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

import numpy as np

from forethought.envs.card import Card
from forethought.envs.rewards import length_error
from forethought.envs.scoring import metric, reward
from forethought.envs.suite.puzzles.families import FAMILIES
from forethought.envs.suite.puzzles.puzzle import Puzzle
from forethought.envs.suite.puzzles.question import Question
from forethought.envs.task import Split

Form = Literal["correct", "gated"]

TOLERANCE = 0.2
"""Share of what was asked for that a reply may be off and still have followed."""


class Effort(Puzzle):
    """Mixed puzzles, each with a number of tokens to take, from `tokens` (least, most).

    `form` "correct" rewards the right answer alone; "gated" makes it worth less the further the
    length is off: right * max(0, 1 - |taken - asked| / asked). The expert answers as it is, in
    however many tokens, so it scores 1 under "correct" only.
    """

    families = FAMILIES
    card: ClassVar[Card] = Card(
        traits=("calibration", "skills"),
        horizon_unit="dependent steps",
        horizons=(1, 256),
        usual_horizons=(4, 6, 8, 12),
        floor=0.025,
        prompt_chars=12_000,
        source="L1 (arXiv 2503.04697)",
    )

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        difficulty: int | None = None,
        lines_per_turn: int = 0,
        tokens: tuple[int, int] = (64, 1024),
        form: Form = "correct",
    ) -> None:
        super().__init__(
            horizon=horizon, split=split, difficulty=difficulty, lines_per_turn=lines_per_turn
        )
        least, most = tokens
        if not 1 <= least <= most:
            raise ValueError(f"tokens are (least, most) with 1 <= least <= most, not {tokens}")
        if form not in get_args(Form):
            raise ValueError(f"form is one of {', '.join(get_args(Form))}, not {form!r}")
        self.tokens = (least, most)
        self.form: Form = form

    def varied(self, question: Question, rng: np.random.Generator) -> Question:
        """The question with a number of tokens, evenly drawn on a logarithmic scale."""
        least, most = np.log(self.tokens)
        asked = round(float(np.exp(rng.uniform(least, most))))
        head = f"{question.head} Take about {asked} tokens for the reply, thought included."
        return question.model_copy(update={"head": head, "tokens": asked})

    def read_task(self) -> Question:
        """The question of the present task. Raises ValueError if no number of tokens is asked."""
        question = super().read_task()
        if question.tokens < 1:
            raise ValueError(f"task {self.task.id!r} asks for no number of tokens")
        return question

    @reward
    def solved(self) -> float | None:
        """1 for the right answer; "gated": less for being off, None if tokens are not known."""
        right = float(self.is_right())
        if self.form == "correct":
            return right
        error = self.error()
        return None if error is None else right * max(0.0, 1.0 - abs(error))

    @metric
    def correct(self) -> float:
        """1 for the right answer, however long the reply."""
        return float(self.is_right())

    @metric
    def followed(self) -> float | None:
        """1 if the length is within 20 % of what was asked; None if tokens are not known."""
        error = self.error()
        return None if error is None else float(abs(error) <= TOLERANCE)

    @metric
    def error(self) -> float | None:
        """(taken - asked) / asked; None if tokens are not known."""
        spent = self.context.spent
        return None if spent is None else length_error(spent.total, self.asked.tokens)
