"""GEM: its environments as ours (github.com/axon-rl/gem, Apache-2.0).

Rewards are GEM's own sums, which include penalties for actions in a wrong form.
"""

from __future__ import annotations

from typing import Any, ClassVar

from forethought.envs.adapters.game import MAX_STEPS, GameEnv, Reply
from forethought.envs.adapters.library import library
from forethought.envs.adapters.shared_random import SharedRandom
from forethought.envs.card import Card
from forethought.envs.needs import package
from forethought.envs.task import Split

INSTALL = "gem-llm==0.1.0"


class Gem(GameEnv):
    """`game` is an id that GEM knows."""

    card: ClassVar[Card] = Card(
        traits=("strategy", "skills"),
        horizon_unit="games",
        horizons=(1, 1),
        floor=0.0,
        licence="Apache-2.0",
        source="GEM, arXiv 2510.01051",
        needs=(package("gem", install=INSTALL),),
    )

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        game: str = "game:GuessTheNumber-v0-easy",
        max_turns: int = MAX_STEPS,
    ) -> None:
        super().__init__(horizon=horizon, split=split, game=game, max_turns=max_turns)

    def open_game(self) -> _GemGame:
        """A new environment. Raises ValueError without GEM, or for one that it does not know."""
        registration = library("gem.envs.registration", install=INSTALL)
        library("gem.envs", install=INSTALL)
        if self.game not in registration.ENV_REGISTRY:
            known = len(registration.ENV_REGISTRY)
            raise ValueError(f"GEM has no environment {self.game!r}; there are {known}")
        return _GemGame(registration.make, self.game)


class _GemGame:
    def __init__(self, make: Any, game: str) -> None:
        self._random = SharedRandom(0)
        self._env: Any = self._random.run(lambda: make(game))

    def begin(self, seed: int, *, horizon: int) -> Reply:
        self._random = SharedRandom(seed)
        observation, info = self._random.run(lambda: self._env.reset(seed=seed))
        return Reply(text=_with_suffix(observation, info))

    def act(self, action: str) -> Reply:
        observation, reward, terminated, truncated, info = self._random.run(
            lambda: self._env.step(action)
        )
        return Reply(
            text=_with_suffix(observation, info),
            reward=float(reward),
            terminated=bool(terminated),
            truncated=bool(truncated),
        )

    def end(self) -> None:
        """An environment of GEM's holds nothing."""


def _with_suffix(observation: str, info: dict[str, Any]) -> str:
    """GEM's own wrappers add what it wants to be said at the end of each observation."""
    suffix = info.get("suffix")
    return f"{observation}\n{suffix}" if suffix else str(observation)
