"""StrategyQA: yes or no, where the steps are not in the question (Geva et al., arXiv 2101.02235).

Trains strategy and calibration: what to look up has to be thought of first. The horizon is the
number of steps that people cut the question into, which are the expert's plan. The facts of all
questions are the corpus. Guessing is right half of the time, so the reward asks for a right answer
after one of the question's facts was read; accuracy as in the paper stands beside it. Data:
`train.json` and `dev.json` of github.com/eladsegal/strategyqa (data/strategyqa).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from forethought.envs.calls import render_call
from forethought.envs.card import Card
from forethought.envs.datasets.dataset import Dataset
from forethought.envs.datasets.library import Library, Paragraph, library
from forethought.envs.datasets.rows import read_rows
from forethought.envs.lines import without_plan
from forethought.envs.rewards import brier, normalise
from forethought.envs.scoring import metric, reward
from forethought.envs.task import Split, Task, hidden_of
from forethought.envs.tools import tool

NUM_HITS = 5
ANSWERS = {"yes": True, "true": True, "no": False, "false": False}


class Row(BaseModel):
    """An item of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    qid: str
    term: str
    description: str
    question: str
    answer: bool
    facts: tuple[str, ...] = Field(min_length=1)
    decomposition: tuple[str, ...] = Field(min_length=1)
    evidence: JsonValue
    """Paragraphs of Wikipedia that annotators pointed to; not used."""


class Work(BaseModel):
    """What a task holds in its data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    facts: tuple[str, ...] = Field(min_length=1)
    steps: tuple[str, ...] = Field(min_length=1)


class StrategyQA(Dataset):
    """Search facts, then say yes or no and how sure you are."""

    card: ClassVar[Card] = Card(
        traits=("strategy", "calibration"),
        horizon_unit="steps of the decomposition",
        horizons=(1, 16),
        usual_horizons=(2, 3, 4),
        licence="MIT (Mor Geva et al.)",
        source="Geva et al., arXiv 2101.02235",
    )
    folder = "strategyqa"
    files: Mapping[Split, str] = {"train": "train.json", "eval": "dev.json"}
    origin = "https://github.com/eladsegal/strategyqa (data/strategyqa)"
    state_fields = ("read",)
    instructions = (
        "Think of the facts that decide the question, search for them, then submit yes or no. An "
        "answer counts once a fact that bears on it was found."
    )
    work: Work
    library: Library

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        path: str | None = None,
        whole: bool = False,
    ) -> None:
        super().__init__(horizon=horizon, split=split, path=path, whole=whole)
        self.read: dict[str, None] = {}
        """Facts that searches have shown, in order."""

    @classmethod
    def load(cls, file: Path) -> Iterable[Task]:
        """All questions. Raises ValueError naming the item that is broken."""
        return _read(file)

    async def begin(self) -> str:
        """Forget what was read. Raises ValueError for a task of another kind."""
        self.work = hidden_of(self.task, Work, told="holds no work")
        self.library = library(self._file()[0], read_facts)
        self.read = {}
        return self.task.prompt

    async def reply(self, text: str) -> str:
        """Text that is yes or no is the answer; other text is told what to do."""
        answer = without_plan(text)
        if normalise(answer) in ANSWERS:
            return self.submit(answer)
        self.info["format_error"] = True
        return "Call a tool, or reply with yes or no."

    @tool
    def search(self, query: str) -> str:
        """find facts by any words"""
        found = self.library.index.search(query, NUM_HITS)
        self.read.update((document.text, None) for document in found)
        return "\n".join(each.text for each in found) or f"nothing found for {query[:60]!r}"

    @tool
    def submit(self, answer: str, confidence: float | None = None) -> str:
        """answer yes or no and, from 0 to 1, how sure you are"""
        return super().submit(answer, confidence)

    @reward
    def supported(self) -> float:
        """1 if the answer is right and one of the question's facts was read before."""
        return self.accuracy() if self.recall() > 0 else 0.0

    @metric
    def accuracy(self) -> float:
        """1 if the answer is right; knowing nothing gets one half."""
        given = "" if self.submitted is None else normalise(self.submitted.answer)
        return float(given in ANSWERS and ANSWERS[given] == ANSWERS[str(self.task.answer)])

    @metric
    def recall(self) -> float:
        """Share of the question's facts that were read."""
        return len(self.read.keys() & set(self.work.facts)) / len(set(self.work.facts))

    @metric
    def calibration(self) -> float | None:
        """Brier score of the stated confidence in the answer; None if none was stated."""
        if self.submitted is None or self.submitted.confidence is None:
            return None
        return brier(self.accuracy() == 1.0, self.submitted.confidence)

    def oracle(self) -> str:
        """Search for each step, then for a fact if none was found, then answer."""
        steps = self.work.steps
        if self.num_steps < len(steps):
            action = render_call("search", {"query": steps[self.num_steps]})
        elif self.recall() == 0 and self.num_steps == len(steps):
            action = render_call("search", {"query": self.work.facts[0]})
        else:
            action = render_call("submit", {"answer": str(self.task.answer), "confidence": 1.0})
        plan = f"plan: {'; '.join(step.rstrip('?') for step in steps)}; answer"
        return f"{plan}\n{action}" if self.num_steps == 0 else action

    def floor(self, rng: np.random.Generator) -> str:
        """Search for any fact's words, or guess."""
        documents = self.library.index.catalogue.documents
        if rng.random() < 0.5:
            text = documents[int(rng.integers(len(documents)))].text
            return render_call("search", {"query": text})
        return ("yes", "no")[int(rng.integers(2))]


def read_facts(file: Path) -> Iterator[Paragraph]:
    """All facts, each once. Raises ValueError naming the item that is broken."""
    facts: dict[str, None] = {}
    for _, row in read_rows(file, Row):
        facts.update((fact.strip(), None) for fact in row.facts)
    for number, fact in enumerate(facts):
        yield Paragraph(title=f"fact {number}", text=fact)


def _read(file: Path) -> Iterator[Task]:
    for _, row in read_rows(file, Row):
        yield Task(
            id=f"strategyqa-{row.qid}",
            prompt=row.question,
            answer="yes" if row.answer else "no",
            data={
                "facts": [fact.strip() for fact in row.facts],
                "steps": [*row.decomposition],
            },
            traits=StrategyQA.card.traits,
            horizon=len(row.decomposition),
        )
