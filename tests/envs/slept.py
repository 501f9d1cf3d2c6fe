"""A clock for the tests of what waits."""

from __future__ import annotations

from dataclasses import dataclass, field

from forethought.envs.search.pacing import Clock


@dataclass
class Slept:
    """A clock that a test moves: sleeping takes no time and is remembered."""

    at: float = 0.0
    naps: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.naps.append(round(seconds, 6))
        self.at += seconds

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.at, date=lambda: 1_000_000.0, sleep=self.sleep)
