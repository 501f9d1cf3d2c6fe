"""Logistics: trucks within cities and an airplane between them bring every package home.

It trains strategy and abstraction: what must be gathered before the one flight, which parts of the
task do not touch each other. No state is a dead end. The horizon is the moves of a shortest plan.
Beside the reward: `optimality`, `illegal`.
Source: the logistics domain of the IPC 2000, as in PlanBench (arXiv 2206.10498).
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import numpy as np

from forethought.envs.card import Card
from forethought.envs.suite.planning import deliveries
from forethought.envs.suite.planning.courier import LOGISTICS, solve
from forethought.envs.suite.planning.strips_env import Mode, StripsEnv, World
from forethought.envs.suite.planning.tasks import read_strips_task, renamed_task
from forethought.envs.suite.planning.wording import Naming, Wording, require_naming
from forethought.envs.task import Split, Task

_TYPES = ("obj", "truck", "location", "airplane", "city")
_RELATIONS = ("airport", "at", "in", "in-city")
PLAIN = Wording(
    domain=LOGISTICS,
    words={name: name for name in (*LOGISTICS.schemas, *_TYPES, *_RELATIONS)},
    unsaid=frozenset(_TYPES),
    landmarks=frozenset({"unload-truck", "unload-airplane"}),
)


class Logistics(StripsEnv):
    """Packages p, trucks t, an airplane a, places l and cities c; see the module.

    `words` renames actions, relations and objects anew in each instance: "deceptive" by words that
    mean something else, "random" by letters. `mode` and `oracle_moves` are those of `StripsEnv`.
    """

    card: ClassVar[Card] = Card(
        traits=("strategy", "abstraction"),
        horizon_unit="moves",
        horizons=(1, 256),
        usual_horizons=(4, 8, 12, 16),
        floor=0.0,
        source="IPC 2000 logistics, as in PlanBench (arXiv 2206.10498)",
    )
    world = World(
        domain=LOGISTICS,
        noun="object",
        read=partial(read_strips_task, plain=PLAIN),
        solve=solve,
    )

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        mode: Mode = "act",
        words: Naming = "plain",
        oracle_moves: int = 1,
    ) -> None:
        super().__init__(horizon=horizon, split=split, mode=mode, oracle_moves=oracle_moves)
        self.naming: Naming = require_naming(words)
        if words == "plain":
            self.instructions = f"{PLAIN.rules}\n{self.instructions}"

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """A problem whose shortest plan has exactly `horizon` moves; see `deliveries`."""
        problem = deliveries.draw(rng, horizon=horizon)
        return renamed_task(
            problem, PLAIN, self.naming, rng, horizon=horizon, traits=self.card.traits
        )
