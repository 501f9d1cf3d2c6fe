r"""MATH: competition problems whose answer stands in a box (Hendrycks et al., arXiv 2103.03874).

Trains skills. The horizon is the number of sentences of the solution that comes with the problem.
The reward compares the last `\boxed{...}` of the reply with the answer (see `latex` for what counts
as the same); beside it stands whether there was a box. Data: JSON Lines of `problem, level, type,
solution` as in the original, or `problem, solution, answer, subject, level, unique_id` as in the
split of MATH-500 (github.com/openai/prm800k, math_splits: `train.jsonl` and `test.jsonl`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from forethought.envs.card import Card
from forethought.envs.datasets.dataset import Dataset
from forethought.envs.datasets.latex import last_boxed, same_answer
from forethought.envs.datasets.rows import read_rows
from forethought.envs.lines import without_plan
from forethought.envs.scoring import metric, reward
from forethought.envs.task import Split, Task

_SENTENCE = re.compile(r"[.!?](?:\s|$)")
_LEVEL = re.compile(r"(?:Level )?([1-5])")
_MAX_HORIZON = 256


class Row(BaseModel):
    """A line of a MATH file, in either spelling."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str
    solution: str
    level: int | str
    type: str = ""
    subject: str = ""
    answer: str = ""
    unique_id: str = ""


class Competition(Dataset):
    r"""One problem, one reply that ends with `\boxed{ANSWER}`."""

    card: ClassVar[Card] = Card(
        traits=("skills",),
        horizon_unit="sentences of the solution",
        horizons=(1, _MAX_HORIZON),
        usual_horizons=(2, 4, 8),
        licence="MIT (Dan Hendrycks)",
        source="Hendrycks et al., arXiv 2103.03874",
    )
    folder = "math"
    files: Mapping[Split, str] = {"train": "train.jsonl", "eval": "test.jsonl"}
    origin = "https://github.com/openai/prm800k (prm800k/math_splits)"
    state_fields = ()
    instructions = r"Solve the problem step by step. End with the answer in \boxed{}."

    @classmethod
    def load(cls, file: Path) -> Iterable[Task]:
        """All problems. Raises ValueError for one that has no answer."""
        return _read(file)

    async def reply(self, text: str) -> str:
        """Take the reply as the solution."""
        return self.submit(without_plan(text))

    @reward
    def right(self) -> float:
        """1 if the last box holds the answer."""
        given = self._boxed()
        return float(given is not None and same_answer(given, str(self.task.answer)))

    @metric
    def answered(self) -> float:
        """1 if there was a box."""
        return float(self._boxed() is not None)

    def oracle(self) -> str:
        """The solution, its answer boxed."""
        solution, answer = str(self.task.data["solution"]), str(self.task.answer)
        boxed = last_boxed(solution)
        end = "" if boxed is not None and same_answer(boxed, answer) else f"\n\\boxed{{{answer}}}"
        return f"plan: {self.task.data['subject']}; box the answer\n{solution}{end}"

    def floor(self, rng: np.random.Generator) -> str:
        """A small whole number, the commonest kind of answer."""
        return f"\\boxed{{{rng.integers(0, 21)}}}"

    def _boxed(self) -> str | None:
        return None if self.submitted is None else last_boxed(self.submitted.answer)


def _read(file: Path) -> Iterator[Task]:
    for number, (where, row) in enumerate(read_rows(file, Row)):
        answer = row.answer or last_boxed(row.solution)
        if not answer:
            raise ValueError(f"{where}: neither an answer nor a \\boxed{{}} in the solution")
        level = _LEVEL.fullmatch(str(row.level))
        yield Task(
            id=row.unique_id or f"math-{file.name.partition('.')[0]}-{number}",
            prompt=row.problem,
            answer=answer,
            data={"solution": row.solution, "subject": row.subject or row.type or "mathematics"},
            traits=Competition.card.traits,
            horizon=min(max(1, len(_SENTENCE.findall(row.solution))), _MAX_HORIZON),
            difficulty=int(level[1]) / 5 if level else None,
        )
