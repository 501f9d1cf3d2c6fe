"""Warehouse: rooms where boxes can be pushed and never pulled, as bits of an integer.

Cell (x, y) of a room is bit `y * width + x`; a rim of walls keeps shifts from wrapping around. The
pusher walks freely between pushes, so that what counts of where it stands is the region.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

Push = tuple[str, str]
"""A box and a direction."""

DIRECTIONS = ("up", "down", "left", "right")
_MAX_SEARCHES = 200

_AROUND = (0, 1, 2, 4, 7, 6, 5, 3)
"""The eight cells around one, numbered row by row, as a walk meets them; every second is beside."""


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

    @property
    def steps(self) -> tuple[int, int, int, int]:
        """What a step in each of DIRECTIONS adds to a cell."""
        return -self.width, self.width, -1, 1

    def step(self, direction: str) -> int:
        """What a step in a direction adds to a cell."""
        return self.steps[DIRECTIONS.index(direction)]

    def region(self, cell: int, blocked: int) -> int:
        """All cells that can be walked to from a cell."""
        free, seen, grown = self.floor & ~blocked, 0, 1 << cell
        while grown != seen:
            seen, grown = grown, self._grown(grown, free)
        return seen

    def around(self, cells: int, cell: int) -> int:
        """Which of the eight cells around one are among `cells`."""
        rows = cells >> cell - self.width - 1
        middle, last = rows >> self.width, rows >> 2 * self.width
        return rows & 7 | (middle & 1) << 3 | (middle & 4) << 2 | (last & 7) << 5

    def beside(self, cell: int) -> int:
        """The four cells a step away."""
        return (5 << self.width - 1 | 1 | 1 << 2 * self.width) << cell - self.width

    def reach(self, region: int, old: int, new: int, *, others: int, pusher: int) -> int:
        """The region once a box that bounded it has gone from `old` to `new`, the pusher beside it.

        What is left of the region hangs together around the box, unless the box cuts it in two; and
        it grows where the box has made way to another part.
        """
        left = region & ~(1 << new)
        freed = self.beside(old) & self.floor & ~others & ~(1 << new)
        if freed & ~region:
            return self.region(pusher, others | 1 << new)
        if freed:
            left |= 1 << old
        if region >> new & 1 and not _hangs(self.around(left, new)):
            return self._part(left, pusher, doors=self.beside(new) & left & ~(1 << pusher))
        return left

    def _grown(self, cells: int, free: int) -> int:
        sideways = cells << 1 | cells >> 1
        return (cells | sideways | cells << self.width | cells >> self.width) & free

    def _part(self, cells: int, pusher: int, *, doors: int) -> int:
        """What of `cells` the pusher can walk to; each part of them has the pusher or a door in it.

        Parts grow by turns until they meet or are whole, so that most end after a few steps.
        """
        mine = 1 << pusher
        while doors := doors & ~mine:
            other = doors & -doors
            while not mine & other:
                grown, theirs = self._grown(mine, cells), self._grown(other, cells)
                if grown == mine:
                    return mine
                if theirs == other:
                    cells &= ~theirs
                    break
                mine, other = grown, theirs
            mine |= other & cells
            doors &= cells & ~other
        return cells


def pushes(room: Room, at: Placed, others: int, *, within: int) -> Iterator[tuple[str, Placed]]:
    """Every push of one box to a cell of `within`, among others that stand still."""
    box, region = at
    ends = room.floor & ~others & within
    for direction, step in zip(DIRECTIONS, room.steps, strict=True):
        there = box + step
        if region >> box - step & 1 and ends >> there & 1:
            after = room.reach(region, box, there, others=others, pusher=box)
            yield direction, Placed(there, after)


def pulls(room: Room, at: Placed, others: int, *, within: int) -> list[int]:
    """The steps, of those in `steps`, by which one box can be pulled to a cell of `within`."""
    free, ends = room.floor & ~others, at.region & within
    box = at.box
    return [step for step in room.steps if ends >> box + step & 1 and free >> box + 2 * step & 1]


def pulled(room: Room, at: Placed, others: int, *, step: int) -> Placed:
    """A push of one box, undone."""
    there = at.box + step
    after = room.reach(at.region, at.box, there, others=others, pusher=there + step)
    return Placed(there, after)


def push_home(room: Room, label: str, at: Placed, others: int) -> tuple[list[Push], Placed] | None:
    """The fewest pushes that bring one box to its place while the others stand still."""
    alone: list[int] = []
    for ring in rings(room, room.places[label]):
        if ring >> at.box & 1:
            found = _straight(room, at, others, alone=alone) or _shortest(
                room, at, others, place=room.places[label]
            )
            return found and ([(label, way) for way in found[0]], found[1])
        alone.append(ring)
    return None


def solve(room: Room, boxes: Mapping[str, int], pusher: int) -> list[Push] | None:
    """A plan that brings box after box home; None if no order was found in which that works.

    Boxes are tried in alphabetical order, others when that fails; a box that is home stays there,
    so that a warehouse in which one must be parked half-way counts as not solved.
    """
    blocked = mask(boxes.values())
    at = room.region(pusher, blocked)
    return _finish(room, boxes, blocked, at, searches=iter(range(_MAX_SEARCHES)))


def _finish(
    room: Room, boxes: Mapping[str, int], blocked: int, region: int, *, searches: Iterator[int]
) -> list[Push] | None:
    waiting = [label for label in sorted(boxes) if boxes[label] != room.places[label]]
    if not waiting:
        return []
    for label, _ in zip(waiting, searches, strict=False):
        others = blocked & ~(1 << boxes[label])
        found = push_home(room, label, Placed(boxes[label], region), others)
        if found is not None:
            path, (box, beside) = found
            after = {**boxes, label: box}
            rest = _finish(room, after, others | 1 << box, beside, searches=searches)
            if rest is not None:
                return path + rest
    return None


def _straight(
    room: Room, at: Placed, others: int, *, alone: Sequence[int]
) -> tuple[list[str], Placed] | None:
    """A way home on which each push ends in the next nearer one of the rings `alone`.

    Depth first, and straight on where that is possible: most such ways lead home, and those with
    few turns are told in few words.
    """
    came: dict[Placed, tuple[Placed, str] | None] = {at: None}
    waiting = [(at, len(alone), "")]
    while waiting:
        here, far, before = waiting.pop()
        if far == 0:
            return _ways(came, here), here
        nearer = pushes(room, here, others, within=alone[far - 1])
        for direction, there in sorted(nearer, key=lambda push: push[0] == before):
            if there not in came:
                came[there] = (here, direction)
                waiting.append((there, far - 1, direction))
    return None


def _shortest(
    room: Room, at: Placed, others: int, *, place: int
) -> tuple[list[str], Placed] | None:
    """The way with the fewest pushes, detours included."""
    came: dict[Placed, tuple[Placed, str] | None] = {at: None}
    layer = [at]
    while layer:
        following = []
        for here in layer:
            if here.box == place:
                return _ways(came, here), here
            for direction, there in pushes(room, here, others, within=room.floor):
                if there not in came:
                    came[there] = (here, direction)
                    following.append(there)
        layer = following
    return None


def rings(room: Room, place: int) -> Iterator[int]:
    """Cells from which a box gets to a place by 0, 1, 2 ... pushes, and no fewer.

    That is were it alone and the pusher everywhere. Cells in none of them are dead: a box there
    never gets to the place, whatever the others do.
    """
    floor, width = room.floor, room.width
    above, below, left, right = floor << width, floor >> width, floor << 1, floor >> 1
    last = seen = 1 << place
    while last:
        yield last
        up, down, west, east = last >> width, last << width, last >> 1, last << 1
        last = (up & above | down & below | west & left | east & right) & floor & ~seen
        seen |= last


def mask(cells: Iterable[int]) -> int:
    """A set of cells as bits."""
    return sum(1 << cell for cell in cells)


def _ways(came: Mapping[Placed, tuple[Placed, str] | None], end: Placed) -> list[str]:
    ways: list[str] = []
    while (step := came[end]) is not None:
        end, direction = step
        ways.append(direction)
    return ways[::-1]


@cache
def _hangs(around: int) -> bool:
    """Whether the cells beside one that are in `around` are joined by others around it."""
    walk = [around >> bit & 1 for bit in _AROUND]
    beside = range(1, 8, 2)
    links = sum(walk[place] & walk[(place + 1) % 8] & walk[(place + 2) % 8] for place in beside)
    return sum(walk[place] for place in beside) - links <= 1
