"""Suites: named sets of environments that are evaluated together."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from forethought.agents.budget import Limits
from forethought.agents.compress.compressors import COMPRESSORS


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One environment of a suite and the horizons its tasks cycle through."""

    env: str
    horizons: tuple[int, ...]
    label: str = ""
    """Folder of its run in that of the suite; empty is the environment's own name."""
    options: Mapping[str, JsonValue] = field(default_factory=dict)
    """What else the environment is made with."""
    compress: str | None = None
    """Compressor that it is run with; None leaves the choice to the user."""
    limits: Limits | None = None
    """Limits that it is run with; None leaves them to the user and the model."""

    @property
    def name(self) -> str:
        """The label or the environment's own name."""
        return self.label or self.env.rpartition("/")[2]


_RETENTION_ENV = "forethought/retention-v0"
_SMALL = Limits(turns=1024, tokens=1 << 16, reply_tokens=72, context=576)
_LARGE = Limits(turns=1024, tokens=1 << 16, reply_tokens=72, context=2048)
RETENTION: tuple[Entry, ...] = tuple(
    Entry(
        env=_RETENTION_ENV,
        horizons=(4,),
        label=label,
        options={"terse": True, "gap": 4, "words": 12},
        compress=compress,
        limits=limits,
    )
    for label, compress, limits in (
        ("whole", "none", _LARGE),
        *((name, name, _SMALL) for name in COMPRESSORS),
    )
)
"""The same days with the whole context in sight and with each way to make room in a small one."""

SUITES: Mapping[str, tuple[Entry, ...]] = {
    "core": (
        Entry(env="forethought/blocksworld-v0", horizons=(2, 4, 6, 8)),
        Entry(env="forethought/hops-v0", horizons=(1, 2, 3, 4)),
        Entry(env="forethought/workbench-v0", horizons=(1, 2, 3, 4)),
    ),
    "retention": RETENTION,
}
NUM_TASKS: Mapping[str, int] = {"retention": 4}
"""Tasks of each environment of a suite, where it is not the usual number."""


def suite(name: str) -> tuple[Entry, ...]:
    """The entries of a suite. Raises ValueError with the names there are."""
    if name not in SUITES:
        close = difflib.get_close_matches(name, SUITES, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(SUITES)}"
        raise ValueError(f"no suite named {name!r}; {hint}")
    return SUITES[name]
