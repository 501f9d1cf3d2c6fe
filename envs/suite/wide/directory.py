"""Directory: made-up firms, each with a page of its own; nothing about them can be known before.

A directory is drawn from a seed, so that a task holds the seed and not the pages.
"""

from __future__ import annotations

import difflib
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

import numpy as np


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


Field = Literal["city", "founded", "staff", "head", "product"]
FIELDS: tuple[Field, ...] = get_args(Field)
ASKED: dict[Field, str] = {
    "city": "the city where it is",
    "founded": "the year when it was founded",
    "staff": "how many people work there",
    "head": "the name of its head",
    "product": "what it makes",
}
_STARTS = _words("Ar Bel Cor Dan El Fen Gor Hal Ir Jun Kal Lor Mar Nor Or Pel Quin Ros Sel Tor")
_MIDDLES = _words("a an e en i in o on u un ab ed is os ul")
_ENDS = _words("dale field ford gate ham holt ley low mere more ney row sen stock ton wick worth")
_KINDS = _words("Works Mills Foundry Brothers Company Sons Union Trading")
_CITIES = _words("Arden Bexley Corran Dunmore Elsworth Farley Glenhaven Hartwell Ilston Jarrow")
_GIVEN = _words("Ada Bram Cleo Dirk Edda Finn Gwen Hugo Ines Jonas Karin Levi Mona Nils Olga")
PRODUCTS = _words(
    "barrels bells bricks candles chairs clocks gloves kettles ladders lamps locks nets pianos "
    "pipes ropes saddles sails scales soap tiles"
)


class Firm(NamedTuple):
    """One firm."""

    name: str
    city: str
    founded: int
    staff: int
    head: str
    product: str

    def value(self, field: Field) -> str:
        """A field as it stands on the page."""
        return str(getattr(self, field))

    def page(self) -> str:
        """All about it, one sentence a fact."""
        return (
            f"{self.name} was founded in {self.founded}. It makes {self.product}. Its works are in "
            f"{self.city}, where {self.staff} people are employed. Its head is {self.head}."
        )


class Directory:
    """The pages of `size` firms, opened by name, whatever the case."""

    def __init__(self, seed: int, size: int) -> None:
        self.firms = _firms(seed, size)
        self._by_name = {firm.name.casefold(): firm for firm in self.firms}

    def firm(self, name: str) -> Firm:
        """The firm of that name. Raises LookupError with the nearest name."""
        key = " ".join(name.split()).casefold()
        if key in self._by_name:
            return self._by_name[key]
        close = difflib.get_close_matches(key[:80], self._by_name, n=1)
        hint = f"; did you mean {self._by_name[close[0]].name}?" if close else ""
        raise LookupError(f"no page for {name[:60]!r}{hint}")


@lru_cache(maxsize=64)
def directory(seed: int, size: int) -> Directory:
    """The directory of a seed; equal seeds begin with equal firms, whatever the size."""
    return Directory(seed, size)


def _firms(seed: int, size: int) -> tuple[Firm, ...]:
    rng = np.random.default_rng(seed)
    firms: dict[str, Firm] = {}
    while len(firms) < size:
        firm = _firm(rng.integers(1 << 30, size=12).tolist())
        firms.setdefault(firm.name, firm)
    return tuple(firms.values())


def _firm(drawn: list[int]) -> Firm:
    a, b, c, kind, city, founded, staff, given, d, e, f, product = drawn
    return Firm(
        name=f"{_surname(a, b, c)} {_of(_KINDS, kind)}",
        city=_of(_CITIES, city),
        founded=1700 + founded % 290,
        staff=10 + staff % 4990,
        head=f"{_of(_GIVEN, given)} {_surname(d, e, f)}",
        product=_of(PRODUCTS, product),
    )


def _surname(start: int, middle: int, end: int) -> str:
    return _of(_STARTS, start) + _of(_MIDDLES, middle) + _of(_ENDS, end)


def _of(words: tuple[str, ...], number: int) -> str:
    return words[number % len(words)]
