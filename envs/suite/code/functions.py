"""Functions to be broken and repaired: families of small pure ones, varied in name and constants.

A family's source is a template. Placeholders start with `$`: `$name` is one of its names, the
others are drawn from its choices. What a function takes and gives is what JSON can say, and its
docstring tells all that its hidden cases ask for.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from pydantic import JsonValue

Choices = Mapping[str, str]
Inputs = Callable[[np.random.Generator, Choices], list[JsonValue]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """A kind of function, and what to call it with."""

    names: tuple[str, ...]
    source: str
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    edges: tuple[tuple[JsonValue, ...], ...] = ()
    """Arguments that are always among the cases."""
    inputs: Inputs
    """Arguments of one more call."""

    def draw(self, rng: np.random.Generator) -> tuple[str, Choices]:
        """Source of a member, and what was chosen for it."""
        chosen = {key: _one_of(rng, values) for key, values in self.choices.items()}
        chosen["name"] = _one_of(rng, self.names)
        return string.Template(self.source).substitute(chosen), chosen


def ints(rng: np.random.Generator, low: int, high: int, *, most: int) -> list[JsonValue]:
    """Up to `most` numbers from `low` to `high`, both included."""
    return list(map(int, rng.integers(low, high + 1, size=int(rng.integers(0, most + 1)))))


def number(rng: np.random.Generator, low: int, high: int) -> int:
    """A number from `low` to `high`, both included."""
    return int(rng.integers(low, high + 1))


def text(rng: np.random.Generator, letters: str, *, most: int) -> str:
    """Up to `most` of the letters."""
    picks = rng.integers(0, len(letters), size=int(rng.integers(0, most + 1)))
    return "".join(letters[pick] for pick in picks)


def _one_of(rng: np.random.Generator, values: tuple[str, ...]) -> str:
    return values[int(rng.integers(len(values)))]
