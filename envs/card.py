"""Card: what a reader must know about an environment before using it."""

from __future__ import annotations

from dataclasses import dataclass

from forethought.envs.needs import Need
from forethought.envs.task import Trait

UNMEASURED = 0.2
"""Mean score that knowing nothing does not pass where no floor was measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """What an author states; tools, metrics and limits are read off the class (see `describe`)."""

    traits: tuple[Trait, ...]
    horizon_unit: str
    horizons: tuple[int, int] = (1, 8)
    """Smallest and largest horizon that it can make."""
    usual_horizons: tuple[int, ...] = ()
    """What is drawn from when no horizon is asked for; empty is the four smallest."""
    floor: float | None = None
    """Mean score of knowing nothing, or of doing nothing where that is more.

    A value, not a bound: measured over 100 seeds or more at the usual horizons, as
    `benchmarks/perf/floors.py` does. None where nobody measured it: then a mean above UNMEASURED is
    a fault.
    """
    prompt_chars: int = 8000
    """Characters that what the agent reads first does not pass; about four make a token."""
    licence: str = "Apache-2.0"
    """Of the tasks, where they are data of others."""
    source: str = ""
    """Where the idea or the data comes from: a paper, a repository, an address."""
    needs_sandbox: bool = False
    needs: tuple[Need, ...] = ()
    """What else has to be there: data, a package, an engine."""

    def __post_init__(self) -> None:
        """Raises ValueError for horizons, a floor or a length of prompts that cannot be."""
        low, high = self.horizons
        if not 1 <= low <= high:
            raise ValueError(f"horizons go from 1 or more upwards, not from {low} to {high}")
        strange = [usual for usual in self.usual_horizons if not low <= usual <= high]
        if strange:
            raise ValueError(f"usual horizon {strange[0]} is outside {low}..{high}")
        if self.floor is not None and not 0 <= self.floor < 1:
            raise ValueError(f"the floor is a mean score from 0 to below 1, not {self.floor:g}")
        if self.prompt_chars < 1:
            raise ValueError(f"prompt_chars is 1 or more, not {self.prompt_chars}")
