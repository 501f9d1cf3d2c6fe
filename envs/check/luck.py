"""Luck: how far above a floor a policy may come by chance."""

from __future__ import annotations

from math import comb

from forethought.envs.card import UNMEASURED

LUCK = 0.02
"""How often a policy may pass for better than its floor."""


def most(floor: float | None, num_seeds: int) -> float:
    """The mean that luck passes once in fifty times, were each episode won with the floor's chance.

    Of all scores from 0 to 1 with that mean, those that are won or lost vary most.
    """
    chance, at_most, num_won = UNMEASURED if floor is None else floor, 0.0, -1
    while at_most < 1 - LUCK:
        num_won += 1
        ways = comb(num_seeds, num_won)
        at_most += ways * chance**num_won * (1 - chance) ** (num_seeds - num_won)
    return max(num_won / num_seeds, chance)
