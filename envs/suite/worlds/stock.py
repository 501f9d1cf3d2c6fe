"""Warehouses drawn by reverse play: boxes start at their places and are pulled away, one by one.

The plan that brings them back is then known, and it is shortest: each box is pulled to where it
would need as many pushes were it alone, and no plan can do with fewer than that for each.
"""

from __future__ import annotations

from dataclasses import replace
from math import isqrt
from string import ascii_lowercase

import numpy as np

from forethought.envs.suite.worlds.warehouse import (
    Placed,
    Room,
    distances,
    mask,
    reverse_layers,
    solve,
)

_MAX_BOXES = 26


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
    boxes, pulled = dict(room.places), dict[str, int]()
    free = [cell for cell in _cells(room.floor) if cell not in boxes.values()]
    region = room.region(free[int(rng.integers(len(free)))], mask(boxes.values()))
    while (left := horizon - sum(pulled.values())) > 0:
        label = next((label for label in boxes if label not in pulled), None)
        if label is None:
            return None
        others = mask([cell for other, cell in boxes.items() if other != label])
        at = Placed(boxes[label], region)
        depth = min(left, int(rng.integers(1 + room.width // 4, room.width + 8)))
        ends = _straight_ends(room, label, at, others, depth=depth)
        if not ends:
            return None
        pulled[label], (boxes[label], region) = ends[int(rng.triangular(0, len(ends), len(ends)))]
    labels = dict(zip(reversed(pulled), ascii_lowercase, strict=False))
    moved = {name: boxes[label] for label, name in labels.items()}
    places = {name: room.places[label] for label, name in labels.items()}
    room = replace(room, places=places)
    cells = [cell for cell in _cells(region) if cell not in places.values()]
    if not cells or set(moved.values()) & set(places.values()):
        return None
    pusher = cells[int(rng.integers(len(cells)))]
    plan = solve(room, moved, pusher)
    return tuple(draw_rows(room, moved, pusher)) if plan and len(plan) == horizon else None


def _straight_ends(
    room: Room, label: str, at: Placed, others: int, *, depth: int
) -> list[tuple[int, Placed]]:
    """Where a box can be pulled to by as few pulls as if it were alone, with their number."""
    layers = reverse_layers(room, at, others, depth=depth)
    alone, places = distances(room, room.places[label]), set(room.places.values())
    return [
        (number, end)
        for number, layer in enumerate(layers)
        for end in layer
        if number and alone[end.box] == number and end.box not in places
    ]


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
