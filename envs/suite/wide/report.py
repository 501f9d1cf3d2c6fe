"""Report: write down what is known about a town's firms, every statement with its source.

The report is scored by its statements, as research reports are: recall is the share of required
facts that are stated and cite a page which says so; precision is the share of the statements with
a source whose source says so. One without the other is worth nothing: the reward is their product.
Only what a source supports counts for either, and what is said twice counts once. After ALCE (arXiv
2305.14627), citation recall and precision, with exact facts in place of an entailment model, so
that no judge can be talked over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from typing import ClassVar

import numpy as np

from forethought.envs.card import Card
from forethought.envs.rewards import normalise
from forethought.envs.scoring import metric, reward
from forethought.envs.suite.wide.directory import PRODUCTS, Field, Firm, directory
from forethought.envs.suite.wide.pages import Pages, draw_seed
from forethought.envs.task import Task

FACTS: tuple[Field, ...] = ("founded", "product", "staff")
DISTRACTORS = 3
"""Pages of other firms for each that the report is about, up to a dozen."""
_GOODS = frozenset(map(normalise, PRODUCTS))
_CITED = re.compile(r"\[([^\[\]\n]{1,80})\]")


class Report(Pages):
    """A report on as many firms as the horizon says; three facts each."""

    card: ClassVar[Card] = Card(
        traits=("abstraction", "skills"),
        horizon_unit="firms to report on",
        horizons=(1, 128),
        usual_horizons=(1, 2, 4, 8),
        floor=0.0,
        source="ALCE, arXiv 2305.14627",
    )
    instructions = (
        "Write one statement a line, each about one firm by its name, and end it with its source: "
        "[NAME OF THE PAGE]. Statements that their source does not support count against you."
    )

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """The first firms of a directory; the others are there to be left alone."""
        seed = draw_seed(rng)
        size = horizon + min(12, DISTRACTORS * horizon)
        firms = directory(seed, size).firms[:horizon]
        names = "; ".join(firm.name for firm in firms)
        return Task(
            id=f"report-{horizon}-{seed}",
            prompt=f"Report when these firms were founded, what they make and how many people work "
            f"there: {names}",
            answer="\n".join(statement(firm, field) for firm in firms for field in FACTS),
            data={"seed": seed, "size": size},
            traits=self.card.traits,
            horizon=horizon,
        )

    @reward
    def supported(self) -> float:
        """Recall times precision of the statements."""
        return self.recall() * self.precision()

    @metric
    def recall(self) -> float:
        """Share of the required facts that a supported line states."""
        stated = self._stated()
        required = {(name, field) for name in self.needed() for field in FACTS}
        found = {fact for facts in stated for fact in facts}
        return len(required & found) / len(required)

    @metric
    def precision(self) -> float:
        """Share of the lines that state a fact of a page that they cite; 0 without any line."""
        stated = self._stated()
        return sum(bool(facts) for facts in stated) / len(stated) if stated else 0.0

    def _stated(self) -> list[set[tuple[str, Field]]]:
        """For each line of the report the facts that it states; one said twice counts once."""
        text = "" if self.submitted is None else self.submitted.answer
        lines = dict.fromkeys(" ".join(line.split()) for line in text.splitlines())
        pages = {firm.name: firm for firm in self.firms.firms}
        return [_facts(line, pages) for line in lines if line]


def statement(firm: Firm, field: Field) -> str:
    """A fact as the expert writes it down."""
    said = {
        "founded": f"{firm.name} was founded in {firm.founded}",
        "product": f"{firm.name} makes {firm.product}",
        "staff": f"{firm.name} employs {firm.staff} people",
    }
    return f"{said[field]} [{firm.name}]"


def _facts(line: str, pages: Mapping[str, Firm]) -> set[tuple[str, Field]]:
    """What a line says that stands on the pages that it cites.

    Nothing, if it names a figure or goods that none of the pages that support it holds: naming
    everything would say something right without a page being read.
    """
    said = normalise(_CITED.sub("", line))
    words = set(said.split())
    cited = [pages[name] for name in _CITED.findall(line) if name in pages]
    found = [firm for firm in cited if normalise(firm.name) in said and not _foreign(words, firm)]
    return {
        (firm.name, field)
        for firm in found
        for field in FACTS
        if normalise(firm.value(field)) in words
    }


def _foreign(words: Set[str], firm: Firm) -> bool:
    """Whether there is a figure or a kind of goods among the words that the firm's page has not."""
    own = set(normalise(firm.page()).split())
    return any(word in _GOODS or any(map(str.isdigit, word)) for word in words - own)
