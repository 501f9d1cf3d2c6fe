"""TextArena: its games for one player, as ours (github.com/LeonGuertler/TextArena, MIT).

The reward is what the game gives its player at the end. Some games fetch word lists when they are
made, which needs the network.
"""

from __future__ import annotations

from typing import Any, ClassVar

from forethought.envs.adapters.game import MAX_STEPS, GameEnv, Reply
from forethought.envs.adapters.library import library
from forethought.envs.adapters.shared_random import SharedRandom
from forethought.envs.card import Card
from forethought.envs.needs import package
from forethought.envs.task import Split

INSTALL = "forethought[textarena]"
PLAYER = 0


class TextArena(GameEnv):
    """`game` is an id that TextArena knows, of a game for one player."""

    card: ClassVar[Card] = Card(
        traits=("strategy", "skills"),
        horizon_unit="games",
        horizons=(1, 1),
        floor=0.0,
        licence="MIT",
        source="github.com/LeonGuertler/TextArena",
        needs=(package("textarena", install=INSTALL),),
    )

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        game: str = "GuessTheNumber-v0",
        max_turns: int = MAX_STEPS,
    ) -> None:
        super().__init__(horizon=horizon, split=split, game=game, max_turns=max_turns)

    def open_game(self) -> _Arena:
        """A new game. Raises ValueError without TextArena, or for a game that it does not know."""
        arena = library("textarena", install=INSTALL)
        known = arena.envs.registration.ENV_REGISTRY
        if self.game not in known:
            raise ValueError(f"TextArena has no game {self.game!r}; there are {len(known)}")
        return _Arena(arena.make, self.game)


class _Arena:
    def __init__(self, make: Any, game: str) -> None:
        self._random = SharedRandom(0)
        self._env: Any = self._random.run(lambda: make(game))

    def begin(self, seed: int, *, horizon: int) -> Reply:
        self._random = SharedRandom(seed)

        def start() -> str:
            self._env.reset(num_players=1, seed=seed)
            return str(self._env.get_observation()[1])

        return Reply(text=self._random.run(start))

    def act(self, action: str) -> Reply:
        def step() -> Reply:
            is_over, info = self._env.step(action=action)
            if not is_over:
                return Reply(text=str(self._env.get_observation()[1]))
            rewards, _ = self._env.close()
            paid = float(rewards[PLAYER]) if rewards else 0.0
            return Reply(text=str(info.get("reason", "")), reward=paid, terminated=True)

        return self._random.run(step)

    def end(self) -> None:
        """A game holds nothing."""
