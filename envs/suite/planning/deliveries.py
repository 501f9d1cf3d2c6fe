"""Logistics instances with a known optimum.

A drawn city has a truck and a role: its packages stay in
it (local), all leave it (source), or all come to it (target). The optimum follows:

- A package costs two moves (load, unload) for each vehicle that must carry it; one that starts in
  a truck and stays in its city costs one.
- A truck must enter every place where it has to fetch something, unless it starts there; every
  place where it has to bring something that it had to fetch elsewhere; and the airport, after
  fetching (source) or before bringing (target). Where these places differ, as they do by the
  roles, each is a drive of its own. For the airplane the same holds with airports.

`courier` gathers in every city, flies, and then brings home, which enters each place once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import numpy as np

from forethought.envs.suite.planning.strips import Atom, Problem

Role = Literal["local", "source", "target"]
Item = TypeVar("Item", str, "City")

_TRIES = 40
_MAX_CITIES = 8
_MAX_PLACES = 16
_MOST_PER_PACKAGE = 11
"""Moves that one more package can cost: six to load and unload, three drives, two flights."""
_ROLES: tuple[Role, ...] = ("local", "source", "target")


@dataclass(kw_only=True, slots=True)
class City:
    """A city while an instance is drawn: its places (the first is the airport) and packages."""

    role: Role
    places: tuple[str, ...]
    parked: str
    """Where the truck starts."""
    fetched: list[str] = field(default_factory=list)
    """Where packages are fetched, one entry a package; for a target none."""
    brought: list[str] = field(default_factory=list)
    """Where fetched packages go, one entry a package; for a source none."""
    riding: list[str] = field(default_factory=list)
    """Where packages go that start in the truck."""

    def num_moves(self) -> int:
        """Moves of the truck and its packages, at least and at most."""
        airport = self.places[0]
        fetch, bring = set(self.fetched), set(self.brought)
        if self.role == "source":
            fetch.discard(airport)
            handled = sum(place != airport for place in self.fetched)
            return 2 * handled + len(fetch - {self.parked}) + bool(fetch)
        if self.role == "target":
            bring.discard(airport)
            handled = sum(place != airport for place in self.brought)
            return 2 * handled + len(bring) + (bool(bring) and self.parked != airport)
        riding = set(self.riding) - bring - fetch - {self.parked}
        drives = len(fetch - {self.parked}) + len(bring) + len(riding)
        return 2 * len(self.fetched) + len(self.riding) + drives


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """All cities, and the airport where the airplane starts."""

    cities: tuple[City, ...]
    hangar: str

    def num_moves(self) -> int:
        """Length of a shortest plan."""
        sources = [city for city in self.cities if city.role == "source" and city.fetched]
        targets = [city for city in self.cities if city.role == "target" and city.brought]
        flights = len({city.places[0] for city in sources} - {self.hangar}) + len(targets)
        flown = sum(len(city.fetched) for city in sources)
        return sum(city.num_moves() for city in self.cities) + flights + 2 * flown


def draw(rng: np.random.Generator, *, horizon: int) -> Problem:
    """A problem whose shortest plan has exactly `horizon` moves."""
    while True:
        layout = _empty_layout(rng, horizon)
        if _fill(rng, layout, horizon):
            return _problem(rng, layout)


def _empty_layout(rng: np.random.Generator, horizon: int) -> Layout:
    """Cities without packages: the first is local, the next two send and receive."""
    roles: list[Role] = ["local"]
    if horizon > 2 and rng.random() < 0.8:
        roles += ["source", "target"]
        more = rng.integers(3, size=rng.integers(min(_MAX_CITIES - 2, 1 + horizon // 16)))
        roles += [_ROLES[int(pick)] for pick in more]
    sizes = rng.integers(2, min(_MAX_PLACES, 4 + horizon // 16), size=len(roles))
    names = [f"l{int(i)}" for i in rng.permutation(int(sizes.sum()))]
    cities = []
    for role, size in zip(roles, sizes, strict=True):
        places, names = tuple(names[: int(size)]), names[int(size) :]
        cities.append(City(role=role, places=places, parked=_pick(rng, places)))
    hangar = _pick(rng, [city.places[0] for city in cities])
    return Layout(cities=tuple(cities), hangar=hangar)


def _fill(rng: np.random.Generator, layout: Layout, horizon: int) -> bool:
    """Add packages until a shortest plan has exactly `horizon` moves; False if that failed."""
    failures = 0
    while (left := horizon - layout.num_moves()) > 0 and failures < _TRIES:
        needs_one = failures > _TRIES // 2
        added = [
            ends
            for _ in range(max(1, left // _MOST_PER_PACKAGE))
            for ends in _add_package(rng, layout, parked=needs_one)
        ]
        if layout.num_moves() > horizon:
            failures += 1
            for ends in reversed(added):
                ends.pop()
        elif not added:
            failures += 1
    return left == 0


def _add_package(rng: np.random.Generator, layout: Layout, *, parked: bool) -> list[list[str]]:
    """Add one package somewhere; the lists that it was added to.

    `parked` makes it one that only has to be unloaded where its truck starts.
    """
    sources = [city for city in layout.cities if city.role == "source"]
    local = _pick(rng, [city for city in layout.cities if city.role == "local"])
    if parked or rng.random() < 0.1:
        local.riding.append(local.parked if parked else _pick(rng, local.places))
        return [local.riding]
    if sources and rng.random() < 0.7:
        source = _pick(rng, sources)
        target = _pick(rng, [city for city in layout.cities if city.role == "target"])
        source.fetched.append(_pick(rng, source.places))
        target.brought.append(_pick(rng, target.places))
        return [source.fetched, target.brought]
    start = _pick(rng, [place for place in local.places if place not in local.brought])
    ends = [place for place in local.places if place not in (*local.fetched, start)]
    if not ends:
        return []
    local.fetched.append(start)
    local.brought.append(_pick(rng, ends))
    return [local.fetched, local.brought]


def _problem(rng: np.random.Generator, layout: Layout) -> Problem:
    """Name cities, trucks and packages, and match what is sent with what is received."""
    init: set[Atom] = {("airplane", "a0"), ("at", "a0", layout.hangar)}
    trips: list[tuple[str, str, str]] = []
    sent: list[str] = []
    received: list[str] = []
    for index, city in enumerate(layout.cities):
        name, truck = f"c{index}", f"t{index}"
        init |= {("city", name), ("truck", truck), ("at", truck, city.parked)}
        init |= {("airport", city.places[0])}
        init |= {("location", place) for place in city.places}
        init |= {("in-city", place, name) for place in city.places}
        trips += [("in", truck, end) for end in city.riding]
        if city.role == "local":
            pairs = zip(city.fetched, city.brought, strict=True)
            trips += [("at", start, end) for start, end in pairs]
        sent += city.fetched if city.role == "source" else []
        received += city.brought if city.role == "target" else []
    trips += [("at", start, end) for start, end in zip(sent, received, strict=True)]
    goal: set[Atom] = set()
    for number, (relation, start, end) in zip(rng.permutation(len(trips)), trips, strict=True):
        package = f"p{int(number)}"
        init |= {("obj", package), (relation, package, start)}
        goal.add(("at", package, end))
    objects = {item for atom in init for item in atom[1:]}
    return Problem(
        name="logistics",
        objects=tuple(sorted(objects)),
        init=frozenset(init),
        goal=frozenset(goal),
    )


def _pick(rng: np.random.Generator, items: Sequence[Item]) -> Item:
    return items[int(rng.integers(len(items)))]
