"""Gymnasium: environments of others that speak text, or can be told in it, as ours.

An observation is shown as it prints. An action is the text itself where the action space holds
text, and a number where it is Discrete; anything else has no form that a model could write. The
return is the score, so that one outside of 0..1 has to be scaled by a wrapper of Gymnasium's.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

import gymnasium
import gymnasium.error
import numpy as np
from gymnasium.spaces import Discrete

from forethought.envs.adapters.game import MAX_STEPS, GameEnv, Reply
from forethought.envs.card import Card
from forethought.envs.task import Split


class GymnasiumText(GameEnv):
    """`game` is an id that Gymnasium knows, `module:id` to import it first."""

    card: ClassVar[Card] = Card(
        traits=("strategy",),
        horizon_unit="games",
        horizons=(1, 1),
        licence="the game's own",
        floor=0.0125,
    )

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        game: str = "FrozenLake-v1",
        max_turns: int = MAX_STEPS,
    ) -> None:
        super().__init__(horizon=horizon, split=split, game=game, max_turns=max_turns)

    def open_game(self) -> _Gymnasium:
        """A new environment. Raises ValueError for an unknown one, or without a text form."""
        try:
            env: gymnasium.Env[Any, Any] = gymnasium.make(self.game)
        except (gymnasium.error.Error, ModuleNotFoundError) as error:
            raise ValueError(f"Gymnasium cannot make {self.game!r}: {error}") from None
        return _Gymnasium(env)

    def floor(self, rng: np.random.Generator) -> str:
        """A small number, which is an action where the space is Discrete."""
        return str(rng.integers(4))


_NUMBER = re.compile(r"-?[0-9]{1,18}")
"""No longer than an action can be: Python refuses to read a number of thousands of digits."""


class _Gymnasium:
    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        space = env.action_space
        self._discrete = space if isinstance(space, Discrete) else None
        if self._discrete is None and not isinstance(space.sample(), str):
            raise ValueError(f"its actions are {space}, neither text nor Discrete; wrap it first")
        self._env = env

    def begin(self, seed: int, *, horizon: int) -> Reply:
        observation, _ = self._env.reset(seed=seed)
        return Reply(text=self._shown(observation))

    def act(self, action: str) -> Reply:
        chosen: Any = action
        if self._discrete is not None:
            chosen = _number(action)
            if chosen is None or not self._discrete.contains(chosen):
                first = int(self._discrete.start)
                last = first + int(self._discrete.n) - 1
                return Reply(text=f"An action is a number from {first} to {last}.")
        observation, reward, terminated, truncated, _ = self._env.step(chosen)
        return Reply(
            text=self._shown(observation),
            reward=float(reward),
            terminated=terminated,
            truncated=truncated,
        )

    def end(self) -> None:
        self._env.close()

    def _shown(self, observation: object) -> str:
        if self._discrete is None:
            return str(observation)
        first = int(self._discrete.start)
        return f"{observation}\n(actions: {first} to {first + int(self._discrete.n) - 1})"


def _number(text: str) -> int | None:
    found = _NUMBER.fullmatch(text.strip())
    return int(found[0]) if found else None
