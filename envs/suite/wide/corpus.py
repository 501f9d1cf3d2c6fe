"""Corpus: one figure about a body of records many times larger than a context.

A shard of some 2,000 characters is read at a time, and the answer is a sum, a count or a maximum
over all of them: map, then reduce. What has been read need not stay, what it came to must. Each
shard can be given to a sub-agent, and a good part is several shards. After the aggregation tasks
of Oolong (arXiv 2511.02817) and recursive language models (arXiv 2512.24601), made exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from forethought.envs.base import Env
from forethought.envs.calls import render_call
from forethought.envs.card import Card
from forethought.envs.granted import MIND_TOOLS, plan
from forethought.envs.lines import without_plan
from forethought.envs.scoring import metric, reward
from forethought.envs.suite.wide.pages import draw_seed
from forethought.envs.task import Split, Task
from forethought.envs.tools import tool

Question = Literal["sum", "count", "max"]
RECORDS = 40
"""In a shard."""
TOWNS = ["Arden", "Bexley", "Corran", "Dunmore", "Elsworth", "Farley", "Glenhaven", "Hartwell"]
GOODS = ["barrels", "bells", "bricks", "candles", "chairs", "clocks", "gloves", "kettles"]
ASKED: dict[Question, str] = {
    "sum": "How many {goods} were shipped to {town} in all",
    "count": "How many shipments of {goods} went to {town}",
    "max": "How many {goods} were in the largest shipment to {town}",
}


class Shipment(NamedTuple):
    """One record."""

    day: int
    town: str
    goods: str
    amount: int


class Corpus(Env):
    """As many shards as the horizon says.

    The expert reads one shard a turn and keeps what it came to in its plan, or has
    `oracle_children` sub-agents read equal parts.
    """

    card: ClassVar[Card] = Card(
        traits=("abstraction", "strategy"),
        horizon_unit="shards of 2,000 characters",
        horizons=(1, 256),
        usual_horizons=(2, 4, 8, 16),
        floor=0.0,
        source="Oolong, arXiv 2511.02817",
    )
    grants = (*MIND_TOOLS, plan)
    state_fields = ("read",)
    instructions = "Records lie in numbered shards. Answer with the number alone."

    def __init__(
        self, *, horizon: int | None = None, split: Split = "train", oracle_children: int = 0
    ) -> None:
        super().__init__(horizon=horizon, split=split)
        if oracle_children < 0:
            raise ValueError(f"the expert has 0 sub-agents or more, not {oracle_children}")
        self.oracle_children = oracle_children
        self.read: dict[int, None] = {}
        """Shards that were read, by sub-agents too, in their order."""

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """A question about records that are drawn from the task's seed."""
        seed = draw_seed(rng)
        kind = get_args(Question)[int(rng.integers(3))]
        town = TOWNS[int(rng.integers(len(TOWNS)))]
        goods = GOODS[int(rng.integers(len(GOODS)))]
        parts = [result(seed, n, kind, town, goods) for n in range(1, horizon + 1)]
        asked = ASKED[kind].format(goods=goods, town=town)
        return Task(
            id=f"corpus-{horizon}-{seed}-{kind}",
            prompt=f"{asked}? The records are in shards 1 to {horizon}.",
            answer=str(merged(parts, kind)),
            data={"seed": seed, "kind": kind, "town": town, "goods": goods},
            traits=self.card.traits,
            horizon=horizon,
        )

    async def begin(self) -> str:
        """Nothing is read yet. Raises ValueError for a task of another kind."""
        data = self.task.data
        if not isinstance(data.get("seed"), int) or data.get("kind") not in ASKED:
            raise ValueError(f"task {self.task.id!r} is none of the corpus")
        self.read = {}
        return self.task.prompt

    def max_steps(self) -> int:
        """Room to read every shard twice."""
        return 2 * self.task.horizon + 12

    @tool
    def open(self, shard: int) -> str:
        """read a shard by its number"""
        if not 1 <= shard <= self.task.horizon:
            raise LookupError(f"no shard {shard}; there are 1 to {self.task.horizon}")
        self.read[shard] = None
        records = records_of(self._seed(), shard)
        return "\n".join(
            f"day {each.day}: {each.amount} {each.goods} to {each.town}" for each in records
        )

    @tool
    def submit(self, answer: str, confidence: float | None = None) -> str:
        """give the number and, from 0 to 1, how sure you are that it is right"""
        return super().submit(answer, confidence)

    async def reply(self, text: str) -> str:
        """Text without a call is the answer."""
        return self.submit(without_plan(text))

    @reward
    def right(self) -> float:
        """1 for the exact number."""
        given = "" if self.submitted is None else self.submitted.answer
        return float(given.replace(",", "").strip() == self.task.answer)

    @metric
    def shards_read(self) -> float:
        """Share of the shards that somebody read."""
        return len(self.read) / self.task.horizon

    @metric
    def error(self) -> float | None:
        """How far off the number is, as a share of the right one; None without a number."""
        given = "" if self.submitted is None else self.submitted.answer.replace(",", "").strip()
        if not (given.isdecimal() and given.isascii()) or len(given) > 18:
            return None
        right = int(str(self.task.answer))
        return abs(int(given) - right) / max(1, right)

    def oracle(self) -> str:
        """The next shard with what the last ones came to, or the parts, or the answer."""
        if self.oracle_children:
            return self._lead()
        done = len(self.read)
        if done == self.task.horizon:
            return render_call("submit", {"answer": str(self.task.answer)})
        opening = render_call("open", {"shard": done + 1})
        if done == 0:
            return (
                f"plan: read {self.task.horizon} shards in turn, keep the result; answer\n{opening}"
            )
        return f"plan: so far {self._part_result(range(1, done + 1))}\n{opening}"

    def child_oracle(self, child: Env) -> str:
        """The shards of one of the expert's own parts, then what they came to."""
        for numbers in self._parts():
            if child.task.prompt == self._part(numbers):
                if child.num_steps < len(numbers):
                    return render_call("open", {"shard": numbers[child.num_steps]})
                return str(self._part_result(numbers))
        raise ValueError("the expert knows only the parts that it hands out itself")

    def floor(self, rng: np.random.Generator) -> str:
        """Read some shard, or guess."""
        if rng.random() < 0.7:
            return render_call("open", {"shard": int(rng.integers(1, self.task.horizon + 1))})
        return render_call("submit", {"answer": str(rng.integers(10_000))})

    def _lead(self) -> str:
        if self.num_steps:
            return render_call("submit", {"answer": str(self.task.answer)})
        tasks = [self._part(numbers) for numbers in self._parts()]
        spawning = render_call("spawn", {"tasks": list(tasks)})
        return f"plan: spawn {len(tasks)} for the shards; merge; answer\n{spawning}"

    def _parts(self) -> list[Sequence[int]]:
        numbers = range(1, self.task.horizon + 1)
        size = -(-len(numbers) // max(1, self.oracle_children))
        return [numbers[start : start + size] for start in range(0, len(numbers), size)]

    def _part(self, numbers: Sequence[int]) -> str:
        asked = self.task.prompt.partition("?")[0]
        return f"{asked}, in shards {numbers[0]} to {numbers[-1]}? Reply with the number alone."

    def _part_result(self, numbers: Sequence[int]) -> int:
        data = self.task.data
        kind = next(each for each in get_args(Question) if each == data["kind"])
        town, goods = str(data["town"]), str(data["goods"])
        return merged([result(self._seed(), n, kind, town, goods) for n in numbers], kind)

    def _seed(self) -> int:
        return int(str(self.task.data["seed"]))


def records_of(seed: int, number: int) -> list[Shipment]:
    """The records of a shard of the corpus of a seed."""
    columns = _columns(seed, number).T.tolist()
    return [Shipment(day=d, town=TOWNS[t], goods=GOODS[g], amount=a) for d, t, g, a in columns]


def result(seed: int, number: int, kind: Question, town: str, goods: str) -> int:
    """What the records of a shard come to."""
    _, towns, kinds, amounts = _columns(seed, number)
    meant = amounts[(towns == TOWNS.index(town)) & (kinds == GOODS.index(goods))]
    if kind == "count":
        return len(meant)
    return int(meant.sum() if kind == "sum" else meant.max(initial=0))


@lru_cache(maxsize=4096)
def _columns(seed: int, number: int) -> NDArray[np.int64]:
    """Days, towns, goods and amounts, RECORDS of each."""
    rng = np.random.default_rng((seed, number))
    low = np.array([[1], [0], [0], [1]])
    high = np.array([[366], [len(TOWNS)], [len(GOODS)], [1000]])
    return rng.integers(low, high, size=(4, RECORDS))


def merged(parts: Sequence[int], kind: Question) -> int:
    """What the parts come to together."""
    return max(parts, default=0) if kind == "max" else sum(parts)
