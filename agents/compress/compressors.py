"""Compressors by name: what stands behind `--compress` and a run's `compress`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from forethought.agents.compress.chain import Chain
from forethought.agents.compress.clear import Clear
from forethought.agents.compress.context import Compressor
from forethought.agents.compress.fold import Fold
from forethought.agents.compress.memory import Memory
from forethought.agents.compress.offload import OffloadHistory, OffloadResults
from forethought.agents.compress.summary import Retell
from forethought.agents.compress.window import Window

COMPRESSORS: Mapping[str, Compressor | None] = {
    "none": None,
    "clear": Chain(schemes=(Clear(), Window())),
    "window": Window(),
    "summarise": Retell(),
    "offload": Chain(schemes=(OffloadResults(), OffloadHistory())),
    "fold": Fold(),
    "memory": Memory(),
    "chain": Chain(schemes=(Clear(), Retell())),
}
"""With "none" a full context ends the episode; each of the others ends with a scheme that always
finds room, as long as what is pinned leaves any."""


def compressor_named(name: str) -> Compressor | None:
    """The compressor of a name. Raises ValueError with the names there are."""
    if name not in COMPRESSORS:
        close = difflib.get_close_matches(name, COMPRESSORS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(COMPRESSORS)}"
        raise ValueError(f"no compressor named {name!r}; {hint}")
    return COMPRESSORS[name]
