"""Prices: what a model's tokens cost, counted in whole parts so that sums over a tree are exact.

Prices are given as price lists have them, per million tokens and in any currency, one for all of a
run. Accounts are kept in picounits, the 10^12th part of the currency's unit, as integers: a sum of
floats would depend on the order in which agents end.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

PICO = 10**12
"""Parts of the currency's unit."""
NO_LIMIT = 10**24
"""More than any tree of agents spends; a share of it is still no limit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """Of a million tokens that a model reads, and of a million that it samples."""

    prompt: float = 0.0
    completion: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.prompt < 1e9 and 0 <= self.completion < 1e9):
            raise ValueError(
                f"a price per million tokens is a number from 0 on, not {self.prompt} "
                f"and {self.completion}"
            )

    def of(self, *, prompt: int, completion: int) -> int:
        """What this many tokens cost, in picounits."""
        return prompt * _pico(self.prompt) + completion * _pico(self.completion)

    def num_affordable(self, money: int, *, prompt: int, wanted: int) -> int:
        """How many of the `wanted` tokens can be sampled for `money` picounits; below 0: none."""
        left = money - self.of(prompt=prompt, completion=0)
        each = _pico(self.completion)
        if left < 0 or each == 0:
            return wanted if left >= 0 else -1
        return min(wanted, left // each)


FREE = Price()


def picounits(amount: float | None) -> int:
    """An amount of money for the accounts; None is no limit."""
    return NO_LIMIT if amount is None else round(amount * PICO)


@cache
def _pico(per_million: float) -> int:
    """Of one token; prices below a millionth per million tokens are rounded."""
    return round(per_million * (PICO // 10**6))
