"""Graded: puzzles of all families and difficulties, where thought can be made to cost something.

It trains calibration of effort: easy questions and hard ones come mixed, so a fixed amount of
thought is too much for some and too little for others. `task.difficulty` and the tokens of an
episode are in its record: in a calibrated model they rise together. By default only the answer
counts; `cost` takes a form in which thought costs (all three need their sources' settings to be
compared with their numbers):

- "lcpo_exact", "lcpo_max": L1 (arXiv 2503.04697, eq. 1 and 2); the prompt names a number of tokens,
  `tokens_per_step` for each dependent step, and being off it, or above it, costs.
- "adapt_think": AdaptThink (arXiv 2505.13417, section 4.1); a right answer without thought is worth
  a little more than one with it. Without its forced half of thoughtless samples.

Under a cost few right answers earn the full reward, which is what counts as a success; read
`correct` there.
"""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

from forethought.envs.card import Card
from forethought.envs.lines import holds_thought
from forethought.envs.rewards import adapt_think, lcpo_exact, lcpo_max
from forethought.envs.scoring import metric, reward
from forethought.envs.suite.puzzles.families import FAMILIES
from forethought.envs.suite.puzzles.puzzle import Puzzle
from forethought.envs.task import Split

Cost = Literal["none", "lcpo_exact", "lcpo_max", "adapt_think"]


class Graded(Puzzle):
    """Mixed puzzles of difficulty 1 to 5.

    Tokens are those of all replies, as the agent loop counts them; where nobody counts them an
    LCPO form leaves the episode unscored.
    """

    families = FAMILIES
    card: ClassVar[Card] = Card(
        traits=("calibration", "skills"),
        horizon_unit="dependent steps",
        horizons=(1, 256),
        usual_horizons=(4, 6, 8, 12),
        floor=0.02,
        prompt_chars=12_000,
        source="L1 (arXiv 2503.04697) and AdaptThink (arXiv 2505.13417) for what thought may cost",
    )
    state_fields = (*Puzzle.state_fields, "has_thought")

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        difficulty: int | None = None,
        lines_per_turn: int = 0,
        cost: Cost = "none",
        tokens_per_step: int = 32,
    ) -> None:
        super().__init__(
            horizon=horizon, split=split, difficulty=difficulty, lines_per_turn=lines_per_turn
        )
        if cost not in get_args(Cost):
            raise ValueError(f"cost is one of {', '.join(get_args(Cost))}, not {cost!r}")
        if tokens_per_step < 1:
            raise ValueError(f"tokens_per_step is at least 1, not {tokens_per_step}")
        self.cost: Cost = cost
        self.tokens_per_step = tokens_per_step
        self.has_thought = False

    async def begin(self) -> str:
        """Ask; under an LCPO form the number of tokens is named."""
        self.has_thought = False
        asked = await super().begin()
        bound = {"lcpo_exact": "about", "lcpo_max": "at most"}.get(self.cost)
        return asked if bound is None else f"{asked}\nThink for {bound} {self.target} tokens."

    async def reply(self, text: str) -> str:
        """As every puzzle; notes whether the reply holds a thought."""
        self.has_thought = self.has_thought or holds_thought(text)
        return await super().reply(text)

    @property
    def target(self) -> int:
        """Tokens named under an LCPO form."""
        return self.tokens_per_step * self.task.horizon

    @reward
    def solved(self) -> float | None:
        """1 for the right answer, less what `cost` takes; None if the tokens are not known."""
        right = self.is_right()
        if self.cost == "none":
            return float(right)
        if self.cost == "adapt_think":
            answered = self.submitted is not None
            return adapt_think(right, self.has_thought or not answered)
        spent = self.context.spent
        if spent is None:
            return None
        form = lcpo_exact if self.cost == "lcpo_exact" else lcpo_max
        return form(right, spent.total, self.target)

    @metric
    def correct(self) -> float:
        """1 for the right answer, whatever it cost."""
        return float(self.is_right())

    @metric
    def thought(self) -> float:
        """1 if there was a thought: `<think>` with something in it."""
        return float(self.has_thought)

    @metric
    def tokens_per_dependent_step(self) -> float | None:
        """Tokens of all replies over the horizon; None where nobody counts them."""
        spent = self.context.spent
        return None if spent is None else spent.total / self.task.horizon
