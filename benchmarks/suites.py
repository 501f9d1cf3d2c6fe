"""Suites: named sets of environments that are evaluated together."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One environment of a suite and the horizons its tasks cycle through."""

    env: str
    horizons: tuple[int, ...]


SUITES: Mapping[str, tuple[Entry, ...]] = {
    "core": (
        Entry(env="forethought/blocksworld-v0", horizons=(2, 4, 6, 8)),
        Entry(env="forethought/hops-v0", horizons=(1, 2, 3, 4)),
        Entry(env="forethought/workbench-v0", horizons=(1, 2, 3, 4)),
    ),
}


def suite(name: str) -> tuple[Entry, ...]:
    """The entries of a suite. Raises ValueError with the names there are."""
    if name not in SUITES:
        close = difflib.get_close_matches(name, SUITES, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(SUITES)}"
        raise ValueError(f"no suite named {name!r}; {hint}")
    return SUITES[name]
