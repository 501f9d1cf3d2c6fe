"""What a pool has done so far, in numbers."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Recycled = Literal["age", "uses", "broken", "unclean", "slow reset", "evicted", "idle"]
"""Why a sandbox was closed: too old; lent too often; gone, or the engine was; not as new after its
reset; the reset took too long; its place was needed for another kind; nobody wanted it."""
NUM_KEPT = 1000
"""Waits and boots that percentiles are taken of: the last ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolStats:
    """A pool at one moment."""

    booted: int
    failures: int
    """Boots that failed."""
    lent: int
    """Leases so far."""
    reused: int
    """Those of a sandbox that had been lent before."""
    recycled: Mapping[Recycled, int]
    live: int
    """Sandboxes at present: leased, idle, booting, being reset or closed."""
    leased: int
    idle: int
    waiting: int
    wait_p50_s: float
    wait_p95_s: float
    boot_p50_s: float
    boot_p95_s: float


@dataclass(kw_only=True, slots=True)
class Tally:
    """The counting behind `PoolStats`."""

    booted: int = 0
    failures: int = 0
    lent: int = 0
    reused: int = 0
    recycled: Counter[Recycled] = field(default_factory=Counter)
    waits_s: deque[float] = field(default_factory=lambda: deque(maxlen=NUM_KEPT))
    boots_s: deque[float] = field(default_factory=lambda: deque(maxlen=NUM_KEPT))

    def stats(self, *, live: int, leased: int, idle: int, waiting: int) -> PoolStats:
        """All of it, with what there is at present."""
        return PoolStats(
            booted=self.booted,
            failures=self.failures,
            lent=self.lent,
            reused=self.reused,
            recycled=dict(self.recycled),
            live=live,
            leased=leased,
            idle=idle,
            waiting=waiting,
            wait_p50_s=_percentile(self.waits_s, 0.5),
            wait_p95_s=_percentile(self.waits_s, 0.95),
            boot_p50_s=_percentile(self.boots_s, 0.5),
            boot_p95_s=_percentile(self.boots_s, 0.95),
        )


def _percentile(values: deque[float], share: float) -> float:
    """The value that `share` of them are not above; 0 if there is none."""
    if not values:
        return 0.0
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
