"""The promise that no step holds the event loop, on which all other episodes wait."""

from __future__ import annotations

from collections.abc import Sequence

from forethought.envs.check.promise import Broken
from forethought.envs.check.subject import Check, Subject
from forethought.envs.check.waits import cancelled_at

MOST_S = 0.25
"""A step may compute for so long; thousands of others stand still meanwhile."""
_TRIES = 3
"""The quickest counts: a machine that is busy holds up anything now and then."""


async def _free(subject: Subject) -> str:
    longest = 0.0
    for seed in subject.seeds[:1]:
        for episode in await subject.both(seed):
            held = await _held(subject, seed, episode.actions)
            for _ in range(_TRIES - 1):
                if max(held) <= MOST_S:
                    break
                again = await _held(subject, seed, episode.actions)
                held = [min(pair) for pair in zip(held, again, strict=True)]
            longest = max(longest, *held)
            if max(held) > MOST_S:
                raise Broken(
                    f"seed {seed}: step {held.index(max(held)) + 1} holds the event loop for "
                    f"{max(held):.2f} s; await what takes time, or hand it to a thread with "
                    "anyio.to_thread.run_sync"
                )
    return f"at most {1000 * longest:.0f} ms at a time"


HOLDING: dict[str, Check] = {"steps let others run": _free}


async def _held(subject: Subject, seed: int, actions: Sequence[str]) -> list[float]:
    """For each step the longest time for which nothing else could run."""
    env = subject.make()
    try:
        await env.areset(seed=seed)
        return [(await cancelled_at(env.astep(action), 0)).longest_s for action in actions]
    finally:
        await env.aclose()
