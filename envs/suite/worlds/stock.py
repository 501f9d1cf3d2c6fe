"""Warehouses drawn by reverse play: boxes start at their places and are pulled away, one by one.

The plan that brings them back is then known, and it is shortest: each box is pulled to where it
would need as many pushes were it alone, and no plan can do with fewer than that for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from math import isqrt
from string import ascii_lowercase

import numpy as np

from forethought.envs.suite.worlds.warehouse import (
    Placed,
    Room,
    mask,
    pulled,
    pulls,
    rings,
    solve,
)

_MAX_BOXES = 26
_TRIES = 2
"""Ways that are tried to pull a box away, of which the longest is taken."""


def draw(rng: np.random.Generator, *, horizon: int) -> tuple[str, ...]:
    """Rows of a warehouse whose shortest plan has exactly `horizon` pushes.

    `#` is a wall, `.` the floor, `a` a box, `A` the place where it belongs, `@` the pusher.
    """
    while True:
        rows = _attempt(rng, horizon)
        if rows is not None:
            return rows


def read_rows(rows: tuple[str, ...]) -> tuple[Room, dict[str, int], int]:
    """Room, boxes and pusher of a drawn warehouse. Raises ValueError for what is none."""
    width, text = len(rows[0]) if rows else 0, "".join(rows)
    cells = {char: cell for cell, char in enumerate(text) if char not in "#."}
    boxes = {char: cell for char, cell in cells.items() if char.islower()}
    rim = text[:width] + text[-width:] + "".join(row[:1] + row[-1:] for row in rows)
    wanted = {*boxes, *(label.upper() for label in boxes), "@"}
    if (
        not boxes
        or len(text) != width * len(rows)
        or set(rim) != {"#"}
        or set(cells) != wanted
        or len(cells) != sum(char not in "#." for char in text)
    ):
        raise ValueError(
            "a warehouse is a rectangle in a rim of #, with one @, and for each box a one place A"
        )
    places = {label: cells[label.upper()] for label in boxes}
    floor = mask([cell for cell, char in enumerate(text) if char != "#"])
    return Room(width=width, floor=floor, places=places), boxes, cells["@"]


def draw_rows(room: Room, boxes: dict[str, int], pusher: int) -> list[str]:
    """The room as it is; a box hides the place under it."""
    height = room.floor.bit_length() // room.width + 2
    text = [".#"[not room.floor >> cell & 1] for cell in range(room.width * height)]
    for label, cell in room.places.items():
        text[cell] = label.upper()
    text[pusher] = "@"
    for label, cell in boxes.items():
        text[cell] = label
    return ["".join(text[row * room.width :][: room.width]) for row in range(height)]


def _attempt(rng: np.random.Generator, horizon: int) -> tuple[str, ...] | None:
    room = _empty_room(rng, width=6 + isqrt(horizon), num_boxes=min(_MAX_BOXES, 1 + horizon // 3))
    if room is None:
        return None
    left, moved, blocked = horizon, dict[str, int](), mask(room.places.values())
    free = _cells(room.floor & ~blocked)
    region = room.region(free[int(rng.integers(len(free)))], blocked)
    for label in room.places:
        others = blocked & ~(1 << room.places[label])
        depth = min(left, int(rng.integers(1 + room.width // 4, room.width + 8)))
        at = Placed(room.places[label], region)
        found = _pulled_away(rng, room, label, at, others=others, depth=depth)
        if found is not None:
            number, (moved[label], region) = found
            blocked = others | 1 << moved[label]
            left -= number
        if not left:
            return _drawn(rng, room, moved, region, horizon=horizon)
    return None


def _drawn(
    rng: np.random.Generator, room: Room, moved: dict[str, int], region: int, *, horizon: int
) -> tuple[str, ...] | None:
    """The room with the boxes that were moved, last moved first, if the expert sees it through."""
    names = dict(zip(reversed(moved), ascii_lowercase, strict=False))
    boxes = {name: moved[label] for label, name in names.items()}
    room = replace(room, places={name: room.places[label] for label, name in names.items()})
    cells = [cell for cell in _cells(region) if cell not in room.places.values()]
    if not cells:
        return None
    pusher = cells[int(rng.integers(len(cells)))]
    plan = solve(room, boxes, pusher)
    return tuple(draw_rows(room, boxes, pusher)) if plan and len(plan) == horizon else None


def _pulled_away(
    rng: np.random.Generator, room: Room, label: str, at: Placed, *, others: int, depth: int
) -> tuple[int, Placed] | None:
    """A box pulled by at most `depth` steps, none of them a detour, off all places; and how far."""
    away = list(islice(rings(room, room.places[label]), 1, depth + 1))
    if not away or not pulls(room, at, others, within=away[0]):
        return None
    walks = [_walk(room, at, others, away, turns) for turns in rng.random((_TRIES, depth)).tolist()]
    return max(filter(None, walks), key=lambda found: found[0], default=None)


def _walk(
    room: Room, at: Placed, others: int, away: Sequence[int], turns: Sequence[float]
) -> tuple[int, Placed] | None:
    """As far as these turns lead without a detour; the last end that is no box's place.

    Where the pusher would shut itself in is none either: it could pull no other box from there.
    """
    taken, roomy = mask(room.places.values()), at.region.bit_count() // 2
    found = None
    for number, (ring, turn) in enumerate(zip(away, turns, strict=False), start=1):
        ways = pulls(room, at, others, within=ring)
        if not ways:
            break
        at = pulled(room, at, others, step=ways[int(turn * len(ways))])
        if not taken >> at.box & 1 and at.region.bit_count() >= roomy:
            found = number, at
    return found


def _empty_room(rng: np.random.Generator, *, width: int, num_boxes: int) -> Room | None:
    """A connected room with some pillars, and places for the boxes."""
    inner = [y * width + x for y in range(1, width - 1) for x in range(1, width - 1)]
    order = [inner[int(i)] for i in rng.permutation(len(inner))]
    num_pillars = int(rng.integers(len(inner) // 8 + 1))
    floor = mask(order[num_pillars:])
    labels = [chr(ord("a") + i) for i in range(num_boxes)]
    places = dict(zip(labels, order[num_pillars:], strict=False))
    room = Room(width=width, floor=floor, places=places)
    return room if room.region(order[-1], 0) == floor else None


def _cells(cells: int) -> list[int]:
    return [cell for cell in range(cells.bit_length()) if cells >> cell & 1]
