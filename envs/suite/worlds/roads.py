"""Road maps with a deadline, and a road that closes half-way."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

_NUM_LURES = 2
_MAX_HOURS = 9


@dataclass(frozen=True, kw_only=True, slots=True)
class Map:
    """Towns and the hours between them, by both names in order; every road goes both ways."""

    hours: Mapping[tuple[str, str], int]
    start: str
    goal: str
    deadline: int
    news_at: str | None
    """Town where the traveller hears that a road has been closed; None if none is."""
    closes: tuple[str, str] | None
    neighbours: Mapping[str, Mapping[str, int]] = field(init=False)

    def __post_init__(self) -> None:
        """Look neighbours up once. Raises ValueError for roads that cannot be."""
        found: dict[str, dict[str, int]] = {}
        for (one, other), hours in self.hours.items():
            if hours < 1 or one == other:
                raise ValueError(f"road {one}-{other} of {hours} hours: two towns, 1 hour or more")
            found.setdefault(one, {})[other] = hours
            found.setdefault(other, {})[one] = hours
        named = {self.start, self.goal, self.news_at or self.start, *(self.closes or ())}
        strange = sorted(named - found.keys())
        if strange:
            raise ValueError(f"{strange[0]!r} is no town on a road")
        object.__setattr__(self, "neighbours", found)

    def is_closed(self, one: str, other: str, *, closed: bool) -> bool:
        """Whether a road is the one that closes, and has been closed."""
        return closed and self.closes in ((one, other), (other, one))

    def fastest(self, town: str, *, closed: bool) -> tuple[int, list[str]] | None:
        """Hours and towns of the fastest way to the goal; None if there is none (Dijkstra)."""
        queue: list[tuple[int, str, str]] = [(0, town, "")]
        came: dict[str, str] = {}
        while queue:
            hours, here, before = heapq.heappop(queue)
            if here in came:
                continue
            came[here] = before
            if here == self.goal:
                return hours, list(_back(came, here))[::-1]
            for there, more in self.neighbours[here].items():
                if there not in came and not self.is_closed(here, there, closed=closed):
                    heapq.heappush(queue, (hours + more, there, here))
        return None


def draw(rng: np.random.Generator, *, horizon: int) -> Map:
    """A map on which a traveller who always takes the fastest way known makes `horizon` legs.

    From horizon 2 on a road on the fastest way closes when half of the legs are made; the way round
    it still meets the deadline. The other ways begin with shorter roads and are too long, whether
    or not the road is open.
    """
    half = horizon // 2
    towns = iter([f"t{int(i)}" for i in rng.permutation(4 * horizon + 8)])
    start, goal = next(towns), next(towns)
    shared = [start, *(next(towns) for _ in range(half))]
    detour = [shared[-1], *(next(towns) for _ in range(horizon - half - 1)), goal]
    first, second = _hours(rng, len(shared) - 1), _hours(rng, len(detour) - 1)
    ways = [(shared, first)]
    if half:
        count = max(2, horizon - half + int(rng.integers(-1, 2)))
        planned = [shared[-1], *(next(towns) for _ in range(count - 1)), goal]
        third = _hours(rng, count)
        second = _stretched(rng, second, sum(third) + 1 + int(rng.integers(3)))
        ways.append((planned, third))
    ways.append((detour, second))
    needed = sum(first) + sum(second)
    deadline = needed + int(rng.integers(1 + needed // 5))
    for _ in range(_NUM_LURES):
        count = max(2, horizon + int(rng.integers(-1, 2)))
        lure = [start, *(next(towns) for _ in range(count - 1)), goal]
        rest = _stretched(rng, _hours(rng, count - 1), deadline + 1 + int(rng.integers(3)))
        ways.append((lure, [1, *rest]))
    return Map(
        hours=_shuffled(rng, ways),
        start=start,
        goal=goal,
        deadline=deadline,
        news_at=shared[-1] if half else None,
        closes=(planned[0], planned[1]) if half else None,
    )


def _shuffled(
    rng: np.random.Generator, ways: Sequence[tuple[Sequence[str], Sequence[int]]]
) -> dict[tuple[str, str], int]:
    """All roads in random order, each named from a random end."""
    roads = [(towns[i : i + 2], each) for towns, hours in ways for i, each in enumerate(hours)]
    turned = rng.random(len(roads)) < 0.5
    found: dict[tuple[str, str], int] = {}
    for index in rng.permutation(len(roads)):
        (one, other), hours = roads[int(index)]
        found[(other, one) if turned[index] else (one, other)] = hours
    return found


def _hours(rng: np.random.Generator, count: int) -> list[int]:
    return [int(each) for each in rng.integers(1, _MAX_HOURS // 2 + 1, size=count)]


def _stretched(rng: np.random.Generator, hours: Collection[int], total: int) -> list[int]:
    """The same legs, made longer here and there until they add up to `total` at least."""
    missing = max(0, total - sum(hours))
    shares = rng.multinomial(missing, [1 / len(hours)] * len(hours))
    return [each + int(share) for each, share in zip(hours, shares, strict=True)]


def _back(came: Mapping[str, str], town: str) -> Iterator[str]:
    while town:
        yield town
        town = came[town]
