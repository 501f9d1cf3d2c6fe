"""Rooms behind locked doors, drawn so that every key on the way to the vault is needed once.

The doors that must be opened are a tree grown backwards from the vault: a door stands in one room
and its key lies in another (or both in the hall, which is open), and each of these rooms is opened
for this purpose alone. So all of them have to be opened, in any order in which rooms come before
what they hold, and a shortest plan has as many moves as the tree has doors. Decoys are doors that
the keys of needed doors fit as well; a key breaks in its lock, so opening one is fatal. What lies
behind them opens only more of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

HALL = "hall"
_DECOY_SHARE = 0.6


@dataclass(frozen=True, kw_only=True, slots=True)
class Door:
    """The door to a room."""

    key: str
    """The kind of key that opens it, and breaks."""
    stands_in: str
    holds: tuple[str, ...]
    """Kinds of keys that lie in the room behind it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Castle:
    """All rooms but the hall, by name."""

    doors: Mapping[str, Door]
    in_hall: tuple[str, ...]
    """Kinds of keys that lie in the hall."""
    vault: str

    def keys(self, opened: Collection[str]) -> Counter[str]:
        """Keys that were found and not used yet."""
        found = Counter(self.in_hall)
        for room in opened:
            found.update(self.doors[room].holds)
        found.subtract(Counter(self.doors[room].key for room in opened))
        return found

    def why_not(self, room: str, opened: Collection[str]) -> str:
        """What stands against opening a door when these are open; "" if nothing does."""
        door = self.doors.get(room)
        if door is None:
            return "no such room"
        if room in opened:
            return "it is open"
        if door.stands_in not in (HALL, *opened):
            return f"its door stands in {door.stands_in}, which is locked"
        return "" if self.keys(opened)[door.key] > 0 else f"you have no {door.key}"

    def needed(self) -> list[str]:
        """Rooms that must be opened, each after those that it needs; the vault is last.

        Exact for castles in which every needed kind of key lies in one place.
        """
        lies_in = {key: room for room, door in self.doors.items() for key in door.holds}
        order: dict[str, None] = {}
        seen = {HALL}
        stack = [(self.vault, False)]
        while stack:
            room, is_ready = stack.pop()
            if is_ready:
                order[room] = None
            elif room not in seen and room in self.doors:
                seen.add(room)
                door = self.doors[room]
                stack.append((room, True))
                stack.append((door.stands_in, False))
                stack.append((lies_in.get(door.key, HALL), False))
        return list(order)


def draw(rng: np.random.Generator, *, horizon: int) -> Castle:
    """A castle in which exactly `horizon` doors must be opened, and some must not."""
    num_decoys = max(1, round(_DECOY_SHARE * horizon))
    names = [f"r{int(i)}" for i in rng.permutation(horizon + num_decoys)]
    kinds = [f"k{int(i)}" for i in rng.permutation(horizon + num_decoys)]
    needed, decoys = names[:horizon], names[horizon:]
    key_of = dict(zip(needed, kinds, strict=False))
    stands_in, lies_in = _grow(rng, needed)
    holds: dict[str, list[str]] = {name: [] for name in (*names, HALL)}
    for room, place in lies_in.items():
        holds[place].append(key_of[room])
    for decoy, bait in zip(decoys, kinds[horizon:], strict=True):
        baited = [room for room in decoys if holds[room] and room != decoy]
        if baited and rng.random() < 0.3:
            stands_in[decoy] = baited[int(rng.integers(len(baited)))]
            key_of[decoy] = holds[stands_in[decoy]][0]
        else:
            twin = needed[int(rng.integers(len(needed)))]
            stands_in[decoy], key_of[decoy] = stands_in[twin], key_of[twin]
        if rng.random() < 0.5:
            holds[decoy].append(bait)
    doors = {
        name: Door(key=key_of[name], stands_in=stands_in[name], holds=tuple(sorted(holds[name])))
        for name in sorted(names, key=lambda name: int(name[1:]))
    }
    return Castle(doors=doors, in_hall=tuple(sorted(holds[HALL])), vault=needed[0])


def _grow(rng: np.random.Generator, needed: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Where each needed door stands and where its key lies; the first room is the vault."""
    stands_in = dict.fromkeys(needed, HALL)
    lies_in = dict.fromkeys(needed, HALL)
    open_ends = [(needed[0], stands_in), (needed[0], lies_in)]
    for room in needed[1:]:
        served, place = open_ends.pop(int(rng.integers(max(0, len(open_ends) - 4), len(open_ends))))
        place[served] = room
        open_ends += [(room, stands_in), (room, lies_in)]
    return stands_in, lies_in
