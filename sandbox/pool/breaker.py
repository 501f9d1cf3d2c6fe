"""Breaker: lets an engine that is ill come to itself, instead of asking it more and more often."""

from __future__ import annotations

from collections.abc import Callable

import anyio

NUM_FAILURES = 3
"""Boots that have to fail one after the other."""
FIRST_PROBE_S = 0.5
LAST_PROBE_S = 10.0


class Breaker:
    """Closed while boots succeed; open, it lets one boot at a time through, ever more rarely."""

    def __init__(self, *, clock: Callable[[], float] = anyio.current_time) -> None:
        self._clock = clock
        self._num_failures = 0
        self._probe_at = 0.0
        self._wait_s = FIRST_PROBE_S
        self.cause = ""
        self.opened_at: float | None = None
        """When it opened; None while it is closed."""

    def may_boot(self, *, num_booting: int) -> bool:
        """Whether another boot may begin now, beside those that are going on."""
        if self.opened_at is None:
            return True
        return num_booting == 0 and self._clock() >= self._probe_at

    def succeeded(self) -> None:
        """The engine is well: close."""
        self._num_failures = 0
        self._wait_s = FIRST_PROBE_S
        self.opened_at = None

    def failed(self, cause: str) -> None:
        """A boot has failed: open after several in a row; wait longer after each probe."""
        self._num_failures += 1
        self.cause = cause
        if self.opened_at is None and self._num_failures >= NUM_FAILURES:
            self.open(cause)
        elif self.opened_at is not None and self._clock() >= self._probe_at:
            self._wait_s = min(2 * self._wait_s, LAST_PROBE_S)
            self._probe_at = self._clock() + self._wait_s

    def open(self, cause: str) -> None:
        """Open at once: the engine does not answer at all."""
        if self.opened_at is None:
            self.cause = cause
            self.opened_at = self._clock()
            self._probe_at = self.opened_at + self._wait_s
