"""SandboxPool: warm sandboxes on loan, so that hundreds of episodes share what a machine can hold.

    async with SandboxPool() as pool:
        async with pool.lease(SandboxSpec()) as sandbox:
            await sandbox.exec(["true"])

While a pool is open, `open_sandbox` takes from it in every task that was started within, so
environments need to know nothing of it. Nothing happens before the first sandbox is asked for.

- A lease ends with a reset. Only a sandbox that is pristine again (see pristine.py) is lent to the
  next; one that is not, takes too long, or has served its time is closed.
- Places are given in the order in which they were asked for, whatever the kind of sandbox.
- Who holds a sandbox and asks for another (a fork, one to grade in) goes before those who hold
  none and beyond `max_live`, up to four times that: the others could wait for ever for what only
  this one can give back.
- When boots fail three times in a row the engine is ill. From then on one boot at a time probes
  it, and who waits is refused after `patience_s` with the last cause. What has never worked is told
  at once.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Self

import anyio
import anyio.lowlevel

from forethought.sandbox import select
from forethought.sandbox.base import Backend, Sandbox, SandboxSpec, SandboxUnavailable
from forethought.sandbox.pool import ambient
from forethought.sandbox.pool.holders import Holder, current_holder
from forethought.sandbox.pool.keeper import Keeper, Terms
from forethought.sandbox.pool.lease import LeasedSandbox
from forethought.sandbox.pool.stats import PoolStats, Tally
from forethought.sandbox.pool.stock import Member, Request, Shelf, Stock
from forethought.sandbox.together import together

LIVE_PER_CORE = 8
MB_PER_LIVE = 512
PING_S = 5.0


class SandboxPool:
    """Sandboxes on loan; see the module. To be entered and left in the same task.

    `max_live` bounds how many there are at a time; by default 8 for each core, if there are 512 MB
    for each. `warm` of each kind are booted ahead while that kind is in demand; what is idle beyond
    that for `idle_s`, or without demand for as long, is closed. One that is `max_age_s` old or was
    lent `max_uses` times is not lent again.
    """

    def __init__(
        self,
        *,
        max_live: int | None = None,
        warm: int = 2,
        max_uses: int = 100,
        max_age_s: float = 1800.0,
        idle_s: float = 60.0,
        patience_s: float = 60.0,
    ) -> None:
        bound = default_max_live() if max_live is None else max_live
        if bound < 1 or max_uses < 1 or warm < 0:
            raise ValueError(
                f"a pool has max_live and max_uses of at least 1 and warm of at least 0, not "
                f"max_live={bound}, max_uses={max_uses}, warm={warm}"
            )
        self._terms = Terms(
            max_uses=max_uses, max_age_s=max_age_s, idle_s=idle_s, patience_s=patience_s
        )
        self._stock = Stock(max_live=bound, warm=warm)
        self._tally = Tally()
        self._num_leased = 0
        self._numbers = itertools.count()
        self._is_open = False

    async def __aenter__(self) -> Self:
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        self._keeper = Keeper(self._stock, self._tally, self._terms, self._group)
        self._loop = anyio.lowlevel.current_token()
        self._is_open = True
        self._previous = ambient.put(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        ambient.put_back(self._previous)
        self._is_open = False
        self._keeper.stop()
        self._group.cancel_scope.cancel()
        try:
            if isinstance(error, anyio.get_cancelled_exc_class()):
                return await self._group.__aexit__(kind, error, traceback)
            # Any other error of the block is not the group's, which would wrap it.
            await self._group.__aexit__(None, None, None)
            return None
        finally:
            await self._keeper.close_all()

    @property
    def is_here(self) -> bool:
        """Whether it can be used in the present task: it is open, and its loop is this one."""
        return self._is_open and self._loop == anyio.lowlevel.current_token()

    def lease(
        self, spec: SandboxSpec | None = None, *, backend: Backend = "auto"
    ) -> AbstractAsyncContextManager[Sandbox]:
        """A pristine sandbox for as long as the context lasts; waits until there is one.

        Raises as `open_sandbox` does, SandboxUnavailable if the engine is ill for too long, and
        ValueError for a spec with a network: what it reached is one episode's own record.
        """
        wanted = select.checked(spec, backend)
        if wanted.network:
            raise ValueError(
                f"a pool lends no sandbox that may reach {wanted.network}; use open_sandbox"
            )
        return self._lease(wanted, backend)

    def stats(self) -> PoolStats:
        """What it has done so far, and what there is now."""
        return self._tally.stats(
            live=self._stock.num_live,
            leased=self._num_leased,
            idle=sum(len(shelf.idle) for shelf in self._stock.shelves.values()),
            waiting=len(self._stock.queue),
        )

    @asynccontextmanager
    async def _lease(self, spec: SandboxSpec, backend: Backend) -> AsyncIterator[Sandbox]:
        if not self._is_open:
            raise SandboxUnavailable("the pool is not open")
        shelf = await self._keeper.shelf(spec, backend)
        (sandbox,) = await self._lend(shelf, current_holder(), 1)
        try:
            yield sandbox
        finally:
            await sandbox.close()

    async def _lend(self, shelf: Shelf, holder: Holder, n: int) -> list[LeasedSandbox]:
        """So many sandboxes of a shelf, asked for together; all or none."""
        if n >= self._stock.max_nested:
            raise ValueError(
                f"a fork into {n} needs {n + 1} sandboxes, and this pool lends "
                f"{self._stock.max_nested} at most; give it a larger max_live"
            )
        shelf.asked_at = now = anyio.current_time()
        requests = [
            Request(number=next(self._numbers), shelf=shelf, is_nested=holder.has_any, asked_at=now)
            for _ in range(n)
        ]
        for request in requests:
            self._stock.enqueue(request)
        try:
            with holder.waiting():
                members = await together([partial(self._granted, each) for each in requests])
        except BaseException:
            for request in requests:
                self._withdraw(request)
            raise
        return [self._begin(member, holder, now) for member in members]

    async def _granted(self, request: Request) -> Member:
        """The sandbox that a request is given, once one is that answers."""
        while True:
            self._keeper.pump()
            await request.done.wait()
            if request.error is not None:
                raise request.error
            assert request.member is not None
            if await _answers(request.member):
                return request.member
            self._keeper.retire(request.member, "broken")
            self._stock.enqueue(request)

    def _withdraw(self, request: Request) -> None:
        """Forget a request; what it was given goes back, as nobody has used it."""
        if request in self._stock.queue:
            self._stock.queue.remove(request)
        elif request.member is not None:
            self._keeper.shelve(request.member)
        self._keeper.pump()

    def _begin(self, member: Member, holder: Holder, asked_at: float) -> LeasedSandbox:
        self._tally.lent += 1
        self._tally.reused += member.num_uses > 0
        self._tally.waits_s.append(anyio.current_time() - asked_at)
        member.num_uses += 1
        self._num_leased += 1
        holder.take()
        return LeasedSandbox(
            member.sandbox,
            give_back=partial(self._end, member, holder),
            lend=partial(self._lend, member.shelf, holder),
        )

    def _end(self, member: Member, holder: Holder) -> None:
        """A lease is over; nothing is waited for, so no cancellation can keep it."""
        holder.give_back()
        self._num_leased -= 1
        self._keeper.take_back(member)


@asynccontextmanager
async def shared_pool(*, warm: int = 2) -> AsyncIterator[SandboxPool]:
    """The pool that is open already, or one of its own for as long as the context lasts."""
    pool = ambient.pool()
    if pool is not None:
        yield pool
    else:
        async with SandboxPool(warm=warm) as own:
            yield own


def default_max_live() -> int:
    """8 for each core, if there are 512 MB for each."""
    memory_mb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    cores = len(os.sched_getaffinity(0))
    return max(2, min(LIVE_PER_CORE * cores, memory_mb // MB_PER_LIVE))


async def _answers(member: Member) -> bool:
    with anyio.move_on_after(PING_S):
        try:
            await member.sandbox.greet()
        except SandboxUnavailable:
            return False
        return True
    return False
