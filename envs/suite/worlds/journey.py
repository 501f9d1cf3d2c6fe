"""Journey: reach a town before the deadline; which way is fast enough must be seen at the start.

It trains strategy in its plainest form: set off in the right direction (roads that begin short end
too late), and change course when news come, half-way, that the road ahead is closed. The horizon
is the legs of a traveller who always takes the fastest way known. Beside the reward: `right_start`,
`steps_lost` after the news, `repeated_mistakes`.
Source: replanning under changed road states, as in the Canadian traveller's problem
(Papadimitriou & Yannakakis 1991), with one closure that has a way round.
"""

from __future__ import annotations

import hashlib
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from forethought.envs.base import Env
from forethought.envs.card import Card
from forethought.envs.lines import commands
from forethought.envs.scoring import metric, reward
from forethought.envs.suite.worlds.mistakes import Mistakes
from forethought.envs.suite.worlds.roads import Map, draw
from forethought.envs.task import Split, Task, hidden_of


class Journey(Env):
    """Travel leg by leg, several a turn if wanted; see the module."""

    card: ClassVar[Card] = Card(
        traits=("strategy",),
        horizon_unit="legs",
        horizons=(1, 256),
        usual_horizons=(3, 5, 8, 12),
        floor=0.03,
        prompt_chars=12_000,
        source="Canadian traveller's problem (Papadimitriou & Yannakakis 1991)",
    )
    instructions = (
        "Roads go both ways and take the hours given. Be at the goal by the deadline.\n"
        "One leg per line, like: go t3"
    )
    state_fields = ("town", "clock", "is_closed", "right_first", "num_since", "mistakes")

    def __init__(self, *, horizon: int | None = None, split: Split = "train") -> None:
        super().__init__(horizon=horizon, split=split)
        self.map: Map
        self.town = ""
        self.clock = 0
        """Hours that have passed."""
        self.is_closed = False
        """Whether the news have been heard."""
        self.right_first: bool | None = None
        self.num_since = 0
        """Actions since the news."""
        self.mistakes = Mistakes()

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """A map that takes `horizon` legs; see `roads`."""
        return task_of(draw(rng, horizon=horizon), horizon=horizon)

    async def begin(self) -> str:
        """Stand at the start. Raises ValueError if the task holds no map."""
        self.map = _read_task(self.task)
        self.town, self.clock, self.is_closed = self.map.start, 0, False
        self.right_first, self.num_since, self.mistakes = None, 0, Mistakes()
        return self.task.prompt

    async def reply(self, text: str) -> str:
        """Go leg by leg, up to the first that cannot be gone, news, or the end."""
        towns = [command.rest.lower() for command in commands(text, ("go",))]
        if not towns:
            self.info["format_error"] = True
            return "No action found. Write one per line, like: go t3"
        told = ""
        for town in towns:
            if not told and not self.over:
                told = self._go(town)
        here = f"{self.town} at hour {self.clock}"
        if self.over:
            here += ": in time" if self.arrived() else ": too late"
        return f"{told}\n{here}" if told else here

    def max_steps(self) -> int:
        """Room for detours; the deadline ends most of them before."""
        return 2 * self.task.horizon + 4

    @reward
    def arrived(self) -> float:
        """1 if the goal was reached by the deadline."""
        return float(self.town == self.map.goal and self.clock <= self.map.deadline)

    @metric
    def right_start(self) -> float | None:
        """1 if the first leg is one of a fastest way; None if none was made."""
        return None if self.right_first is None else float(self.right_first)

    @metric
    def steps_lost(self) -> float | None:
        """Actions after the news above the legs of the fastest way round; None if not arrived."""
        if not self.is_closed or self.map.news_at is None or not self.arrived():
            return None
        way = self.map.fastest(self.map.news_at, closed=True)
        return None if way is None else float(self.num_since - (len(way[1]) - 1))

    @metric
    def repeated_mistakes(self) -> float:
        """Share of actions that repeat one which failed before in the same state."""
        return self.mistakes.repeated

    def oracle(self) -> str:
        """The next leg of the fastest way known; the way itself at the start and after the news."""
        way = self.map.fastest(self.town, closed=self.is_closed)
        if way is None or len(way[1]) < 2:
            return "no way left"
        hours, towns = way
        line = f"go {towns[1]}"
        if self.num_steps and not (self.is_closed and self.num_since == 0):
            return line
        return f"plan: {' '.join(towns[1:])}, {hours} hours of {self._left()}\n{line}"

    def floor(self, rng: np.random.Generator) -> str:
        """A random road from where it is."""
        towns = sorted(self.map.neighbours[self.town])
        return f"go {towns[int(rng.integers(len(towns)))]}"

    def _go(self, town: str) -> str:
        """Make a leg; what is to be told of it beside where it led, "" if nothing."""
        self.num_since += self.is_closed
        hours = self.map.neighbours[self.town].get(town)
        closed = self.map.is_closed(self.town, town, closed=self.is_closed)
        failed = hours is None or closed
        self.mistakes.note((self.town, self.is_closed), town, failed=failed)
        if hours is None or closed:
            return f"cannot go {town}: {'the road is closed' if closed else 'no road leads there'}"
        if self.right_first is None:
            self.right_first = hours + self._hours_from(town) == self._hours_from(self.town)
        self.town, self.clock = town, self.clock + hours
        self.over = self.town == self.map.goal or self._left() < 0
        if town == self.map.news_at and self.map.closes is not None and not self.is_closed:
            self.is_closed = True
            return f"news: the road {'-'.join(self.map.closes)} is closed"
        return ""

    def _hours_from(self, town: str) -> int:
        """Hours of the fastest way from a town, before the news."""
        way = self.map.fastest(town, closed=False)
        assert way is not None, "the goal can be reached from the start, and roads go both ways"
        return way[0]

    def _left(self) -> int:
        """Hours to the deadline."""
        return self.map.deadline - self.clock


def task_of(roads: Map, *, horizon: int) -> Task:
    """The task of a map; `horizon` is the legs of who always takes the fastest way known."""
    listed = ", ".join(f"{one}-{other} {hours}" for (one, other), hours in roads.hours.items())
    prompt = f"roads: {listed}\nfrom {roads.start} to {roads.goal}, deadline: hour {roads.deadline}"
    data = _Data(
        roads=tuple((one, other, hours) for (one, other), hours in roads.hours.items()),
        start=roads.start,
        goal=roads.goal,
        deadline=roads.deadline,
        news_at=roads.news_at,
        closes=roads.closes,
    )
    return Task(
        id=f"journey-{hashlib.sha256(prompt.encode()).hexdigest()[:12]}",
        prompt=prompt,
        data=data.model_dump(mode="json"),
        traits=Journey.card.traits,
        horizon=horizon,
    )


class _Data(BaseModel):
    """Hidden part of a task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    roads: tuple[tuple[str, str, int], ...]
    start: str
    goal: str
    deadline: int
    news_at: str | None
    closes: tuple[str, str] | None


def _read_task(task: Task) -> Map:
    data = hidden_of(task, _Data, told="is no journey task", advice="make one with task_of")
    try:
        roads = Map(
            hours={(one, other): hours for one, other, hours in data.roads},
            start=data.start,
            goal=data.goal,
            deadline=data.deadline,
            news_at=data.news_at,
            closes=data.closes,
        )
    except ValueError as error:
        raise ValueError(f"task {task.id!r}: {error}") from None
    for town, closed in ((roads.start, False), (roads.news_at or roads.start, True)):
        if roads.fastest(town, closed=closed) is None:
            raise ValueError(f"task {task.id!r}: no way leads from {town} to {roads.goal}")
    return roads
