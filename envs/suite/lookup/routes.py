"""Routes: paths through an atlas in which every step has exactly one way to go.

A route goes up at least once ("part of") and then down ("the only lake in it"), never up again:
the whole of a part is where one came from. Each step can be made only on the page before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cache

import numpy as np
from pydantic import BaseModel, ConfigDict

from forethought.envs.suite.lookup.places import Atlas, atlas

_Path = tuple[tuple[str, ...], tuple[str, ...]]
"""Steps and titles of a route."""

UP = "part of"
MAX_STEPS = 5


class Route(BaseModel):
    """Where to start, the steps to take, and the titles one passes, start and end included."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: tuple[str, ...]
    """Each is UP, or the kind of the only part to go down to."""
    titles: tuple[str, ...]

    @property
    def end(self) -> str:
        """The title it leads to."""
        return self.titles[-1]

    @property
    def moves(self) -> tuple[tuple[str, str], ...]:
        """Each title but the end, with the step that leads on from it."""
        return tuple(zip(self.titles[:-1], self.steps, strict=True))

    def __str__(self) -> str:
        return " > ".join((self.titles[0], *self.steps))


def draw_route(rng: np.random.Generator, num_steps: int) -> Route:
    """A route of 1 to MAX_STEPS steps.

    Its shape and end are drawn first, so no end is frequent because many places lead to it.
    """
    by_end = _routes(num_steps)
    routes = by_end[int(rng.integers(len(by_end)))]
    steps, titles = routes[int(rng.integers(len(routes)))]
    return Route(steps=steps, titles=titles)


def split_steps(num_steps: int) -> list[int]:
    """Lengths of the fewest routes that make up `num_steps`, as even as can be."""
    num_routes = -(-num_steps // MAX_STEPS)
    shortest, longer = divmod(num_steps, num_routes)
    return [shortest + 1] * longer + [shortest] * (num_routes - longer)


@cache
def _routes(num_steps: int) -> tuple[tuple[_Path, ...], ...]:
    """All routes of that length, grouped by their number of steps up and their end."""
    groups: defaultdict[tuple[int, str], list[_Path]] = defaultdict(list)
    for start in atlas().places:
        for steps, titles in _from(atlas(), start, num_steps):
            groups[steps.count(UP), titles[-1]].append((steps, titles))
    return tuple(tuple(groups[shape]) for shape in sorted(groups))


def _from(places: Atlas, start: str, num_steps: int) -> Iterator[_Path]:
    titles = [start]
    for ups in range(1, num_steps + 1):
        whole = places.whole(titles[-1])
        if whole is None or whole in titles:
            return
        titles.append(whole)
        yield from _down(places, ((UP,) * ups, tuple(titles)), num_steps)


def _down(places: Atlas, path: _Path, num_steps: int) -> Iterator[_Path]:
    steps, titles = path
    if len(steps) == num_steps:
        yield path
        return
    for kind, part in places.only_parts(titles[-1]).items():
        if part not in titles:
            yield from _down(places, ((*steps, kind), (*titles, part)), num_steps)
