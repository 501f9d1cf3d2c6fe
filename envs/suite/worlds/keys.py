"""Keys: open the vault; every key breaks in its lock, and some locks are not worth a key.

It trains strategy by planning backwards: forwards each door looks as good as its neighbour, from
the vault it is plain which are needed. The horizon is the doors of a shortest plan, all of which
must be opened. Beside the reward: `dead_end` (a needed key is broken), `repeated_mistakes`.
Source: key-and-door tasks such as MiniGrid's KeyCorridor (arXiv 2306.13831), keys being used up.
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
from forethought.envs.suite.worlds.locks import HALL, Castle, Door, draw
from forethought.envs.suite.worlds.mistakes import Mistakes
from forethought.envs.task import Split, Task, hidden_of


class Keys(Env):
    """Open doors until the vault is open; several a turn if wanted. See the module."""

    card: ClassVar[Card] = Card(
        traits=("strategy",),
        horizon_unit="doors",
        horizons=(1, 256),
        usual_horizons=(3, 5, 8, 12),
        floor=0.035,
        prompt_chars=16_000,
        source="key-and-door tasks such as MiniGrid's KeyCorridor (arXiv 2306.13831)",
    )
    instructions = (
        "Each line is a room: the key that opens its door, where the door stands, the keys inside. "
        "A key opens one door and breaks. Open the vault.\n"
        "One door per line, like: open r3"
    )
    state_fields = ("opened", "mistakes")

    def __init__(self, *, horizon: int | None = None, split: Split = "train") -> None:
        super().__init__(horizon=horizon, split=split)
        self.castle = Castle(doors={}, in_hall=(), vault="")
        self.opened: tuple[str, ...] = ()
        """Rooms in the order in which they were opened."""
        self.mistakes = Mistakes()
        self._needed: list[str] = []

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """A castle in which exactly `horizon` doors must be opened; see `locks`."""
        return task_of(draw(rng, horizon=horizon))

    async def begin(self) -> str:
        """Lock all doors. Raises ValueError if the task holds no castle."""
        self.castle = _read_task(self.task)
        self.opened, self.mistakes = (), Mistakes()
        self._needed = self.castle.needed()
        return self.task.prompt

    async def reply(self, text: str) -> str:
        """Open doors in order, up to the first that cannot be opened or the vault."""
        rooms = [command.rest.lower() for command in commands(text, ("open",))]
        if not rooms:
            self.info["format_error"] = True
            return "No action found. Write one per line, like: open r3"
        problem = ""
        for room in rooms:
            if not problem and not self.over:
                problem = self._open(room)
        if self.over:
            return "the vault is open"
        keys = " ".join(sorted((+self.castle.keys(self.opened)).elements())) or "none"
        return f"{problem}\nyour keys: {keys}" if problem else f"your keys: {keys}"

    def max_steps(self) -> int:
        """Room for doors that were not needed."""
        return self.task.horizon + self.task.horizon // 2 + 4

    @reward
    def vault_open(self) -> float:
        """1 if the vault is open."""
        return float(self.castle.vault in self.opened)

    @metric
    def dead_end(self) -> float:
        """1 if a key was broken that a needed door needs: the vault cannot be opened any more."""
        return float(self._is_dead())

    @metric
    def repeated_mistakes(self) -> float:
        """Share of actions that repeat one which failed before in the same state."""
        return self.mistakes.repeated

    def oracle(self) -> str:
        """The next needed door; the first reply opens with the chain, from the vault backwards."""
        waiting = [room for room in self._needed if room not in self.opened]
        if self._is_dead() or not waiting:
            return "no way left"
        line = f"open {waiting[0]}"
        if self.num_steps:
            return line
        chain = "; ".join(self._reason(room) for room in reversed(waiting))
        return f"plan: {chain}\n{line}"

    def floor(self, rng: np.random.Generator) -> str:
        """A random door."""
        rooms = list(self.castle.doors)
        return f"open {rooms[int(rng.integers(len(rooms)))]}"

    def _open(self, room: str) -> str:
        """Open a door; what stands against it, "" if nothing does."""
        problem = self.castle.why_not(room, self.opened)
        self.mistakes.note(self.opened, room, failed=bool(problem))
        if problem:
            return f"cannot open {room}: {problem}"
        self.opened = (*self.opened, room)
        self.over = room == self.castle.vault
        return ""

    def _is_dead(self) -> bool:
        """Needed keys are one of a kind, so a decoy that took one ends all hope."""
        keys = {self.castle.doors[room].key for room in self._needed}
        decoys = set(self.opened) - set(self._needed)
        return any(self.castle.doors[room].key in keys for room in decoys)

    def _reason(self, room: str) -> str:
        """`r3 needs k5, in r1`."""
        door = self.castle.doors[room]
        places = (place for place, other in self.castle.doors.items() if door.key in other.holds)
        return f"{room} needs {door.key}, in {next(places, HALL)}"


def task_of(castle: Castle) -> Task:
    """The task of a castle; its horizon is the number of doors that must be opened."""
    lines = [
        f"{room}: {door.key}, in {door.stands_in}, holds {' '.join(door.holds) or 'nothing'}"
        for room, door in castle.doors.items()
    ]
    prompt = "\n".join(
        (f"hall: holds {' '.join(castle.in_hall)}", *lines, f"vault: {castle.vault}")
    )
    data = _Data(
        doors={room: (door.key, door.stands_in, door.holds) for room, door in castle.doors.items()},
        in_hall=castle.in_hall,
        vault=castle.vault,
    )
    return Task(
        id=f"keys-{hashlib.sha256(prompt.encode()).hexdigest()[:12]}",
        prompt=prompt,
        data=data.model_dump(mode="json"),
        traits=Keys.card.traits,
        horizon=len(castle.needed()),
    )


class _Data(BaseModel):
    """Hidden part of a task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    doors: dict[str, tuple[str, str, tuple[str, ...]]]
    in_hall: tuple[str, ...]
    vault: str


def _read_task(task: Task) -> Castle:
    data = hidden_of(task, _Data, told="is no keys task", advice="make one with task_of")
    doors = {
        room: Door(key=key, stands_in=place, holds=holds)
        for room, (key, place, holds) in data.doors.items()
    }
    castle = Castle(doors=doors, in_hall=data.in_hall, vault=data.vault)
    opened: list[str] = []
    for room in castle.needed() if data.vault in doors else [data.vault]:
        problem = castle.why_not(room, opened)
        if problem:
            raise ValueError(f"task {task.id!r}: {room} cannot be opened: {problem}")
        opened.append(room)
    return castle
