"""Subject: the environment under check, and the episodes that several promises look at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from forethought.envs.base import Env
from forethought.envs.card import Card
from forethought.envs.check.promise import NothingToCheck
from forethought.envs.play import Episode, Factory, Policy, floor, oracle, play
from forethought.envs.task import Split, Task


@dataclass(kw_only=True, slots=True)
class Subject:
    """A factory of environments and the seeds to try; its episodes are played once."""

    make: Factory
    """Takes `split`; the options of the environment are in it."""
    seeds: Sequence[int]
    max_seconds: float
    """For one promise."""
    is_function: bool
    """Whether `make` is known to take `split` alone."""
    kind: type[Env] | None = None
    """Its class, once one was made."""
    is_late: bool = False
    """Whether a promise took too long, so that others would too."""
    _expert: dict[int, Episode] = field(default_factory=dict)
    _floor: dict[int, Episode] = field(default_factory=dict)

    @property
    def card(self) -> Card:
        """What the environment states."""
        return self.make().card

    @property
    def has_oracle(self) -> bool:
        """Whether there is an expert."""
        return self.make().has_oracle()

    async def expert(self, seed: int) -> Episode:
        """The expert's episode. Raises NothingToCheck where there is no expert."""
        if not self.has_oracle:
            raise NothingToCheck("it has none, so it cannot give expert plans to learn from")
        if seed not in self._expert:
            self._expert[seed] = await play(self.make, seed, oracle)
        return self._expert[seed]

    async def floor(self, seed: int) -> Episode:
        """The episode of the environment's own know-nothing policy."""
        if seed not in self._floor:
            self._floor[seed] = await play(self.make, seed, floor(seed))
        return self._floor[seed]

    async def both(self, seed: int) -> list[Episode]:
        """The know-nothing's episode and, where there is an expert, that one's."""
        return [await self.floor(seed), *([await self.expert(seed)] if self.has_oracle else [])]

    async def played(self, policy: Policy) -> list[Episode]:
        """An episode of another policy on each seed."""
        return [await play(self.make, seed, policy) for seed in self.seeds]

    async def starts(
        self, seeds: Sequence[int], *, split: Split = "train"
    ) -> list[tuple[str, Task]]:
        """First observation and task of each seed, drawn anew."""
        found = []
        for seed in seeds:
            env = self.make() if split == "train" else self.make(split=split)
            try:
                prompt, _ = await env.areset(seed=seed)
            finally:
                await env.aclose()
            found.append((prompt, env.task))
        return found


Check = Callable[[Subject], Awaitable[str]]
"""Tells what it saw; raises Broken or NothingToCheck."""


def mean_score(episodes: Sequence[Episode]) -> float:
    """Over the episodes that could be scored. Raises NothingToCheck if there is none."""
    scores = [episode.score for episode in episodes if episode.score is not None]
    if not scores:
        raise NothingToCheck("no episode could be scored")
    return fmean(scores)
