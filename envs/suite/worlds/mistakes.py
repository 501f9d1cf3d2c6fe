"""Repeated mistakes: doing again what has failed before in the same state."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field


@dataclass(kw_only=True, slots=True)
class Mistakes:
    """Counts of an episode; picklable, so that it can be among an environment's state fields."""

    failed: set[tuple[Hashable, str]] = field(default_factory=set)
    """States and the actions that failed in them."""
    num_actions: int = 0
    num_failed: int = 0
    num_repeated: int = 0

    def note(self, state: Hashable, action: str, *, failed: bool) -> None:
        """Count an action; `state` is what it was taken in, and must tell all that matters."""
        self.num_actions += 1
        if failed:
            self.num_failed += 1
            self.num_repeated += (state, action) in self.failed
            self.failed.add((state, action))

    @property
    def repeated(self) -> float:
        """Share of all actions that repeat one which failed before in the same state."""
        return self.num_repeated / self.num_actions if self.num_actions else 0.0
