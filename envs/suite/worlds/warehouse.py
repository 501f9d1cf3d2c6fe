"""Warehouse: rooms where boxes can be pushed and never pulled, as bits of an integer.

Cell (x, y) of a room is bit `y * width + x`; a rim of walls keeps shifts from wrapping around. The
pusher walks freely between pushes, so that what counts of where it stands is the region.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

Push = tuple[str, str]
"""A box and a direction."""

DIRECTIONS = ("up", "down", "left", "right")
_MAX_SEARCHES = 200


class Placed(NamedTuple):
    """A box, and the cells that the pusher can walk to."""

    box: int
    region: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """Walls and the place of each box; every set of cells is a bit mask."""

    width: int
    floor: int
    places: Mapping[str, int]
    """Cell where each box belongs."""

    def step(self, direction: str) -> int:
        """What a step in a direction adds to a cell."""
        return {"up": -self.width, "down": self.width, "left": -1, "right": 1}[direction]

    def region(self, cell: int, blocked: int) -> int:
        """All cells that can be walked to from a cell."""
        free, seen, grown = self.floor & ~blocked, 0, 1 << cell
        while grown != seen:
            seen = grown
            sideways = seen << 1 | seen >> 1
            grown = (seen | sideways | seen << self.width | seen >> self.width) & free
        return seen


def pushes(room: Room, at: Placed, others: int) -> Iterator[tuple[str, Placed]]:
    """Every push of one box among others that stand still."""
    free = room.floor & ~others
    for direction in DIRECTIONS:
        step = room.step(direction)
        there = at.box + step
        if at.region >> at.box - step & 1 and free >> there & 1:
            yield direction, Placed(there, room.region(at.box, others | 1 << there))


def pulls(room: Room, at: Placed, others: int) -> Iterator[Placed]:
    """Every push of one box, undone."""
    free = room.floor & ~others
    for direction in DIRECTIONS:
        step = room.step(direction)
        there = at.box + step
        if at.region >> there & 1 and free >> there + step & 1:
            yield Placed(there, room.region(there + step, others | 1 << there))


def reverse_layers(room: Room, at: Placed, others: int, *, depth: int) -> list[list[Placed]]:
    """Where a box can be pulled to, by number of pulls from 0 to `depth`."""
    layers = [[at]]
    seen = {at}
    for _ in range(depth):
        layer = []
        for here in layers[-1]:
            for there in pulls(room, here, others):
                if there not in seen:
                    seen.add(there)
                    layer.append(there)
        layers.append(layer)
    return layers


def push_home(room: Room, label: str, at: Placed, others: int) -> tuple[list[Push], Placed] | None:
    """The fewest pushes that bring one box to its place while the others stand still."""
    came: dict[Placed, tuple[Placed, str] | None] = {at: None}
    layer = [at]
    while layer:
        following = []
        for here in layer:
            if here.box == room.places[label]:
                return [(label, way) for way in _ways(came, here)], here
            for direction, there in pushes(room, here, others):
                if there not in came:
                    came[there] = (here, direction)
                    following.append(there)
        layer = following
    return None


def solve(room: Room, boxes: Mapping[str, int], pusher: int) -> list[Push] | None:
    """A plan that brings box after box home; None if no order was found in which that works.

    Boxes are tried in alphabetical order, others when that fails; a box that is home stays there,
    so that a warehouse in which one must be parked half-way counts as not solved.
    """
    return _finish(room, boxes, pusher, iter(range(_MAX_SEARCHES)))


def _finish(
    room: Room, boxes: Mapping[str, int], pusher: int, searches: Iterator[int]
) -> list[Push] | None:
    waiting = [label for label in sorted(boxes) if boxes[label] != room.places[label]]
    if not waiting:
        return []
    region = room.region(pusher, mask(boxes.values()))
    for label, _ in zip(waiting, searches, strict=False):
        others = mask(cell for other, cell in boxes.items() if other != label)
        found = push_home(room, label, Placed(boxes[label], region), others)
        if found is not None:
            path, at = found
            beside = at.box - room.step(path[-1][1])
            rest = _finish(room, {**boxes, label: at.box}, beside, searches)
            if rest is not None:
                return path + rest
    return None


def distances(room: Room, place: int) -> dict[int, int]:
    """Fewest pushes to a place from every cell, were the box alone and the pusher everywhere.

    Cells that are missing are dead: a box there never gets to the place, whatever the others do.
    """
    found = {place: 0}
    layer = [place]
    while layer:
        following = []
        for cell in layer:
            for direction in DIRECTIONS:
                step = room.step(direction)
                there, behind = cell + step, cell + 2 * step
                if room.floor >> there & 1 and room.floor >> behind & 1 and there not in found:
                    found[there] = found[cell] + 1
                    following.append(there)
        layer = following
    return found


def mask(cells: Iterable[int]) -> int:
    """A set of cells as bits."""
    return sum(1 << cell for cell in cells)


def _ways(came: Mapping[Placed, tuple[Placed, str] | None], end: Placed) -> list[str]:
    ways: list[str] = []
    while (step := came[end]) is not None:
        end, direction = step
        ways.append(direction)
    return ways[::-1]
