"""Game: an environment of another library, played through its own reset and step.

An adapter says how to make a game; here are its thread, its seeds, its reward and its end. The
task is a seed of theirs: what it leads to is known when the game begins. Two seeds may lead to the
same instance, so that train and eval are disjoint as far as the library's seeds are.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Protocol

import numpy as np

from forethought.envs.adapters.thread import OneThread
from forethought.envs.base import Env
from forethought.envs.card import Card
from forethought.envs.lines import without_plan
from forethought.envs.scoring import metric, reward
from forethought.envs.task import Split, Task

MAX_STEPS = 100
NUM_SEEDS = 1 << 31


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What a game answers."""

    text: str
    reward: float = 0.0
    terminated: bool = False
    truncated: bool = False
    expert: str | None = None
    """The library's own next action, where it tells one."""


class Game(Protocol):
    """One episode elsewhere; every call comes from the same thread."""

    def begin(self, seed: int, *, horizon: int) -> Reply:
        """Start; `text` is what the player reads first."""
        ...

    def act(self, action: str) -> Reply:
        """Take one action, a text."""
        ...

    def end(self) -> None:
        """Release what it holds."""
        ...


class GameEnv(Env):
    """Base of adapters; a subclass says in `open_game` what is played."""

    card: ClassVar[Card] = Card(
        traits=("strategy",), horizon_unit="games", horizons=(1, 1), licence="the library's own"
    )

    tells_expert: ClassVar[bool] = False
    """Whether its replies say what an expert would do."""

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        game: str = "",
        max_turns: int = MAX_STEPS,
    ) -> None:
        super().__init__(horizon=horizon, split=split)
        self.game = game
        self.max_turns = max_turns
        self.latest = Reply(text="")
        self.total = 0.0
        self._thread: OneThread | None = None
        self._playing: Game | None = None

    @abstractmethod
    def open_game(self) -> Game:
        """A new game; called in its thread. Raises ValueError for one that cannot be had."""

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """A seed of the game."""
        seed = int(rng.integers(NUM_SEEDS))
        name = self.game or type(self).__name__
        return Task(
            id=f"{name}-{horizon}-{seed}",
            prompt=f"{name}, instance {seed} of horizon {horizon}",
            data={"game": self.game, "seed": seed},
            traits=self.card.traits,
            horizon=horizon,
        )

    async def begin(self) -> str:
        """Open the game and start it. Raises ValueError for a task of another game."""
        seed, game = self.task.data.get("seed"), self.task.data.get("game")
        if not isinstance(seed, int) or game != self.game:
            raise ValueError(f"task {self.task.id!r} is none of {self.game or type(self).__name__}")
        thread = self._thread = OneThread(type(self).__name__)
        self.resources.push_async_callback(thread.close)
        playing = self._playing = await thread.run(self.open_game)
        self.resources.push_async_callback(partial(thread.run, playing.end))
        self.total = 0.0
        start = partial(playing.begin, seed, horizon=self.task.horizon)
        self.latest = await thread.run(start)
        return self.latest.text

    async def reply(self, text: str) -> str:
        """Hand the reply to the game, without its plan."""
        assert self._thread is not None
        assert self._playing is not None
        act = partial(self._playing.act, without_plan(text))
        self.latest = await self._thread.run(act)
        self.total += self.latest.reward
        self.over = self.latest.terminated
        return self.latest.text

    def max_steps(self) -> int:
        """`max_turns`, or now if the game itself was cut off."""
        return self.num_steps if self.latest.truncated else self.max_turns

    def oracle(self) -> str:
        """The library's own next action. Raises ValueError where it tells none."""
        if self.latest.expert is None:
            raise ValueError(f"{self.game or type(self).__name__} tells no expert's action")
        return self.latest.expert

    def floor(self, rng: np.random.Generator) -> str:
        """A letter, which is a move in few games."""
        return chr(ord("a") + int(rng.integers(26)))

    @classmethod
    def has_oracle(cls) -> bool:
        """Only some libraries tell what an expert would do."""
        return cls.tells_expert

    @reward
    def score(self) -> float:
        """What the game has paid in all."""
        return self.total

    @metric
    def finished(self) -> float:
        """1 if the game came to its own end."""
        return float(self.over)
