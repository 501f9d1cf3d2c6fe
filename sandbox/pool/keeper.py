"""Keeper: boots, cleans and closes a pool's sandboxes, in tasks that end with the pool."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from forethought.sandbox import select
from forethought.sandbox.base import Backend, SandboxFileError, SandboxSpec, SandboxUnavailable
from forethought.sandbox.pool.breaker import Breaker
from forethought.sandbox.pool.stats import Recycled, Tally
from forethought.sandbox.pool.stock import Member, Request, Shelf, Stock
from forethought.sandbox.together import together

logger = logging.getLogger(__name__)

TICK_S = 0.2
RESET_S = 5.0
"""Longer than this, a new sandbox is quicker."""
OVERDUE = 0.5
"""What has booted before, and now takes this share of the patience, waits for a hanging engine."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """How long sandboxes are kept, and how long is waited for them; see `SandboxPool`."""

    max_uses: int
    max_age_s: float
    idle_s: float
    patience_s: float


class Keeper:
    """The doing behind a `Stock`."""

    def __init__(self, stock: Stock, tally: Tally, terms: Terms, group: TaskGroup) -> None:
        self._tally = tally
        self._stock = stock
        self._terms = terms
        self._group = group
        self._members: set[Member] = set()
        self._chosen: dict[SandboxSpec, Backend] = {}
        self._choosing = anyio.Lock()
        self._breakers: dict[Backend, Breaker] = {}
        self._has_begun = False
        self._is_over = False

    async def shelf(self, spec: SandboxSpec, backend: Backend) -> Shelf:
        """Where sandboxes of a kind are kept. Raises SandboxUnavailable if nothing isolates."""
        if backend == "auto":
            async with self._choosing:
                # Chosen once: an engine that dies must not make the rest of a run less isolated.
                if spec not in self._chosen:
                    self._chosen[spec] = await anyio.to_thread.run_sync(select.choose, spec)
            backend = self._chosen[spec]
        if (spec, backend) not in self._stock.shelves:
            if backend not in self._breakers:
                self._breakers[backend] = Breaker()
                select.begin(backend)
            self._stock.shelves[spec, backend] = Shelf(
                spec=spec,
                backend=backend,
                breaker=self._breakers[backend],
                asked_at=anyio.current_time(),
            )
        return self._stock.shelves[spec, backend]

    def pump(self) -> None:
        """Lend, boot and close whatever is due."""
        if self._is_over:
            return
        if not self._has_begun:
            self._has_begun = True
            self._group.start_soon(self._tend)
        now = anyio.current_time()
        for due in self._stock.next_steps(now, is_wanted_s=self._terms.idle_s):
            if isinstance(due, Member):
                self.retire(due, "evicted")
            else:
                due.boots.append(now)
                self._stock.num_live += 1
                self._group.start_soon(self._boot, due, now)

    def shelve(self, member: Member) -> None:
        """Keep a pristine sandbox for the next."""
        if member in self._members:
            member.idle_since = anyio.current_time()
            member.shelf.idle.append(member)

    def take_back(self, member: Member) -> None:
        """Make a sandbox as new, or close it; begun at once and done in the background."""
        if not self._is_over:
            self._group.start_soon(self._recycle, member)

    def retire(self, member: Member, cause: Recycled) -> None:
        """Close a sandbox in the background."""
        self._tally.recycled[cause] += 1
        self._stock.num_closing += 1
        if not self._is_over:
            self._group.start_soon(self._close_and_count, member)

    def stop(self) -> None:
        """Begin with nothing more; refuse all who wait."""
        self._is_over = True
        for request in list(self._stock.queue):
            self._stock.refuse(request, SandboxUnavailable("the pool is closed"))

    async def close_all(self) -> None:
        """Close every sandbox, lent or not; the tasks in the background have ended by now."""
        with anyio.CancelScope(shield=True):
            await together([partial(_close, member) for member in self._members])

    # In the background.

    async def _boot(self, shelf: Shelf, began: float) -> None:
        try:
            sandbox = await select.boot(shelf.spec, shelf.backend)
        except OSError as error:
            await self._fail(shelf, error)
            self._stock.num_live -= 1
        else:
            now = anyio.current_time()
            member = Member(sandbox=sandbox, shelf=shelf, born=now, idle_since=now)
            self._members.add(member)
            shelf.has_booted = True
            shelf.breaker.succeeded()
            self._tally.booted += 1
            self._tally.boots_s.append(now - began)
            self.shelve(member)
        shelf.boots.remove(began)
        self.pump()

    async def _fail(self, shelf: Shelf, error: OSError) -> None:
        """A boot failed: an ill engine's fault, or that of a spec that cannot be fulfilled."""
        self._tally.failures += 1
        shelves = self._stock.shelves.values()
        has_worked = any(each.has_booted for each in shelves if each.backend == shelf.backend)
        if shelf.has_booted or (has_worked and not await select.answers(shelf.backend)):
            logger.warning("a sandbox did not boot: %s", error)
            shelf.breaker.failed(str(error))
            return
        for request in self._stock.queue:
            if request.shelf is shelf:
                refusal = SandboxUnavailable(str(error))
                refusal.__cause__ = error
                self._stock.refuse(request, refusal)
                return

    async def _recycle(self, member: Member) -> None:
        cause = self._worn(member) or await _reset(member)
        if cause is None and self._stock.is_crowded:
            cause = "evicted"
        if cause is None:
            self.shelve(member)
        else:
            self.retire(member, cause)
        self.pump()

    def _worn(self, member: Member) -> Recycled | None:
        if anyio.current_time() - member.born >= self._terms.max_age_s:
            return "age"
        return "uses" if member.num_uses >= self._terms.max_uses else None

    async def _close_and_count(self, member: Member) -> None:
        self._members.discard(member)
        with anyio.CancelScope(shield=True):
            await _close(member)
        self._stock.num_closing -= 1
        self._stock.num_live -= 1
        self.pump()

    # What time brings.

    async def _tend(self) -> None:
        while True:
            await anyio.sleep(TICK_S)
            now = anyio.current_time()
            for shelf in self._stock.shelves.values():
                self._look_after(shelf, now)
            for request in list(self._stock.queue):
                if (refusal := self._refusal(request, now)) is not None:
                    self._stock.refuse(request, refusal)
            self.pump()

    def _look_after(self, shelf: Shelf, now: float) -> None:
        """Notice an engine that hangs; close what nobody wants."""
        limit_s = OVERDUE * self._terms.patience_s
        if shelf.has_booted and any(now - began > limit_s for began in shelf.boots):
            shelf.breaker.open(f"the engine has not answered for {limit_s:.0f} s")
        kept = self._stock.warm if now - shelf.asked_at <= self._terms.idle_s else 0
        for member in list(shelf.idle):
            cause = self._worn(member)
            is_spare = len(shelf.idle) > kept
            if cause is None and is_spare and now - member.idle_since > self._terms.idle_s:
                cause = "idle"
            if cause is not None:
                shelf.idle.remove(member)
                self.retire(member, cause)

    def _refusal(self, request: Request, now: float) -> SandboxUnavailable | None:
        """Why somebody should wait no longer, if there is a reason."""
        breaker, patience_s = request.shelf.breaker, self._terms.patience_s
        if breaker.opened_at is not None:
            if now - max(breaker.opened_at, request.asked_at) < patience_s:
                return None
            since_s = now - breaker.opened_at
            return SandboxUnavailable(f"no sandbox has booted for {since_s:.0f} s: {breaker.cause}")
        if not request.is_nested or now - request.asked_at < patience_s or self._stock.has_room:
            return None
        return SandboxUnavailable(
            f"all {self._stock.max_nested} sandboxes are held by those who wait for more; run "
            "fewer episodes at once, or give the pool a larger max_live"
        )


async def _reset(member: Member) -> Recycled | None:
    """Why the sandbox is not pristine again, or None."""
    try:
        with anyio.fail_after(RESET_S):
            await member.sandbox.reset()
    except TimeoutError:
        return "slow reset"
    except SandboxUnavailable:
        return "broken"
    except SandboxFileError as error:
        logger.info("a sandbox is not lent again: %s", error)
        return "unclean"
    return None


async def _close(member: Member) -> None:
    try:
        await member.sandbox.close()
    except SandboxUnavailable as error:
        logger.info("closing a sandbox: %s", error)
