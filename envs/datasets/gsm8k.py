"""GSM8K: grade-school word problems in a few dependent steps (Cobbe et al., arXiv 2110.14168).

Trains skills. The horizon is the number of lines of the solution that comes with the problem. The
reward reads the number after `####` and nothing else; beside it stands what a lenient scorer, which
takes the last number anywhere, would have said. Data: `train.jsonl` and `test.jsonl` of
github.com/openai/grade-school-math, lines of `question, answer`.
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
from forethought.envs.datasets.numbers import MARK, final_number, last_number, read_number
from forethought.envs.datasets.rows import read_rows
from forethought.envs.lines import without_plan
from forethought.envs.scoring import metric, reward
from forethought.envs.task import Split, Task

_NOTE = re.compile(r"<<([^<>]*)>>")
"""What the set's calculator worked out, between the words of a solution."""


class Row(BaseModel):
    """A line of a GSM8K file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: str
    answer: str
    """The solution, its last line `#### NUMBER`."""


class GSM8K(Dataset):
    """One problem, one reply that ends with `#### NUMBER`."""

    card: ClassVar[Card] = Card(
        traits=("skills",),
        horizon_unit="lines of the solution",
        horizons=(1, 16),
        usual_horizons=(2, 3, 4, 5),
        floor=0.0025,
        licence="MIT (OpenAI)",
        source="Cobbe et al., arXiv 2110.14168",
    )
    folder = "gsm8k"
    files: Mapping[Split, str] = {"train": "train.jsonl", "eval": "test.jsonl"}
    origin = "https://github.com/openai/grade-school-math"
    state_fields = ()
    instructions = f"Solve the problem step by step. End with a line that reads {MARK} NUMBER."

    @classmethod
    def load(cls, file: Path) -> Iterable[Task]:
        """All problems. Raises ValueError for one whose solution does not end with a number."""
        return _read(file)

    async def reply(self, text: str) -> str:
        """Take the reply as the solution."""
        return self.submit(without_plan(text))

    @reward
    def right(self) -> float:
        """1 if the number after the last `####` is the right one, whatever its spelling."""
        given = None if self.submitted is None else final_number(self.submitted.answer)
        return float(given is not None and given == read_number(str(self.task.answer)))

    @metric
    def answered(self) -> float:
        """1 if there was a number where it has to be."""
        return float(self.submitted is not None and final_number(self.submitted.answer) is not None)

    @metric
    def right_leniently(self) -> float:
        """1 if the last number of the reply, wherever it stands, is the right one."""
        given = None if self.submitted is None else last_number(self.submitted.answer)
        return float(given is not None and given == read_number(str(self.task.answer)))

    def oracle(self) -> str:
        """The solution, without the notes of its calculator; they are the plan."""
        solution = str(self.task.data["solution"])
        steps = _NOTE.findall(solution) or [f"{self.task.horizon} steps"]
        return f"plan: {'; '.join(steps)}\n{_NOTE.sub('', solution)}"

    def floor(self, rng: np.random.Generator) -> str:
        """A number up to 100."""
        return f"{MARK} {rng.integers(1, 101)}"


def _read(file: Path) -> Iterator[Task]:
    name = file.name.partition(".")[0]
    for number, (where, row) in enumerate(read_rows(file, Row)):
        steps, mark, answer = row.answer.partition(MARK)
        if not mark or read_number(answer) is None:
            raise ValueError(f"{where}: answer does not end with '{MARK} NUMBER'")
        yield Task(
            id=f"gsm8k-{name}-{number}",
            prompt=row.question,
            answer=answer.strip(),
            data={"solution": row.answer},
            traits=GSM8K.card.traits,
            horizon=max(1, len(steps.strip().splitlines())),
        )
