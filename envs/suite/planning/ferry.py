"""Ferry: bring every car to its port with a boat for one; with coal, crossings are for good.

It trains strategy: which car to fetch next, so that the boat seldom crosses empty. The horizon is
the moves of a shortest plan. Beside the reward: `optimality`, `illegal`, and with coal `stranded`.
Source: the `ferry` domain of the FF collection (Hoffmann & Nebel, JAIR 2001).
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import numpy as np

from forethought.envs.card import Card
from forethought.envs.scoring import metric
from forethought.envs.suite.planning import crossings, harbour
from forethought.envs.suite.planning.crossings import FERRY, FERRY_COAL
from forethought.envs.suite.planning.strips_env import Mode, StripsEnv, World
from forethought.envs.suite.planning.tasks import read_strips_task, renamed_task
from forethought.envs.suite.planning.wording import Naming, Wording, require_naming
from forethought.envs.task import Split, Task

_WORDS = {
    "board": "board",
    "debark": "debark",
    "sail": "sail",
    "car": "car",
    "port": "port",
    "at": "at",
    "aboard": "aboard",
    "ferry-at": "has-ferry",
    "empty": "empty",
}
PLAIN = Wording(
    domain=FERRY,
    words=_WORDS,
    unsaid=frozenset({"car", "port"}),
    landmarks=frozenset({"debark"}),
)
PLAIN_COAL = Wording(
    domain=FERRY_COAL,
    words=_WORDS | {"coal": "coal"},
    unsaid=PLAIN.unsaid,
    landmarks=PLAIN.landmarks,
)


class Ferry(StripsEnv):
    """Cars, ports and one boat; see the module.

    `coal` makes each crossing burn a heap, of which there is one to spare. `words` renames actions,
    relations and objects anew in each instance: "deceptive" by words that mean something else,
    "random" by letters. `mode` and `oracle_moves` are those of `StripsEnv`.
    """

    card: ClassVar[Card] = Card(
        traits=("strategy",),
        horizon_unit="moves",
        horizons=(1, 256),
        usual_horizons=(3, 6, 9, 12),
        floor=0.005,
        source="ferry domain of the FF collection (Hoffmann & Nebel, JAIR 2001)",
    )
    world = World(
        domain=FERRY,
        noun="object",
        read=partial(read_strips_task, plain=PLAIN),
        solve=crossings.solve,
    )

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        mode: Mode = "act",
        words: Naming = "plain",
        coal: bool = False,
        oracle_moves: int = 1,
    ) -> None:
        super().__init__(horizon=horizon, split=split, mode=mode, oracle_moves=oracle_moves)
        self.plain = PLAIN_COAL if coal else PLAIN
        if coal:
            self.world = World(
                domain=FERRY_COAL,
                noun="object",
                read=partial(read_strips_task, plain=PLAIN_COAL),
                solve=crossings.solve_with_coal,
            )
        self.coal = coal
        self.naming: Naming = require_naming(words)
        if words == "plain":
            self.instructions = f"{self.plain.rules}\n{self.instructions}"

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """A problem whose shortest plan has exactly `horizon` moves; see `harbour`."""
        problem = harbour.draw(rng, horizon=horizon, coal=self.coal)
        return renamed_task(
            problem, self.plain, self.naming, rng, horizon=horizon, traits=self.card.traits
        )

    @metric
    def stranded(self) -> float | None:
        """1 if the coal that is left cannot do it any more; None where none is burnt."""
        return float(crossings.is_stranded(self.state, self.goal)) if self.coal else None
