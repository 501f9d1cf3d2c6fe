"""Pacing: how fast to ask a server, how often to try again, and how long it says to wait."""

from __future__ import annotations

import email.utils
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import anyio


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """Where time comes from; tests bring their own."""

    now: Callable[[], float] = time.monotonic
    """Seconds from an arbitrary beginning."""
    date: Callable[[], float] = time.time
    """Seconds since 1970, which a server's dates are compared with."""
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep


@dataclass(kw_only=True, slots=True)
class TokenBucket:
    """At most `burst` requests at once and `per_s` a second in the long run.

    A place is taken before it is waited for, so it works across threads and event loops.
    """

    per_s: float
    burst: int = 1
    clock: Clock = field(default_factory=Clock)
    _due: float = field(default=float("-inf"), init=False)
    """When the bucket would be full again (the generic cell rate algorithm's arrival time)."""

    def __post_init__(self) -> None:
        if self.per_s <= 0 or self.burst < 1:
            raise ValueError(f"a bucket needs a rate and a burst, not {self.per_s}, {self.burst}")

    async def take(self) -> None:
        """Wait for the next place."""
        now = self.clock.now()
        due = max(self._due, now)
        self._due = due + 1 / self.per_s
        wait_s = due - (self.burst - 1) / self.per_s - now
        if wait_s > 0:
            await self.clock.sleep(wait_s)


@dataclass(frozen=True, kw_only=True, slots=True)
class Retries:
    """How long to keep trying."""

    tries: int = 3
    base_s: float = 0.5
    """The wait before try n is drawn from 0 to base * 2^n (full jitter)."""
    longest_s: float = 20.0
    """Of one wait; a server that asks for more is not asked again."""

    def wait_s(self, number: int, asked_s: float | None, *, rng: random.Random) -> float | None:
        """Seconds before the try after try `number`, from 0; None if there should be none."""
        if number + 1 >= self.tries or (asked_s or 0.0) > self.longest_s:
            return None
        jittered = rng.uniform(0, min(self.longest_s, self.base_s * 2**number))
        return jittered + (asked_s or 0.0)


def asked_wait_s(headers: Mapping[str, str], *, date: float) -> float | None:
    """Seconds that a server asks to wait: its Retry-After, or what its limits' headers say.

    `X-RateLimit-Remaining: 0, 900` with `X-RateLimit-Reset: 1, 86400` is Brave's way to say that
    the first of two limits is used up for a second.
    """
    after = headers.get("retry-after")
    if after is not None:
        return _after_s(after.strip(), date)
    left = _numbers(headers.get("x-ratelimit-remaining", ""))
    resets = _numbers(headers.get("x-ratelimit-reset", ""))
    waits = [wait for rest, wait in zip(left, resets, strict=False) if rest <= 0]
    return max(waits, default=None)


def _after_s(header: str, date: float) -> float | None:
    if header.isdecimal() and len(header) < 10:
        return float(header)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - date)
    except (ValueError, OverflowError):
        return None


def _numbers(header: str) -> list[float]:
    parts = [part.strip() for part in header.split(",")]
    return [float(part) for part in parts if part.isdecimal() and len(part) < 10]
