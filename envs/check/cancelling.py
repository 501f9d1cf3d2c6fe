"""The promise that a step can be cancelled wherever it waits, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Sequence

from forethought.envs.check.leftovers import going, left_since
from forethought.envs.check.promise import Broken
from forethought.envs.check.subject import Check, Subject
from forethought.envs.check.waits import cancelled_at
from forethought.sandbox import SandboxPool

MAX_POINTS = 6
"""Waits of a step at which it is cancelled; spread evenly where it has more."""


_ADVICE = "after a step, cancelled or not; hold it with async with, or in self.resources"

Attempt = tuple[int, Sequence[str], int]
"""A seed, actions, and the wait at which the last of them is cancelled; 0 lets it end."""


async def _cancellation(subject: Subject) -> str:
    begun = await _beginnings(subject)
    # what is opened once for all may stay open
    waits = await _tried(subject, [(seed, actions, 0) for seed, actions in begun])
    before = going()
    chosen = [
        (seed, actions, wait)
        for (seed, actions), num_waits in zip(begun, waits, strict=True)
        for wait in _spread(num_waits)
    ]
    await _tried(subject, [*((seed, actions, 0) for seed, actions in begun), *chosen])
    left = await left_since(before)
    if left is not None:
        raise Broken(f"{left} {_ADVICE}")
    where = f"cancelled at {len(chosen)} waits, steps" if chosen else "steps never wait and"
    return f"{where} leave no task, thread, file or process; closing twice is fine"


CANCELLING: dict[str, Check] = {"cancelling cleans up": _cancellation}


async def _beginnings(subject: Subject) -> list[tuple[int, list[str]]]:
    """Seeds and actions, the last of which is to be cancelled: first and last steps."""
    first, second = subject.seeds[:2]
    found = [(first, (await subject.floor(first)).actions[:1])]
    if subject.has_oracle:
        actions = (await subject.expert(second)).actions
        found += [(second, actions[:1]), (second, actions)]
    return found


async def _tried(subject: Subject, attempts: Sequence[Attempt]) -> list[int]:
    """Make all attempts, in sandboxes that are gone in the end; returns the waits of each."""
    async with SandboxPool(warm=0) as pool:
        waits = [await _cancelled(subject, *attempt) for attempt in attempts]
        num_lent = pool.stats().leased
        if num_lent:
            raise Broken(f"{num_lent} sandboxes stay open {_ADVICE}")
    return waits


async def _cancelled(subject: Subject, seed: int, actions: Sequence[str], wait: int) -> int:
    """Cancel the last action at a wait, begin again, close twice; returns the waits it had."""
    env = subject.make()
    try:
        prompt, _ = await env.areset(seed=seed)
        for action in actions[:-1]:
            await env.astep(action)
        waits = await cancelled_at(env.astep(actions[-1]), wait)
        again, _ = await env.areset(seed=seed)
    finally:
        await env.aclose()
        await env.aclose()
    if waits.was_swallowed:
        raise Broken(
            f"seed {seed}: a step that is cancelled goes on to its end; let the cancellation rise, "
            "as except Exception does and except BaseException does not"
        )
    if again != prompt:
        raise Broken(
            f"seed {seed} starts another episode after a cancelled step; let begin set up all "
            "that steps change"
        )
    return waits.num


def _spread(num_waits: int) -> list[int]:
    """At most MAX_POINTS of 1 to num_waits, the first and the last among them."""
    if num_waits <= MAX_POINTS:
        return list(range(1, num_waits + 1))
    last = MAX_POINTS - 1
    return [1 + (num_waits - 1) * index // last for index in range(MAX_POINTS)]
