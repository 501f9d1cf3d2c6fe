"""Questions whose answer needs several pages, found by searching a corpus and reading.

Trains skills, strategy and calibration: what to look for next stands in what was read last. The
horizon is the number of pages that hold the evidence. The reward is exact match after SQuAD's
normalisation, as in the sets' own scripts; beside it stand their F1 and how much of the evidence
was read.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from forethought.envs.calls import render_call
from forethought.envs.datasets.dataset import Dataset
from forethought.envs.datasets.library import Library, Reader, library, read_corpus
from forethought.envs.lines import without_plan
from forethought.envs.rewards import brier, exact_match, normalise, token_f1
from forethought.envs.scoring import metric, reward
from forethought.envs.task import Split, hidden_of
from forethought.envs.tools import tool

NUM_HITS = 5
_SNIPPET = 200
_CLOSED = frozenset({"yes", "no", "noanswer"})


class Work(BaseModel):
    """What a task of these holds in its data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    answers: tuple[str, ...] = Field(min_length=1)
    pages: tuple[str | int, ...] = Field(min_length=1)
    """Titles of the pages with the evidence, or numbers of their paragraphs in the corpus."""
    steps: tuple[str, ...] = ()
    """Questions to ask one after the other, as people cut it up; one a page, or none."""


class MultiHop(Dataset):
    """Base of the sets; `corpus` is the file of pages, else the questions' own contexts are."""

    state_fields = ("seen", "read")
    instructions = (
        "Answer from the pages: search for them, open them, submit a short answer. A reply without "
        "a call is taken as the answer."
    )
    contexts: ClassVar[Reader]
    """Reads the paragraphs that stand in a file of questions."""
    work: Work
    library: Library
    evidence: tuple[str, ...]
    """Titles of the pages that hold it."""

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        path: str | None = None,
        whole: bool = False,
        corpus: str | None = None,
    ) -> None:
        super().__init__(horizon=horizon, split=split, path=path, whole=whole)
        self.corpus = corpus
        self.seen: dict[str, None] = {}
        """Titles that searches have shown."""
        self.read: dict[str, None] = {}
        """Titles that were opened, in order."""

    async def begin(self) -> str:
        """Forget what was read. Raises ValueError for a task of another kind or corpus."""
        self.work = hidden_of(self.task, Work, told="holds no work")
        self.library = self._library()
        self.evidence = tuple(dict.fromkeys(map(self._title, self.work.pages)))
        self.seen, self.read = {}, {}
        return self.task.prompt

    async def reply(self, text: str) -> str:
        """Text without a call is the answer."""
        answer = without_plan(text)
        if not answer:
            self.info["format_error"] = True
            return "Call a tool, or reply with the answer."
        return self.submit(answer)

    @tool
    def search(self, query: str) -> str:
        """find pages by any words"""
        found = self.library.index.search(query, NUM_HITS)
        self.seen.update((document.title, None) for document in found)
        if not found:
            return f"nothing found for {query[:60]!r}"
        return "\n".join(f"{each.title}: {each.text[:_SNIPPET]}" for each in found)

    @tool
    def open(self, title: str) -> str:
        """read a page"""
        document = self.library.index.open(title)
        self.read[document.title] = None
        return f"{document.title}: {document.text}"

    @tool
    def submit(self, answer: str, confidence: float | None = None) -> str:
        """give the final answer and, from 0 to 1, how sure you are"""
        return super().submit(answer, confidence)

    @reward
    def exact(self) -> float:
        """1 if the answer is one of those that count, but for case, articles and punctuation."""
        return 0.0 if self.submitted is None else exact_match(self._given(), self.work.answers)

    @metric
    def f1(self) -> float:
        """Overlap of words with the answer that fits best."""
        return 0.0 if self.submitted is None else best_f1(self._given(), self.work.answers)

    @metric
    def recall(self) -> float:
        """Share of the pages with the evidence that were opened."""
        return len(self.read.keys() & set(self.evidence)) / len(self.evidence)

    @metric
    def documents_opened(self) -> float:
        """Different pages read."""
        return float(len(self.read))

    @metric
    def calibration(self) -> float | None:
        """Brier score of the stated confidence; None if none was stated."""
        if self.submitted is None or self.submitted.confidence is None:
            return None
        return brier(self.exact() == 1.0, self.submitted.confidence)

    def oracle(self) -> str:
        """Search for the next page and open it once it was shown; the plan comes first."""
        left = [title for title in self.evidence if title not in self.read]
        if not left:
            action = render_call("submit", {"answer": self.work.answers[0], "confidence": 1.0})
        elif left[0] not in self.seen and (query := self._query(left[0])):
            action = render_call("search", {"query": query})
        else:
            action = render_call("open", {"title": left[0]})
        return f"{self._plan()}\n{action}" if self.num_steps == 0 else action

    def floor(self, rng: np.random.Generator) -> str:
        """Search for a word of the question, or open or answer with any title."""
        words, titles = self.task.prompt.split(), self.library.titles
        title = titles[int(rng.integers(len(titles)))]
        return (
            render_call("search", {"query": words[int(rng.integers(len(words)))]}),
            render_call("open", {"title": title}),
            render_call("submit", {"answer": title}),
        )[int(rng.integers(3))]

    def _given(self) -> str:
        assert self.submitted is not None
        return self.submitted.answer

    def _plan(self) -> str:
        steps = self.work.steps or (f"find and read {len(self.evidence)} pages",)
        return f"plan: {'; '.join(step.rstrip('?') for step in steps)}; answer"

    def _query(self, title: str) -> str:
        """The first of the questions, or else the title, that finds the page; "" if none does."""
        for query in (*self.work.steps, self.task.prompt, title):
            found = self.library.index.search(query, NUM_HITS)
            if title in [document.title for document in found]:
                return query
        return ""

    def _title(self, page: str | int) -> str:
        titles = self.library.titles
        if isinstance(page, str) and page in self.library.known:
            return page
        if isinstance(page, int) and 0 <= page < len(titles):
            return titles[page]
        raise ValueError(
            f"task {self.task.id!r} has its evidence on page {page!r}, which is not in the corpus; "
            "pass corpus=FILE, the one that belongs to the questions"
        )

    def _library(self) -> Library:
        if self.corpus is None:
            return library(self._file()[0], type(self).contexts)
        file = Path(self.corpus).expanduser()
        return library(self.require(file), read_corpus)


def row_kind(row: object) -> Literal["official", "indexed"]:
    """Whether a row comes with its paragraphs, or tells numbers of a corpus."""
    return "indexed" if isinstance(row, dict) and "gold_docs" in row else "official"


def best_f1(answer: str, golds: tuple[str, ...]) -> float:
    """The best token F1 over the golds; yes, no and noanswer count only if they are the same.

    As `f1_score` in HotpotQA's hotpot_evaluate_v1.py.
    """
    return max(_f1(normalise(answer), normalise(gold)) for gold in golds)


def _f1(answer: str, gold: str) -> float:
    if answer != gold and not _CLOSED.isdisjoint((answer, gold)):
        return 0.0
    return float(answer == gold) or token_f1(answer, gold)
