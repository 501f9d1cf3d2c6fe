"""The promise that a step can be cancelled wherever it waits, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

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
    tasks, files, children = asyncio.all_tasks(), _open_files(), _children()
    chosen = [
        (seed, actions, wait)
        for (seed, actions), num_waits in zip(begun, waits, strict=True)
        for wait in _spread(num_waits)
    ]
    await _tried(subject, [*((seed, actions, 0) for seed, actions in begun), *chosen])
    left = [task.get_name() for task in asyncio.all_tasks() - tasks]
    if left:
        raise Broken(f"{len(left)} tasks still run {_ADVICE}: {left[0]}")
    if _open_files() > files:
        raise Broken(f"{_open_files() - files} files stay open {_ADVICE}")
    if _children() > children:
        raise Broken(f"{_children() - children} processes go on {_ADVICE}")
    where = f"cancelled at {len(chosen)} waits, steps" if chosen else "steps never wait and"
    return f"{where} leave no task, file or process; closing twice is fine"


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
        num_waits = await cancelled_at(env.astep(actions[-1]), wait)
        again, _ = await env.areset(seed=seed)
    finally:
        await env.aclose()
        await env.aclose()
    if again != prompt:
        raise Broken(
            f"seed {seed} starts another episode after a cancelled step; let begin set up all "
            "that steps change"
        )
    return num_waits


def _spread(num_waits: int) -> list[int]:
    """At most MAX_POINTS of 1 to num_waits, the first and the last among them."""
    if num_waits <= MAX_POINTS:
        return list(range(1, num_waits + 1))
    last = MAX_POINTS - 1
    return [1 + (num_waits - 1) * index // last for index in range(MAX_POINTS)]


def _open_files() -> int:
    """Open files and sockets of this process; 0 where the system does not tell."""
    directory = Path("/proc/self/fd")
    return sum(1 for _ in directory.iterdir()) if directory.is_dir() else 0


def _children() -> int:
    """Processes that this one has started and not waited for; 0 where the system does not tell."""
    listed = Path("/proc/self/task").glob("*/children")
    return sum(len(file.read_text().split()) for file in listed)
