"""Pages: environments whose agent reads pages of a directory, alone or by many hands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from forethought.envs.base import Env
from forethought.envs.calls import render_call
from forethought.envs.granted import MIND_TOOLS, plan
from forethought.envs.lines import without_plan
from forethought.envs.scoring import metric
from forethought.envs.suite.wide.directory import Directory, directory
from forethought.envs.task import Split
from forethought.envs.tools import tool

AT_A_TIME = 8
"""Pages that the expert opens in one turn."""


class Pages(Env):
    """Base: `open` for the pages of a directory drawn from the task's seed, and other minds.

    The expert reads eight pages a turn, or has `oracle_children` sub-agents read them.
    """

    grants = (*MIND_TOOLS, plan)
    state_fields: ClassVar[tuple[str, ...] | None] = ("read",)
    firms: Directory

    def __init__(
        self, *, horizon: int | None = None, split: Split = "train", oracle_children: int = 0
    ) -> None:
        super().__init__(horizon=horizon, split=split)
        if oracle_children < 0:
            raise ValueError(f"the expert has 0 sub-agents or more, not {oracle_children}")
        self.oracle_children = oracle_children
        self.read: dict[str, None] = {}
        """Names of the pages that were read, by sub-agents too, in their order."""

    async def begin(self) -> str:
        """Set up the directory. Raises ValueError for a task that names none."""
        seed, size = self.task.data.get("seed"), self.task.data.get("size")
        if not isinstance(seed, int) or not isinstance(size, int) or size < 1:
            raise ValueError(
                f"task {self.task.id!r} needs seed and size of a directory in its data"
            )
        self.firms = directory(seed, size)
        self.read = {}
        return self.task.prompt

    def max_steps(self) -> int:
        """Room to read every page in a turn of its own, twice."""
        return 2 * len(self.needed()) + 12

    def needed(self) -> Sequence[str]:
        """Pages that the task cannot be done without."""
        return [firm.name for firm in self.firms.firms[: self.task.horizon]]

    @tool
    def open(self, name: str) -> str:
        """read the page of a firm"""
        firm = self.firms.firm(name)
        self.read[firm.name] = None
        return firm.page()

    @tool
    def submit(self, answer: str, confidence: float | None = None) -> str:
        """give the final answer and, from 0 to 1, how sure you are that it is right"""
        return super().submit(answer, confidence)

    async def reply(self, text: str) -> str:
        """Text without a call is the answer."""
        return self.submit(without_plan(text))

    @metric
    def pages_read(self) -> float:
        """Share of the needed pages that somebody read."""
        needed = self.needed()
        return sum(name in self.read for name in needed) / len(needed)

    @metric
    def wasted(self) -> float:
        """Pages read that were not needed, for each one that was."""
        needed = self.needed()
        return len(self.read.keys() - set(needed)) / len(needed)

    def gold(self) -> str:
        """The answer that scores 1."""
        return str(self.task.answer)

    def part(self, names: Sequence[str]) -> str:
        """What a sub-agent is told that reads these pages for the expert."""
        return f"Open the pages of {'; '.join(names)} and reply with what they say."

    def part_answer(self, names: Sequence[str]) -> str:
        """What the sub-agent replies."""
        return "\n".join(self.firms.firm(name).page() for name in names)

    def oracle(self) -> str:
        """The next pages, or the parts for the sub-agents, or the answer."""
        if self.num_steps == 0:
            return f"{self.plan_text()}\n{self._first()}"
        return self._next()

    def child_oracle(self, child: Env) -> str:
        """What a sub-agent does with one of the expert's own parts. Raises ValueError else."""
        for names in self.parts():
            if child.task.prompt == self.part(names):
                return self.part_answer(names) if child.num_steps else opening(names)
        raise ValueError("the expert knows only the parts that it hands out itself")

    def plan_text(self) -> str:
        """The plan in one line."""
        count = len(self.needed())
        if self.oracle_children:
            return f"plan: spawn {len(self.parts())} for {count} pages; join; answer"
        return f"plan: open {count} pages, {AT_A_TIME} at a time; answer"

    def parts(self) -> list[Sequence[str]]:
        """The needed pages in as many equal parts as there are sub-agents."""
        needed = self.needed()
        size = -(-len(needed) // max(1, self.oracle_children))
        return [needed[start : start + size] for start in range(0, len(needed), size)]

    def floor(self, rng: np.random.Generator) -> str:
        """Open some page, or answer with a number."""
        firms = self.firms.firms
        if rng.random() < 0.7:
            return opening([firms[int(rng.integers(len(firms)))].name])
        return render_call("submit", {"answer": str(rng.integers(100))})

    def _first(self) -> str:
        if self.oracle_children:
            return render_call("spawn", {"tasks": [self.part(names) for names in self.parts()]})
        return self._next()

    def _next(self) -> str:
        missing = [name for name in self.needed() if name not in self.read]
        if missing and not self.oracle_children:
            return opening(missing[:AT_A_TIME])
        return render_call("submit", {"answer": self.gold()})


def opening(names: Sequence[str]) -> str:
    """Calls that open pages, all in one turn."""
    return "\n".join(render_call("open", {"name": name}) for name in names)


def draw_seed(rng: np.random.Generator) -> int:
    """The seed of a directory."""
    return int(rng.integers(1 << 31))
