"""A way through rooms of many doors, and notes that tell of doors further on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forethought.envs.suite.planning.words import MYSTERY

NUM_DOORS = 6
_COLOURS = (
    "black",
    "blue",
    "brown",
    "golden",
    "green",
    "grey",
    "orange",
    "pink",
    "purple",
    "red",
    "white",
    "yellow",
)
_KINDS = ("attic", "cell", "chapel", "cellar", "court", "hall", "study", "tower", "vault", "yard")
_MAX_CARRY = 32
"""Rooms that a note may have to be carried."""
_STRAY_SHARE = 0.3


@dataclass(frozen=True, kw_only=True, slots=True)
class Corridor:
    """One room of the way."""

    name: str
    doors: tuple[str, ...]
    right: str
    """The door that leads on."""
    notes: tuple[tuple[str, str], ...]
    """Rooms and their right doors, told here and nowhere else; some are of rooms off the way."""


def draw(rng: np.random.Generator, *, horizon: int) -> tuple[Corridor, ...]:
    """A way of `horizon` rooms; the note on each room lies in it or up to 32 rooms before it."""
    num_stray = round(_STRAY_SHARE * horizon) + 1
    picks = rng.permutation(len(MYSTERY) * len(_KINDS))[: horizon + num_stray]
    names = [f"{MYSTERY[int(i) // len(_KINDS)]} {_KINDS[int(i) % len(_KINDS)]}" for i in picks]
    doors = [_doors(rng) for _ in names]
    right = [room_doors[int(rng.integers(NUM_DOORS))] for room_doors in doors]
    notes: list[list[tuple[str, str]]] = [[] for _ in range(horizon)]
    for index, note in enumerate(zip(names, right, strict=True)):
        latest = min(index, horizon - 1)
        notes[int(rng.integers(max(0, latest - _MAX_CARRY), latest + 1))].append(note)
    return tuple(
        Corridor(
            name=names[i],
            doors=doors[i],
            right=right[i],
            notes=tuple(notes[i][int(j)] for j in rng.permutation(len(notes[i]))),
        )
        for i in range(horizon)
    )


def _doors(rng: np.random.Generator) -> tuple[str, ...]:
    return tuple(_COLOURS[int(pick)] for pick in rng.permutation(len(_COLOURS))[:NUM_DOORS])
