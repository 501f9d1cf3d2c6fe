"""TextWorld: generated text adventures, as ours (Côté et al., arXiv 1806.11532, MIT).

The horizon is the length of the quest, and every game is won by exactly that many commands that
matter; the game's own walkthrough is the expert. Making a game runs its compiler: a second or two.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, ClassVar

from forethought.envs.adapters.game import MAX_STEPS, GameEnv, Reply
from forethought.envs.adapters.library import library
from forethought.envs.card import Card
from forethought.envs.needs import package
from forethought.envs.task import Split

INSTALL = "forethought[textworld]"


class TextWorld(GameEnv):
    """A house of `rooms` rooms, with a quest in it."""

    card: ClassVar[Card] = Card(
        traits=("strategy",),
        horizon_unit="commands of the quest",
        horizons=(1, 12),
        usual_horizons=(2, 4, 6),
        licence="MIT",
        source="TextWorld, arXiv 1806.11532",
        needs=(package("textworld", install=INSTALL),),
    )
    instructions = "You play a text adventure. Reply with one command, such as: go east."
    tells_expert = True

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        rooms: int = 4,
        max_turns: int = MAX_STEPS,
    ) -> None:
        super().__init__(horizon=horizon, split=split, max_turns=max_turns)
        if not 1 <= rooms <= 20:
            raise ValueError(f"rooms are 1 to 20, not {rooms}")
        self.rooms = rooms

    def open_game(self) -> _Adventure:
        """A new game. Raises ValueError without TextWorld."""
        return _Adventure(library("textworld", install=INSTALL), rooms=self.rooms)


class _Adventure:
    def __init__(self, textworld: ModuleType, *, rooms: int) -> None:
        self._textworld = textworld
        self._rooms = rooms
        self._folder = TemporaryDirectory(prefix="textworld-")
        self._env: Any = None
        self._score = 0.0

    def begin(self, seed: int, *, horizon: int) -> Reply:
        options = self._textworld.GameOptions()
        options.seeds = seed
        options.nb_rooms = self._rooms
        options.nb_objects = max(4, horizon + 2)
        options.quest_length = horizon
        options.path = str(Path(self._folder.name, "game.z8"))
        path, _ = self._textworld.make(options)
        wanted = self._textworld.EnvInfos(
            objective=True,
            description=True,
            feedback=True,
            won=True,
            score=True,
            max_score=True,
            policy_commands=True,
        )
        with warnings.catch_warnings():
            # The interpreter knows only published games, and does not need to know ours.
            warnings.simplefilter("ignore")
            self._env = self._textworld.start(path, wanted)
        state = self._env.reset()
        return Reply(text=f"{state.objective}\n\n{state.description}".strip(), expert=_next(state))

    def act(self, action: str) -> Reply:
        command = action.strip().splitlines()[0] if action.strip() else "wait"
        state, _, is_over = self._env.step(command)
        gained = (state.score - self._score) / state.max_score
        self._score = state.score
        return Reply(
            text=_without_status(state.feedback),
            reward=gained,
            terminated=bool(is_over),
            expert=_next(state),
        )

    def end(self) -> None:
        if self._env is not None:
            self._env.close()
        self._folder.cleanup()


def _next(state: Any) -> str | None:
    commands = state.policy_commands or []
    return f"plan: {len(commands)} commands to go\n{commands[0]}" if commands else None


def _without_status(feedback: str) -> str:
    """The answer without the prompt and status line that the interpreter writes after it."""
    return feedback.rpartition("\n>")[0].strip() if "\n>" in feedback else feedback.strip()
