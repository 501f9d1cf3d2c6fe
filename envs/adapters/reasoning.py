"""reasoning-gym: its hundred generators of checked questions (arXiv 2505.24760, Apache-2.0).

An answer is right if the dataset's own scorer gives it everything. That scorer pays
len(answer) / len(reply) to a reply which merely holds the answer, so a longer reply is a partial
success; `scorer="own"` keeps that.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, Literal, get_args

import anyio.to_thread
import numpy as np

from forethought.envs.adapters.library import library
from forethought.envs.base import Env
from forethought.envs.card import Card
from forethought.envs.lines import without_plan
from forethought.envs.needs import package
from forethought.envs.scoring import reward
from forethought.envs.task import Split, Task

INSTALL = "forethought[reasoning-gym]"
Scorer = Literal["strict", "own"]
NUM_SEEDS = 1 << 31


class ReasoningGym(Env):
    """`dataset` is a name that reasoning-gym knows."""

    card: ClassVar[Card] = Card(
        traits=("skills",),
        horizon_unit="questions",
        horizons=(1, 1),
        floor=0.0,
        licence="Apache-2.0",
        source="Reasoning Gym, arXiv 2505.24760",
        needs=(package("reasoning_gym", install=INSTALL),),
    )
    state_fields = ()
    instructions = "Reply with the answer alone."

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        dataset: str = "chain_sum",
        scorer: Scorer = "strict",
    ) -> None:
        super().__init__(horizon=horizon, split=split)
        if scorer not in get_args(Scorer):
            raise ValueError(f"scorer is strict or own, not {scorer!r}")
        self.dataset = dataset
        self.scorer: Scorer = scorer

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """A question. Raises ValueError without reasoning-gym or for an unknown dataset."""
        seed = int(rng.integers(NUM_SEEDS))
        _, entry = _entry(self.dataset, seed)
        return Task(
            id=f"{self.dataset}-{seed}",
            prompt=entry["question"],
            answer=entry["answer"],
            data={"dataset": self.dataset, "seed": seed},
            traits=self.card.traits,
            horizon=1,
        )

    async def begin(self) -> str:
        """The question. Raises ValueError for a task of another kind."""
        if not isinstance(self.task.data.get("seed"), int) or "dataset" not in self.task.data:
            raise ValueError(f"task {self.task.id!r} is none of reasoning-gym")
        return self.task.prompt

    async def reply(self, text: str) -> str:
        """The answer, without its plan."""
        return self.submit(without_plan(text))

    @reward
    async def right(self) -> float:
        """1 for a right answer, or what the dataset's own scorer gives."""
        if self.submitted is None:
            return 0.0
        given = await anyio.to_thread.run_sync(
            partial(_score, self.task.data, self.submitted.answer)
        )
        return given if self.scorer == "own" else float(given >= 1.0)

    def oracle(self) -> str:
        """The answer, with a plan for it. Raises ValueError for a dataset that tells none."""
        if not isinstance(self.task.answer, str):
            raise ValueError(f"{self.task.data['dataset']} tells no answer")
        return f"plan: work it out; answer\n{self.task.answer}"

    def floor(self, rng: np.random.Generator) -> str:
        """A number, or nothing to the point."""
        return str(rng.integers(100))


def _entry(name: str, seed: int) -> tuple[Any, dict[str, Any]]:
    """A dataset of one question, and the question."""
    factory = library("reasoning_gym.factory", install=INSTALL)
    library("reasoning_gym", install=INSTALL)
    if name not in factory.DATASETS:
        raise ValueError(
            f"reasoning-gym has no dataset {name!r}; there are {len(factory.DATASETS)}"
        )
    dataset = factory.create_dataset(name, seed=seed, size=1)
    return dataset, dataset[0]


def _score(data: dict[str, Any], answer: str) -> float:
    dataset, entry = _entry(str(data["dataset"]), int(data["seed"]))
    return float(dataset.score_answer(answer, entry=entry))
