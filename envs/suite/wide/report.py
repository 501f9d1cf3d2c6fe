"""Report: write down what is known about a town's firms, every statement with its source.

The report is scored by its statements, as research reports are: recall is the share of required
facts that are stated and cite a page which says so; precision is the share of the statements with
a source whose source says so. One without the other is worth nothing: the reward is their product,
gated by every required page being cited. After ALCE (arXiv 2305.14627), citation recall and
precision, with exact facts in place of an entailment model, so that no judge can be talked over.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from forethought.envs.card import Card
from forethought.envs.rewards import normalise
from forethought.envs.scoring import metric, reward
from forethought.envs.suite.wide.directory import Field, Firm, directory
from forethought.envs.suite.wide.pages import Pages, draw_seed
from forethought.envs.task import Task

FACTS: tuple[Field, ...] = ("founded", "product", "staff")
DISTRACTORS = 3
"""Pages of other firms for each that the report is about, up to a dozen."""
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
        """Share of the required facts that are stated and cite their page."""
        stated = self._statements()
        asked = [self.firms.firm(name) for name in self.needed()]
        found = [
            any(_states(text, firm, field) and firm.name in sources for text, sources in stated)
            for firm in asked
            for field in FACTS
        ]
        return sum(found) / len(found)

    @metric
    def precision(self) -> float:
        """Share of the lines that state a fact of a page that they cite; 0 without any line."""
        stated = self._statements()
        if not stated:
            return 0.0
        return sum(self._is_supported(text, sources) for text, sources in stated) / len(stated)

    def _is_supported(self, text: str, sources: Sequence[str]) -> bool:
        """Whether all that it says of figures and goods stands on one page that it cites."""
        cited = [firm for firm in self.firms.firms if firm.name in sources]
        return any(
            any(_states(text, firm, field) for field in FACTS) and not _foreign(text, firm)
            for firm in cited
        )

    def _statements(self) -> list[tuple[str, list[str]]]:
        """Lines of the report, without their sources, and these."""
        text = "" if self.submitted is None else self.submitted.answer
        lines = [line for line in text.splitlines() if line.strip()]
        return [(_CITED.sub("", line), _CITED.findall(line)) for line in lines]


def statement(firm: Firm, field: Field) -> str:
    """A fact as the expert writes it down."""
    said = {
        "founded": f"{firm.name} was founded in {firm.founded}",
        "product": f"{firm.name} makes {firm.product}",
        "staff": f"{firm.name} employs {firm.staff} people",
    }
    return f"{said[field]} [{firm.name}]"


def _states(text: str, firm: Firm, field: Field) -> bool:
    words = normalise(text).split()
    return normalise(firm.name) in " ".join(words) and normalise(firm.value(field)) in words


def _foreign(text: str, firm: Firm) -> bool:
    """Whether it holds a figure that the firm's page does not."""
    own = set(re.findall(r"\d+", firm.page()))
    return any(figure not in own for figure in re.findall(r"\d+", text))
