"""Stock: a pool's sandboxes and who waits for them; decides, and leaves the doing to the pool."""

from __future__ import annotations

import bisect
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import anyio

from forethought.sandbox.base import Backend, SandboxSpec, SandboxUnavailable
from forethought.sandbox.pool.breaker import Breaker
from forethought.sandbox.wire.remote import CONCURRENT_BOOTS, RemoteSandbox

NESTED_FACTOR = 4
"""So many times the bound may live when those who ask for more hold some already."""


@dataclass(eq=False, kw_only=True, slots=True)
class Member:
    """A sandbox of the pool."""

    sandbox: RemoteSandbox
    shelf: Shelf
    born: float
    idle_since: float
    num_uses: int = 0


@dataclass(eq=False, kw_only=True, slots=True)
class Shelf:
    """All sandboxes of one spec and backend."""

    spec: SandboxSpec
    backend: Backend
    breaker: Breaker
    """Shared by all shelves of the backend."""
    asked_at: float
    idle: deque[Member] = field(default_factory=deque)
    """The one that came back last is lent first."""
    boots: list[float] = field(default_factory=list)
    """When each boot that is going on began."""
    has_booted: bool = False


@dataclass(eq=False, kw_only=True, slots=True)
class Request:
    """Somebody who waits for a sandbox."""

    number: int
    shelf: Shelf
    is_nested: bool
    """It holds one already; see holders.py."""
    asked_at: float
    done: anyio.Event = field(default_factory=anyio.Event)
    member: Member | None = None
    error: SandboxUnavailable | None = None

    @property
    def order(self) -> tuple[bool, int]:
        """Those who hold some go first, since what they hold comes back when they are done."""
        return not self.is_nested, self.number


class Stock:
    """At most `max_live` sandboxes at a time, and places in the order in which they were asked for.

    `num_live` counts those that boot or are being closed as well.
    """

    def __init__(self, *, max_live: int, warm: int) -> None:
        self.max_live = max_live
        self.max_nested = NESTED_FACTOR * max_live
        self.warm = warm
        self.shelves: dict[tuple[SandboxSpec, Backend], Shelf] = {}
        self.queue: list[Request] = []
        self.num_live = 0
        self.num_closing = 0

    @property
    def has_room(self) -> bool:
        """Whether those who hold some already can have more."""
        return self.num_live < self.max_nested

    @property
    def is_crowded(self) -> bool:
        """Whether more live than are to be kept."""
        return self.num_live - self.num_closing > self.max_live

    def enqueue(self, request: Request) -> None:
        """Put a request at its place, which it keeps if it comes back."""
        request.done, request.member = anyio.Event(), None
        bisect.insort(self.queue, request, key=lambda each: each.order)

    def lend(self, request: Request, member: Member) -> None:
        """Give somebody who waits a sandbox."""
        self.queue.remove(request)
        request.member = member
        request.done.set()

    def refuse(self, request: Request, error: SandboxUnavailable) -> None:
        """Let somebody wait no longer."""
        self.queue.remove(request)
        request.error = error
        request.done.set()

    def next_steps(self, now: float, *, is_wanted_s: float) -> Iterator[Shelf | Member]:
        """Lend what is idle; what to boot (a shelf) or to close (a member) next.

        The caller has begun with each before it asks for the next.
        """
        coming = Counter({shelf: len(shelf.boots) for shelf in self.shelves.values()})
        yield from self._serve(coming)
        if not self.queue or all(request.shelf.boots for request in self.queue):
            for shelf in self.shelves.values():
                if shelf.has_booted and now - shelf.asked_at <= is_wanted_s:
                    yield from self._boot_ahead(shelf, coming[shelf])

    def _serve(self, coming: Counter[Shelf]) -> Iterator[Shelf | Member]:
        """Go through the queue, up to the first for whom nothing can be done."""
        num_closing, num_reserved = self.num_closing, 0
        for request in list(self.queue):
            shelf = request.shelf
            num_free = self._room(request) - num_reserved
            if shelf.idle:
                self.lend(request, shelf.idle.pop())
            elif coming[shelf] > 0:
                coming[shelf] -= 1
            elif num_free > 0 and self._may_boot(shelf):
                yield shelf
            elif num_free + num_closing > 0:
                # A place is kept for it even while it may not boot, or later ones would pass it.
                num_reserved += 1
            elif (victim := self._idle_elsewhere(shelf)) is not None:
                num_closing += 1
                num_reserved += 1
                yield victim
            else:
                return

    def _boot_ahead(self, shelf: Shelf, num_coming: int) -> Iterator[Shelf]:
        while len(shelf.idle) + num_coming < self.warm and self.num_live < self.max_live:
            if shelf.breaker.opened_at is not None or not self._may_boot(shelf):
                return
            num_coming += 1
            yield shelf

    def _room(self, request: Request) -> int:
        return (self.max_nested if request.is_nested else self.max_live) - self.num_live

    def _may_boot(self, shelf: Shelf) -> bool:
        num_booting = sum(len(each.boots) for each in self.shelves.values())
        return num_booting < CONCURRENT_BOOTS and shelf.breaker.may_boot(
            num_booting=sum(
                len(each.boots) for each in self.shelves.values() if each.breaker is shelf.breaker
            )
        )

    def _idle_elsewhere(self, shelf: Shelf) -> Member | None:
        """The sandbox of another kind that has been idle longest, off its shelf."""
        found = [each.idle[0] for each in self.shelves.values() if each.idle and each is not shelf]
        if not found:
            return None
        oldest = min(found, key=lambda member: member.idle_since)
        oldest.shelf.idle.popleft()
        return oldest
