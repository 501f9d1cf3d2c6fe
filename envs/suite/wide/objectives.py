"""Objectives: several unrelated questions at once, all answered at the end, in one context.

Each question needs two pages: who is the older, who employs more, where both are. Nothing that was
found for one question helps with another, so that an agent in a fixed context has to keep the
results and let the pages go. After the multi-objective tasks of MEM1 (arXiv 2506.15841), which
trains memory on compositions of questions and measures more objectives than it trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

import numpy as np

from forethought.envs.card import Card
from forethought.envs.rewards import exact_match
from forethought.envs.scoring import metric, reward
from forethought.envs.suite.wide.directory import Directory, Firm, directory
from forethought.envs.suite.wide.pages import Pages, draw_seed
from forethought.envs.task import Task

PAGES_EACH = 2


class Kind(NamedTuple):
    """A kind of question about two firms."""

    question: str
    answer: Callable[[Firm, Firm], str]


KINDS: dict[str, Kind] = {
    "older": Kind(
        "Which was founded first, {} or {}? If in the same year: both",
        lambda a, b: "both" if a.founded == b.founded else min(a, b, key=_founded).name,
    ),
    "larger": Kind(
        "How many more people work at the larger one of {} and {}?",
        lambda a, b: str(abs(a.staff - b.staff)),
    ),
    "heads": Kind(
        "Who heads {}, and who heads {}? GIVEN NAMES joined by: and",
        lambda a, b: f"{a.head.split()[0]} and {b.head.split()[0]}",
    ),
    "years": Kind(
        "How many years lie between the foundings of {} and {}?",
        lambda a, b: str(abs(a.founded - b.founded)),
    ),
}


def _founded(firm: Firm) -> int:
    return firm.founded


class Objectives(Pages):
    """As many questions as the horizon says."""

    card: ClassVar[Card] = Card(
        traits=("abstraction", "strategy"),
        horizon_unit="questions",
        horizons=(1, 128),
        usual_horizons=(1, 2, 4, 8),
        floor=0.0,
        prompt_chars=12_000,
        source="MEM1, arXiv 2506.15841",
    )
    instructions = "Each firm has a page. Answer all questions at the end, one numbered line each."

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """Questions about two firms each; no firm is asked about twice."""
        seed, size = draw_seed(rng), PAGES_EACH * horizon
        names = list(KINDS)
        kinds = [names[int(rng.integers(len(names)))] for _ in range(horizon)]
        pairs = _pairs(directory(seed, size))
        questions = [
            f"{number}. {KINDS[kind].question.format(a.name, b.name)}"
            for number, (kind, (a, b)) in enumerate(zip(kinds, pairs, strict=True), 1)
        ]
        answers = [KINDS[kind].answer(a, b) for kind, (a, b) in zip(kinds, pairs, strict=True)]
        return Task(
            id=f"objectives-{horizon}-{seed}",
            prompt="\n".join(questions),
            answer="\n".join(f"{number}. {answer}" for number, answer in enumerate(answers, 1)),
            data={"seed": seed, "size": size, "answers": list(answers)},
            traits=self.card.traits,
            horizon=horizon,
        )

    def needed(self) -> Sequence[str]:
        """Both pages of every question."""
        return [firm.name for firm in self.firms.firms]

    @reward
    def all_right(self) -> float:
        """1 if every question is answered right."""
        return float(self.answered() == 1.0)

    @metric
    def answered(self) -> float:
        """Share of the questions answered right."""
        golds = self.task.data.get("answers")
        assert isinstance(golds, list)
        given = numbered(self.submitted.answer if self.submitted else "")
        right = [exact_match(given.get(str(n), ""), [str(gold)]) for n, gold in enumerate(golds, 1)]
        return sum(right) / len(golds)


def numbered(text: str) -> dict[str, str]:
    """Lines such as `3. seven` or `3: seven`, by number; the first of each counts."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        head, rest = _split(line.strip())
        if head.isdecimal() and head.isascii():
            # as text: Python refuses to read a number of thousands of digits
            found.setdefault(head.lstrip("0"), rest.strip())
    return found


def _split(line: str) -> tuple[str, str]:
    end = next((i for i, letter in enumerate(line) if letter in ".:)"), len(line))
    return line[:end], line[end + 1 :]


def _pairs(pages: Directory) -> list[tuple[Firm, Firm]]:
    firms = pages.firms
    return list(zip(firms[::2], firms[1::2], strict=True))
