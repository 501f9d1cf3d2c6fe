"""Passages: find the way through rooms by notes that are read once, long before they are needed.

It trains memory as a part of strategy: carry the facts that will matter, drop those that will not,
and do not try again what has failed. Only the present room is seen, its notes only on entering it.
The horizon is the doors on the way, each of which is one action; few wrong ones are forgiven.
Beside the reward: `repeated_mistakes`, `wrong_doors`, `progress`.
Source: text worlds with partial observation as in TextWorld's cooking and coin games
(arXiv 1806.11532), memory made the only difficulty.
"""

from __future__ import annotations

import hashlib
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from forethought.envs.base import Env
from forethought.envs.card import Card
from forethought.envs.lines import first_command
from forethought.envs.scoring import metric, reward
from forethought.envs.suite.worlds.corridors import NUM_DOORS, Corridor, draw
from forethought.envs.suite.worlds.mistakes import Mistakes
from forethought.envs.task import Split, Task, hidden_of


class Passages(Env):
    """Walk from room to room, one door a turn; see the module."""

    card: ClassVar[Card] = Card(
        traits=("strategy", "abstraction"),
        horizon_unit="doors",
        horizons=(1, 256),
        usual_horizons=(4, 8, 16, 32),
        floor=0.0025,
        source="partially observed text worlds as in TextWorld (arXiv 1806.11532)",
    )
    instructions = (
        "Each room has one door that leads on. Notes tell which, of this room or of later ones, "
        "and some of rooms that never come; they are shown once. Few wrong doors are forgiven.\n"
        "One action a turn, like: take red"
    )
    state_fields = ("index", "mistakes", "carried")

    def __init__(self, *, horizon: int | None = None, split: Split = "train") -> None:
        super().__init__(horizon=horizon, split=split)
        self.way: tuple[Corridor, ...] = ()
        self.index = 0
        """How many rooms are behind the agent."""
        self.mistakes = Mistakes()
        self.carried: dict[str, str] = {}
        """What the notes have told so far: rooms and their doors."""

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """A way of `horizon` rooms; see `corridors`."""
        return task_of(draw(rng, horizon=horizon))

    async def begin(self) -> str:
        """Enter the first room. Raises ValueError if the task holds no way."""
        self.way = _read_task(self.task)
        self.index, self.mistakes = 0, Mistakes()
        self.carried = dict(self.way[0].notes)
        return self.task.prompt

    async def reply(self, text: str) -> str:
        """Take a door; a wrong one leads nowhere."""
        command = first_command(text, ("take",))
        if command is None:
            self.info["format_error"] = True
            return "No action found. Write one like: take red"
        room = self.way[self.index]
        door = command.rest.lower().strip(". ").removesuffix(" door")
        is_right = door == room.right
        self.mistakes.note(self.index, door, failed=not is_right)
        if not is_right:
            why = "is walled up behind" if door in room.doors else "is not here"
            return f"the {door} door {why}; you are in the {room.name}"
        self.index += 1
        self.over = self.index == len(self.way)
        if self.over:
            return "you are out"
        self.carried.update(self.way[self.index].notes)
        return _view(self.way[self.index])

    def max_steps(self) -> int:
        """Two wrong doors, and one more for each eight rooms."""
        return self.task.horizon + 2 + self.task.horizon // 8

    @reward
    def out(self) -> float:
        """1 if the last door was found."""
        return float(self.index == len(self.way))

    @metric
    def progress(self) -> float:
        """Share of the rooms that were left behind."""
        return self.index / len(self.way)

    @metric
    def wrong_doors(self) -> float:
        """Actions that led nowhere."""
        return float(self.mistakes.num_failed)

    @metric
    def repeated_mistakes(self) -> float:
        """Share of actions that repeat one which failed before in the same state."""
        return self.mistakes.repeated

    def oracle(self) -> str:
        """The door that the notes read so far name, after what is still to be carried."""
        room = self.way[self.index]
        line = f"take {self.carried[room.name]}"
        if self.num_steps:
            return line
        known = "; ".join(f"{name} {door}" for name, door in self.carried.items())
        return f"plan: remember {known}\n{line}"

    def floor(self, rng: np.random.Generator) -> str:
        """A random door of the room."""
        return f"take {self.way[self.index].doors[int(rng.integers(NUM_DOORS))]}"


def task_of(way: tuple[Corridor, ...]) -> Task:
    """The task of a way; its horizon is the number of rooms."""
    prompt = f"{_view(way[0])}\nrooms to pass: {len(way)}"
    data = _Data(way=tuple((room.name, room.doors, room.right, room.notes) for room in way))
    digest = hashlib.sha256(data.model_dump_json().encode()).hexdigest()[:12]
    return Task(
        id=f"passages-{digest}",
        prompt=prompt,
        data=data.model_dump(mode="json"),
        traits=Passages.card.traits,
        horizon=len(way),
    )


def _view(room: Corridor) -> str:
    told = [f"{room.name}; doors: {', '.join(room.doors)}"]
    return "\n".join(told + [f"note: in the {name} take {door}" for name, door in room.notes])


class _Data(BaseModel):
    """Hidden part of a task: name, doors, right door and notes of each room."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    way: tuple[tuple[str, tuple[str, ...], str, tuple[tuple[str, str], ...]], ...]


def _read_task(task: Task) -> tuple[Corridor, ...]:
    data = hidden_of(task, _Data, told="is no passages task", advice="make one with task_of")
    told: dict[str, str] = {}
    for name, doors, right, notes in data.way:
        told.update(notes)
        if right not in doors or told.get(name) != right or len(doors) != NUM_DOORS:
            raise ValueError(
                f"task {task.id!r}: the {name} needs {NUM_DOORS} doors, the right one among them, "
                "and a note on it there or before"
            )
    if not data.way:
        raise ValueError(f"task {task.id!r} has no rooms")
    return tuple(
        Corridor(name=name, doors=doors, right=right, notes=notes)
        for name, doors, right, notes in data.way
    )
