"""Threads for calls that block, a bounded number for each purpose.

Anyio's own forty are for whatever else runs: were the engine ill, calls to it would take them all.
"""

from __future__ import annotations

import anyio
import anyio.lowlevel


class Lane:
    """Room for `width` calls at a time in each event loop; more wait their turn."""

    def __init__(self, name: str, *, width: int) -> None:
        self._width = width
        self._limiter: anyio.lowlevel.RunVar[anyio.CapacityLimiter] = anyio.lowlevel.RunVar(name)

    def limiter(self) -> anyio.CapacityLimiter:
        """One for the event loop: limiters cannot be shared by loops."""
        try:
            return self._limiter.get()
        except LookupError:
            limiter = anyio.CapacityLimiter(self._width)
            self._limiter.set(limiter)
            return limiter
