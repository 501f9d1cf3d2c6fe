"""Boxes: push every box to its place in a warehouse where a box in a corner stays there.

It trains strategy with moves that cannot be undone (Sokoban): look before you push. The horizon is
the pushes of a shortest plan; walking between pushes is free. Beside the reward: `deadlocked`
(pushed to where the goal is out of reach), `optimality`, `repeated_mistakes`.
Source: Sokoban (Culberson 1997: PSPACE-complete); reverse play as in Taylor & Parberry 2011.
"""

from __future__ import annotations

import hashlib
import re
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from forethought.envs.base import Env
from forethought.envs.card import Card
from forethought.envs.lines import without_plan
from forethought.envs.scoring import metric, reward
from forethought.envs.suite.worlds import stock, warehouse
from forethought.envs.suite.worlds.mistakes import Mistakes
from forethought.envs.suite.worlds.warehouse import DIRECTIONS, Push, Room, mask
from forethought.envs.task import Split, Task, hidden_of

_LINE = re.compile(
    r"^\W*(?:\d+\W+)?([a-z])\s+(up|down|left|right)(?:\s+(\d{1,3}))?\W*$", re.IGNORECASE
)


class Boxes(Env):
    """Push lettered boxes (a) to their places (A); see the module."""

    card: ClassVar[Card] = Card(
        traits=("strategy",),
        horizon_unit="pushes",
        horizons=(1, 256),
        usual_horizons=(4, 6, 8, 12),
        floor=0.035,
        source="Sokoban; reverse play as in Taylor & Parberry 2011",
    )
    instructions = (
        "# wall, . floor, @ you, a a box, A the place of box a. You walk freely but only push.\n"
        "Push every box to its place. One push per line: BOX up|down|left|right STEPS, "
        "like: a left 2"
    )
    state_fields = ("boxes", "pusher", "num_pushes", "mistakes", "_expert")

    def __init__(self, *, horizon: int | None = None, split: Split = "train") -> None:
        super().__init__(horizon=horizon, split=split)
        self.room = Room(width=0, floor=0, places={})
        self.boxes: dict[str, int] = {}
        self.pusher = 0
        self.num_pushes = 0
        self.mistakes = Mistakes()
        self._alive: dict[str, int] = {}
        """Cells from which a box can get to its place at all."""
        self._expert: tuple[dict[str, int], list[Push]] = ({}, [])

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """A warehouse whose shortest plan has exactly `horizon` pushes; see `stock`."""
        return task_of(stock.draw(rng, horizon=horizon), horizon=horizon)

    async def begin(self) -> str:
        """Set the warehouse up. Raises ValueError if the task holds none."""
        self.room, self.boxes, self.pusher = _read_task(self.task)
        self.num_pushes, self.mistakes = 0, Mistakes()
        self._alive = {
            label: sum(warehouse.rings(self.room, place))
            for label, place in self.room.places.items()
        }
        self._expert = ({}, [])
        return self.task.prompt

    async def reply(self, text: str) -> str:
        """Make the pushes in `text`, up to the first that cannot be made."""
        found = [_LINE.match(line) for line in re.split(r"[\n;]", without_plan(text))]
        lines = [match for match in found if match]
        if not lines:
            self.info["format_error"] = True
            return "No push found. Write one per line, like: a left 2"
        problem = ""
        for match in lines:
            label, direction, count = match[1].lower(), match[2].lower(), int(match[3] or 1)
            problem = problem or self._push(label, direction, count)
        self.over = self._is_done()
        room = "all home" if self.over else "\n".join(self._rows())
        return f"{problem}\n{room}" if problem else room

    def max_steps(self) -> int:
        """Room for detours."""
        return 2 * self.task.horizon + 8

    @reward
    def all_home(self) -> float:
        """1 if every box is at its place."""
        return float(self._is_done())

    @metric
    def deadlocked(self) -> float:
        """1 if a box stands where it can never get to its place, even with no other box about."""
        return float(any(not self._alive[label] >> cell & 1 for label, cell in self.boxes.items()))

    @metric
    def optimality(self) -> float | None:
        """Pushes of a shortest plan over pushes made; None if not all are home."""
        return self.task.horizon / self.num_pushes if self._is_done() else None

    @metric
    def repeated_mistakes(self) -> float:
        """Share of actions that repeat one which failed before in the same state."""
        return self.mistakes.repeated

    def oracle(self) -> str:
        """The expert's pushes up to its next turn; the first reply opens with the order of boxes.

        Where it knows no way any more it pushes nothing.
        """
        boxes, pushes = self._expert
        if boxes != self.boxes:
            pushes = warehouse.solve(self.room, self.boxes, self.pusher) or []
        count = next((i for i, push in enumerate(pushes) if push != pushes[0]), len(pushes))
        after = dict(self.boxes)
        for label, direction in pushes[:count]:
            after[label] += self.room.step(direction)
        self._expert = (after, pushes[count:])
        line = " ".join((*pushes[0], str(count))) if pushes else "no way left"
        order = dict.fromkeys(label for label, _ in pushes)
        return f"plan: {', then '.join(order)}\n{line}" if self.num_steps == 0 else line

    def floor(self, rng: np.random.Generator) -> str:
        """A random box in a random direction."""
        label = sorted(self.boxes)[int(rng.integers(len(self.boxes)))]
        return f"{label} {DIRECTIONS[int(rng.integers(len(DIRECTIONS)))]}"

    def _push(self, label: str, direction: str, count: int) -> str:
        """Push a box as far as it goes; what stopped it, "" if nothing did."""
        for _ in range(count):
            state = (tuple(sorted(self.boxes.items())), self._region())
            problem = self._why_not(label, direction)
            self.mistakes.note(state, f"{label} {direction}", failed=bool(problem))
            if problem:
                return f"cannot push {label} {direction}: {problem}"
            self.pusher = self.boxes[label]
            self.boxes = {**self.boxes, label: self.pusher + self.room.step(direction)}
            self.num_pushes += 1
        return ""

    def _why_not(self, label: str, direction: str) -> str:
        if label not in self.boxes:
            return "no such box"
        step = self.room.step(direction)
        ahead = self.boxes[label] + step
        if not self.room.floor >> ahead & 1:
            return "a wall is in the way"
        other = next((name for name, cell in self.boxes.items() if cell == ahead), None)
        if other is not None:
            return f"{other} is in the way"
        behind = self.boxes[label] - step
        return "" if self._region() >> behind & 1 else "you cannot get behind it"

    def _region(self) -> int:
        return self.room.region(self.pusher, mask(self.boxes.values()))

    def _is_done(self) -> bool:
        return self.boxes == self.room.places

    def _rows(self) -> list[str]:
        return stock.draw_rows(self.room, self.boxes, self.pusher)


def task_of(rows: tuple[str, ...], *, horizon: int) -> Task:
    """The task of a warehouse; `horizon` is the pushes of a shortest plan."""
    prompt = "\n".join(rows)
    return Task(
        id=f"boxes-{hashlib.sha256(prompt.encode()).hexdigest()[:12]}",
        prompt=prompt,
        data={"rows": list(rows)},
        traits=Boxes.card.traits,
        horizon=horizon,
    )


class _Data(BaseModel):
    """Hidden part of a task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: tuple[str, ...]


def _read_task(task: Task) -> tuple[Room, dict[str, int], int]:
    data = hidden_of(task, _Data, told="is no boxes task", advice="make one with task_of")
    try:
        return stock.read_rows(data.rows)
    except ValueError as error:
        raise ValueError(f"task {task.id!r}: {error}") from None
