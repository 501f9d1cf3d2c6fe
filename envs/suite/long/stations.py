"""Stations: a made-up archive of rainfall logs, and the table that can be worked out from it.

Three documents tell about a station: its own page (the unit it measures in, and the codes its logs
are filed under, by year) and its logs of two years. Only one of the logs belongs to the question.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Literal

import numpy as np

from forethought.envs.search.retrieval import Document

Unit = Literal["mm", "inch"]

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip
HEADER = ("station", "total_mm", "wettest_month")
MM_PER_INCH = Decimal("25.4")

_STARTS = [
    "Bar", "Bel", "Cal", "Cor", "Dal", "Dun", "Eld", "Fal", "Gar", "Hal", "Ing", "Kel",
    "Lan", "Lor", "Mar", "Nor", "Oss", "Pel", "Ral", "Sel",
]  # fmt: skip
_MIDDLES = ["a", "o", "e", "an", "or", "en", "il", "ar", "un", "es"]
_ENDS = [
    "by", "dale", "fell", "ford", "ham", "holm", "kirk", "mere", "moor", "ness", "rigg",
    "stead", "thorpe", "ton", "wick",
]  # fmt: skip
_REGIONS = ["hills", "fens", "coast", "valley", "downs"]
_FIRST_YEAR, _LAST_YEAR = 1950, 2010


@dataclass(frozen=True, kw_only=True, slots=True)
class Log:
    """Rainfall of one year; figures have one decimal and are in the unit of the station."""

    number: int
    code: str
    year: int
    figures: tuple[Decimal, ...]

    @property
    def title(self) -> str:
        """Title of its document, which says nothing about where it belongs."""
        return f"Log {self.number}"

    @property
    def document(self) -> Document:
        """Its document, a single line."""
        months = ", ".join(f"{m} {f}" for m, f in zip(MONTHS, self.figures, strict=True))
        return Document(
            title=self.title, text=f"Code {self.code}, year {self.year}. Rainfall: {months}."
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Station:
    """A rain station whose code changed once; `log` is the one that the question is about."""

    name: str
    region: str
    altitude_m: int
    unit: Unit
    codes: tuple[str, str]
    changed: int
    """First year that is filed under the second code."""
    log: Log
    other_log: Log

    @property
    def document(self) -> Document:
        """Its page."""
        return Document(
            title=self.name,
            text=(
                f"Rain station in the {self.region}, {self.altitude_m} m above the sea. "
                f"Unit: {self.unit}. Logs are filed under code {self.codes[0]} "
                f"until {self.changed - 1}, code {self.codes[1]} from {self.changed} on."
            ),
        )

    @property
    def row(self) -> tuple[str, str, str]:
        """Its line of the table: name, millimetres of the year, month with most rain."""
        total = sum(self.log.figures, Decimal(0)) * (MM_PER_INCH if self.unit == "inch" else 1)
        wettest = MONTHS[self.log.figures.index(max(self.log.figures))]
        return self.name, f"{total:.2f}", wettest


@dataclass(frozen=True, kw_only=True, slots=True)
class Archive:
    """Stations of one instance: those asked about, in order, and others."""

    year: int
    asked: tuple[Station, ...]
    others: tuple[Station, ...]

    def documents(self) -> Iterator[Document]:
        """All pages and logs."""
        for station in (*self.asked, *self.others):
            yield station.document
            yield station.log.document
            yield station.other_log.document

    @property
    def table(self) -> tuple[tuple[str, str, str], ...]:
        """The rows wanted, without the header."""
        return tuple(station.row for station in self.asked)


@lru_cache(maxsize=256)
def archive_of(seed: int, num_rows: int) -> Archive:
    """An archive with `num_rows` stations to ask about and half as many others, at least three."""
    rng = np.random.default_rng(seed)
    num_stations = num_rows + max(3, num_rows // 2)
    year = int(rng.integers(_FIRST_YEAR + 10, _LAST_YEAR - 10))
    names = _names(rng, num_stations)
    codes = _codes(rng, 2 * num_stations)
    numbers = [n + 1000 for n in _distinct(rng, 9000, 2 * num_stations)]
    stations = [
        _station(rng, names[i], codes=codes[2 * i :][:2], numbers=numbers[2 * i :][:2], year=year)
        for i in range(num_stations)
    ]
    return Archive(year=year, asked=tuple(stations[:num_rows]), others=tuple(stations[num_rows:]))


def _station(
    rng: np.random.Generator, name: str, *, codes: list[str], numbers: list[int], year: int
) -> Station:
    unit: Unit = "inch" if rng.random() < 0.5 else "mm"
    changed = year + int(rng.integers(-8, 9))
    other_year = year + int(rng.choice([-3, -2, -1, 1, 2, 3]))
    logs = [
        Log(number=number, code=codes[y >= changed], year=y, figures=_figures(rng, unit))
        for number, y in zip(numbers, (year, other_year), strict=True)
    ]
    return Station(
        name=name,
        region=f"{_STARTS[int(rng.integers(len(_STARTS)))]} {_pick(rng, _REGIONS)}",
        altitude_m=int(rng.integers(2, 900)),
        unit=unit,
        codes=(codes[0], codes[1]),
        changed=changed,
        log=logs[0],
        other_log=logs[1],
    )


def _figures(rng: np.random.Generator, unit: Unit) -> tuple[Decimal, ...]:
    """Twelve different monthly figures, so that one month is the wettest."""
    low, high = (100, 2500) if unit == "mm" else (4, 99)
    return tuple(Decimal(int(n)).scaleb(-1) for n in low + rng.permutation(high - low)[:12])


def _names(rng: np.random.Generator, count: int) -> list[str]:
    names = []
    for n in _distinct(rng, len(_STARTS) * len(_MIDDLES) * len(_ENDS), count):
        rest, end = divmod(n, len(_ENDS))
        start, middle = divmod(rest, len(_MIDDLES))
        names.append(_STARTS[start] + _MIDDLES[middle] + _ENDS[end])
    return names


def _codes(rng: np.random.Generator, count: int) -> list[str]:
    """Different codes of the form 7KQ3."""
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    codes = []
    for n in _distinct(rng, 100 * len(letters) ** 2, count):
        rest, last = divmod(n, 10)
        rest, second = divmod(rest, len(letters))
        first, letter = divmod(rest, len(letters))
        codes.append(f"{first}{letters[letter]}{letters[second]}{last}")
    return codes


def _distinct(rng: np.random.Generator, bound: int, count: int) -> list[int]:
    """`count` different numbers below `bound`, of which there are many more."""
    found: dict[int, None] = {}
    while len(found) < count:
        found[int(rng.integers(bound))] = None
    return list(found)


def _pick(rng: np.random.Generator, items: list[str]) -> str:
    return items[int(rng.integers(len(items)))]
