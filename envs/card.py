"""Card: what a reader must know about an environment before using it."""

from __future__ import annotations

from dataclasses import dataclass

from forethought.envs.task import Trait


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """Traits, horizons, licence and needs; a class attribute of every environment."""

    traits: tuple[Trait, ...]
    horizon_unit: str
    horizons: tuple[int, int] = (1, 8)
    """Smallest and largest horizon that it can make."""
    usual_horizons: tuple[int, ...] = ()
    """What is drawn from when no horizon is asked for; empty is the four smallest."""
    licence: str = "Apache-2.0"
    needs_sandbox: bool = False
