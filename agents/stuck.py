"""Stuck: noticing that an agent goes in circles, and telling it once before it is stopped.

Three patterns count, each over turns in a row: the same action that met the same observation, two
such exchanges in turn (A B A B), and calls of one tool that fail in one way whatever the arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from forethought.envs.tools import ToolResult

Pattern = Literal["repeat", "alternation", "errors"]
Verdict = Literal["nudge", "stop"]

STOP_CYCLES = 4
"""Times that an exchange, or two in turn, come back before the agent is stopped."""
STOP_ERRORS = 8
"""Turns in a row whose calls fail alike before the agent is stopped."""
_NUDGE = {"repeat": STOP_CYCLES - 1, "alternation": STOP_CYCLES - 1, "errors": STOP_ERRORS // 2}
_STOP = {"repeat": STOP_CYCLES, "alternation": STOP_CYCLES, "errors": STOP_ERRORS}


@dataclass(frozen=True, kw_only=True, slots=True)
class Circle:
    """A pattern that has gone on for so long that something is to be done about it."""

    pattern: Pattern
    times: int
    verdict: Verdict
    what: str = ""
    """The tool and its error, where calls fail alike."""

    @property
    def text(self) -> str:
        """What the agent is told: what repeats, and that it should try something else."""
        if self.pattern == "errors":
            seen = f"Your last {self.times} turns failed in the same way ({self.what})."
        elif self.pattern == "repeat":
            seen = f"You have done the same thing {self.times} times and got the same answer."
        else:
            seen = (
                f"You have gone back and forth between the same two actions {self.times} times "
                "and got the same answers."
            )
        return f"[{seen} Doing it again will not help: try another way, or another order.]"


@dataclass(kw_only=True, slots=True)
class Circles:
    """What one agent has done over and over up to now; constant in memory and time a turn."""

    last: tuple[str, str] | None = None
    before: tuple[str, str] | None = None
    num_same: int = 1
    """Times in a row that `last` came back."""
    num_swaps: int = 0
    """Turns in a row that were like the one but last and unlike the last."""
    failure: tuple[str, ...] = ()
    num_failures: int = 0
    """Turns in a row that failed like `failure`."""
    nudged: set[Pattern] = field(default_factory=set)
    """Patterns that go on and of which the agent was told."""

    def see(self, action: str, observation: str, results: Sequence[ToolResult]) -> Circle | None:
        """Take a turn in; returns what it makes of the turns before, if that calls for anything.

        A pattern is nudged at once when it is long enough, again only after it was broken.
        """
        exchange = (action, observation)
        self.num_swaps = (
            self.num_swaps + 1 if exchange == self.before and exchange != self.last else 0
        )
        self.num_same = self.num_same + 1 if exchange == self.last else 1
        self.before, self.last = self.last, exchange
        failure = _failure(results)
        self.num_failures = self.num_failures + 1 if failure and failure == self.failure else 1
        self.failure = failure
        if self.num_same == 1 and self.num_swaps == 0 and not failure:
            self.nudged.clear()
            return None
        return self._circle()

    def _circle(self) -> Circle | None:
        times: dict[Pattern, int] = {
            "repeat": self.num_same,
            "alternation": 1 + self.num_swaps // 2,
            "errors": self.num_failures if self.failure else 0,
        }
        for pattern, count in times.items():
            if count >= _STOP[pattern]:
                return Circle(pattern=pattern, times=count, verdict="stop")
        for pattern, count in times.items():
            if count < _NUDGE[pattern]:
                self.nudged.discard(pattern)
            elif pattern not in self.nudged:
                self.nudged.add(pattern)
                what = ", ".join(self.failure) if pattern == "errors" else ""
                return Circle(pattern=pattern, times=count, verdict="nudge", what=what)
        return None


def _failure(results: Sequence[ToolResult]) -> tuple[str, ...]:
    """How the calls of a turn failed, each as tool and error; empty unless all did."""
    if not results or any(result.error is None for result in results):
        return ()
    return tuple(f"{result.name or 'unreadable call'}: {result.error}" for result in results)
