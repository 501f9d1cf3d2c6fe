"""Survey: one fact about each of many firms, every one on a page of its own.

The rows do not depend on each other, so that they can be cut into parts and given to sub-agents:
what is trained is to see that, and to hand out parts that are large enough. After WideSearch
(arXiv 2508.07999), whose tables are scored by row as well; the parallel task that Kimi K2.5 trains
sub-agents on (arXiv 2602.02276) is of this kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from forethought.envs.card import Card
from forethought.envs.rewards import exact_match
from forethought.envs.scoring import metric, reward
from forethought.envs.suite.wide.directory import ASKED, FIELDS, Field, directory
from forethought.envs.suite.wide.pages import Pages, draw_seed
from forethought.envs.task import Task


class Survey(Pages):
    """Fill in a table of as many rows as the horizon says."""

    card: ClassVar[Card] = Card(
        traits=("abstraction", "skills"),
        horizon_unit="rows",
        horizons=(1, 256),
        usual_horizons=(4, 8, 16, 32),
        floor=0.0,
        source="WideSearch, arXiv 2508.07999",
    )
    instructions = (
        "Each firm has a page. Answer with one line a firm, in the order asked: NAME: VALUE"
    )

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """Firms and the one field that is asked of all of them."""
        seed, field = draw_seed(rng), FIELDS[int(rng.integers(len(FIELDS)))]
        firms = directory(seed, horizon).firms
        names = "; ".join(firm.name for firm in firms)
        return Task(
            id=f"survey-{horizon}-{seed}-{field}",
            prompt=f"Find {ASKED[field]}, for each of these firms: {names}",
            answer="\n".join(f"{firm.name}: {firm.value(field)}" for firm in firms),
            data={"seed": seed, "size": horizon, "field": field},
            traits=self.card.traits,
            horizon=horizon,
        )

    @reward
    def filled(self) -> float:
        """1 if every row is there, in order, and right."""
        asked = [firm.name.casefold() for firm in self.firms.firms]
        return float(self.rows_right() == 1.0 and [name for name, _ in self._rows()] == asked)

    @metric
    def rows_right(self) -> float:
        """Share of the rows whose value is right, whatever else is written."""
        given = dict(self._rows())
        firms = self.firms.firms
        right = [
            exact_match(given.get(firm.name.casefold(), ""), [firm.value(self._field())])
            for firm in firms
        ]
        return sum(right) / len(firms)

    def part(self, names: Sequence[str]) -> str:
        """The same question about some of the firms."""
        return f"Find {ASKED[self._field()]}, for each of: {'; '.join(names)}. Lines NAME: VALUE"

    def part_answer(self, names: Sequence[str]) -> str:
        """The rows of these firms."""
        found = [self.firms.firm(name) for name in names]
        return "\n".join(f"{firm.name}: {firm.value(self._field())}" for firm in found)

    def _field(self) -> Field:
        field = self.task.data.get("field")
        for known in FIELDS:
            if field == known:
                return known
        raise ValueError(
            f"task {self.task.id!r} asks for {field!r}; there are: {', '.join(FIELDS)}"
        )

    def _rows(self) -> list[tuple[str, str]]:
        """Names, folded, and values of the lines of the answer."""
        text = "" if self.submitted is None else self.submitted.answer
        pairs = [line.partition(":") for line in text.splitlines() if ":" in line]
        return [(name.strip(" -*|").casefold(), value.strip(" |")) for name, _, value in pairs]
