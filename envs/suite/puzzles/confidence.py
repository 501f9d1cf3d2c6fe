"""Confidence: answer, say how sure you are, and abstain where there is no telling.

    answer: 42                 answer: unknown
    confidence: 0.8

It trains calibration. Some questions lack the line that everything rests on; to those the right
answer is `unknown`. There are two rewards: the answer is right, and a proper score of the stated
confidence. Their mean is the reward of RLCR (arXiv 2507.16806), 1[right] - (q - 1[right])^2, moved
from -1..1 to 0..1, so that the best confidence to state is the true chance of being right; at
chance p it is worth (1 + p^2) / 2. `unknown` is an answer like others, given with confidence 1: it
earns 1 where it is right and 0 where the question has an answer, and pays only if that is less
likely. A guess that admits to be one earns the half, always abstaining the share of questions that
cannot be answered, and doing nothing 0.

A success is the full reward, so a right answer of which the agent was sure. Metrics for the report:
`correct` beside the stated confidence gives reliability and ECE, `coverage` and `risk` the
selective curve, and abstention is told apart by whether it was right.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np

from forethought.envs.card import Card
from forethought.envs.lines import without_plan
from forethought.envs.rewards import brier, log_score
from forethought.envs.scoring import metric, reward
from forethought.envs.suite.puzzles.families import KEYED
from forethought.envs.suite.puzzles.puzzle import Puzzle
from forethought.envs.suite.puzzles.question import Question
from forethought.envs.task import Split

Rule = Literal["brier", "log"]

UNKNOWN = "unknown"
_RULES: dict[Rule, Callable[[bool, float], float]] = {"brier": brier, "log": log_score}
_CONFIDENCE = re.compile(
    r"^[ \t*_`]*confidence[*_`]*\s*:[ \t*_`]*(0(?:\.\d+)?|1(?:\.0+)?)[ \t*_`]*$",
    re.IGNORECASE | re.MULTILINE,
)
_HINT = "Say how sure you are on a single line that reads, from 0 to 1: confidence: 0.5"


class Confidence(Puzzle):
    """Puzzles with a stated confidence; a share of them, `unanswerable`, has no answer.

    `rule` is the proper score that mistakes are measured by: "brier", or "log", which punishes sure
    mistakes harder (clipped, see `log_score`).
    """

    families = KEYED
    instructions = (
        "Work the answer out, then end with two lines: answer: ... and, from 0 to 1, how sure you "
        f"are of it, confidence: ... If the question lacks what is needed, write: answer: {UNKNOWN}"
    )
    card: ClassVar[Card] = Card(
        traits=("calibration", "skills"),
        horizon_unit="dependent steps",
        horizons=(1, 256),
        usual_horizons=(2, 4, 6, 8),
        floor=0.35,
        prompt_chars=12_000,
        source="RLCR (arXiv 2507.16806)",
    )

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        difficulty: int | None = None,
        lines_per_turn: int = 0,
        unanswerable: float = 0.15,
        rule: Rule = "brier",
    ) -> None:
        super().__init__(
            horizon=horizon, split=split, difficulty=difficulty, lines_per_turn=lines_per_turn
        )
        if not 0 <= unanswerable <= 1:
            raise ValueError(f"unanswerable is a share from 0 to 1, not {unanswerable}")
        if rule not in _RULES:
            raise ValueError(f"rule is one of {', '.join(_RULES)}, not {rule!r}")
        self.unanswerable = unanswerable
        self.rule: Rule = rule

    def varied(self, question: Question, rng: np.random.Generator) -> Question:
        """The question, or what is left of it without its key line."""
        is_spoilt = rng.random() < self.unanswerable and question.key is not None
        return without_key(question) if is_spoilt else question

    def take(self, answer: str, text: str) -> str:
        """Take an answer with its confidence, or an abstention; anything else is asked again."""
        if answer.lower() == UNKNOWN:
            return self.submit(UNKNOWN)
        found = set(_CONFIDENCE.findall(without_plan(text)))
        if len(found) != 1:
            self.info["format_error"] = True
            return _HINT
        return self.submit(answer, float(found.pop()))

    @property
    def has_answer(self) -> bool:
        """Whether the question can be answered."""
        return self.asked.answer != UNKNOWN

    @property
    def has_answered(self) -> bool:
        """Whether an answer was given that is no abstention."""
        return self.submitted is not None and self.submitted.answer != UNKNOWN

    @reward
    def calibrated(self) -> float:
        """The proper score of the confidence, which is 1 in an abstention; 0 without an answer."""
        if self.submitted is None:
            return 0.0
        stated = self.submitted.confidence
        return _RULES[self.rule](self.is_right(), 1.0 if stated is None else stated)

    @metric
    def correct(self) -> float | None:
        """1 for a right answer; None for an abstention and for no answer at all."""
        return float(self.is_right()) if self.has_answered else None

    @metric
    def coverage(self) -> float:
        """1 if a question was answered rather than passed over."""
        return float(self.has_answered)

    @metric
    def risk(self) -> float | None:
        """1 for a wrong answer; None where none was given."""
        return float(not self.is_right()) if self.has_answered else None

    @metric
    def abstained_rightly(self) -> float | None:
        """Whether a question that cannot be answered was not; None for the others."""
        return None if self.has_answer else float(self.is_right())

    @metric
    def abstained_wrongly(self) -> float | None:
        """Whether a question that can be answered was abstained from; None for the others."""
        if not self.has_answer:
            return None
        return float(self.submitted is not None and not self.has_answered)

    def oracle(self) -> str:
        """The expert knows, and knows that it knows."""
        is_last = self.num_shown >= len(self.asked.lines)
        sure = "\nconfidence: 1" if is_last and self.has_answer else ""
        return super().oracle() + sure

    def floor(self, rng: np.random.Generator) -> str:
        """A guess, as sure of itself as chance will have it."""
        return f"{super().floor(rng)}\nconfidence: {rng.random():.2f}"


def without_key(question: Question) -> Question:
    """A question without the line that its answer rests on; it has none now."""
    assert question.key is not None
    lines = question.lines
    return question.model_copy(
        update={
            "lines": (*lines[: question.key], *lines[question.key + 1 :]),
            "answer": UNKNOWN,
            "steps": ("what all the rest follows from is not given",),
            "key": None,
        }
    )
