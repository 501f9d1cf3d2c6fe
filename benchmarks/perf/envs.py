"""How many environments one core can keep busy while each step waits.

Every step of every environment waits 250 ms, as for a sandbox or a web page, then answers with
2,000 characters. The ideal is num_envs / wait; what is missing from it is the framework's own time.
Ours is the asyncio pool, a single thread and so one core at most; beside it, in the same run,
Gymnasium's AsyncVectorEnv (a process an environment, text through shared memory) on all cores,
with few environments.

    python benchmarks/perf/envs.py [--num-envs 4000] [--theirs 16] [--seconds 5] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from dataclasses import asdict, dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AsyncVectorEnv
from rich.console import Console
from rich.table import Table

from forethought.envs import Env, Task, reward
from forethought.envs.pool import AsyncPool

WAIT_S = 0.25
TEXT = ("The quick brown fox jumps over the lazy dog. " * 45)[:2000]
TARGET_STEPS_PER_S = 10_000
TARGET_FRACTION = 0.8


class Waiting(Env):
    """Waits, then answers with a page of text."""

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """Any number will do."""
        return Task(id=str(rng.integers(1 << 30)), prompt="Wait.", horizon=horizon)

    async def reply(self, text: str) -> str:
        """The page, after a while."""
        await asyncio.sleep(WAIT_S)
        return TEXT

    def max_steps(self) -> int:
        """No limit."""
        return 1 << 30

    @reward
    def done(self) -> float:
        """Always."""
        return 1.0


class WaitingElsewhere(gymnasium.Env[str, str]):
    """The same in plain Gymnasium, for a process of its own."""

    def __init__(self) -> None:
        letters = "".join(sorted(set(TEXT)))
        self.observation_space = gymnasium.spaces.Text(2000, charset=letters)
        self.action_space = gymnasium.spaces.Text(32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """The page."""
        super().reset(seed=seed)
        return TEXT, {}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """The page, after a while."""
        time.sleep(WAIT_S)
        return TEXT, 0.0, False, False, {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """What was measured."""

    num_envs: int
    steps_per_s: float
    fraction_of_ideal: float
    cpu_us_per_step: float
    """CPU time of the controlling process; AsyncVectorEnv's workers come on top."""


async def ours(num_envs: int, seconds: float) -> Rate:
    """Each environment is sent its next action as soon as it has answered."""
    pool = AsyncPool(Waiting, num_envs=num_envs)
    await pool.areset({index: index for index in range(num_envs)})
    loop = asyncio.get_running_loop()
    # Spread over one wait, as environments of different kinds are, and not all in one burst.
    for start in range(0, num_envs, num_envs // 50 or 1):
        pool.asend(dict.fromkeys(range(start, min(start + (num_envs // 50 or 1), num_envs)), "go"))
        await asyncio.sleep(WAIT_S / 50)
    count, began, cpu = 0, loop.time(), time.process_time()
    while loop.time() - began < seconds:
        received = await pool.arecv()
        count += len(received)
        pool.asend({item.index: "go" for item in received})
    wall, cpu = loop.time() - began, time.process_time() - cpu
    await pool.aclose()
    return rate(num_envs, count, wall, cpu)


def theirs(num_envs: int, seconds: float) -> Rate:
    """Steps of the whole batch, which is what its interface offers."""
    envs = AsyncVectorEnv([WaitingElsewhere] * num_envs)
    envs.reset(seed=0)
    actions = ("go",) * num_envs
    envs.step(actions)
    count, began, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        envs.step(actions)
        count += num_envs
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    envs.close()
    return rate(num_envs, count, wall, cpu)


def rate(num_envs: int, count: int, wall: float, cpu: float) -> Rate:
    """Steps per second, and as a share of what waiting alone would allow."""
    per_s = count / wall
    return Rate(
        num_envs=num_envs,
        steps_per_s=round(per_s, 1),
        fraction_of_ideal=round(per_s * WAIT_S / num_envs, 4),
        cpu_us_per_step=round(1e6 * cpu / count, 1),
    )


def main() -> None:
    """Measure both and print them side by side."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--num-envs", type=int, default=4000)
    parser.add_argument("--theirs", type=int, default=16, help="environments of AsyncVectorEnv")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    arguments = parser.parse_args()
    other = theirs(arguments.theirs, arguments.seconds)
    mine = asyncio.run(ours(arguments.num_envs, arguments.seconds))
    table = Table(title=f"environments whose step waits {WAIT_S * 1000:.0f} ms, 2,000 characters")
    for column in ("", "environments", "steps/s", "of ideal", "CPU us/step"):
        table.add_column(column, justify="right" if column else "left")
    for name, measured in (("forethought, one thread", mine), ("AsyncVectorEnv", other)):
        table.add_row(
            name,
            f"{measured.num_envs:,}",
            f"{measured.steps_per_s:,.0f}",
            f"{measured.fraction_of_ideal:.1%}",
            f"{measured.cpu_us_per_step:,.0f}",
        )
    Console().print(table)
    reached = mine.steps_per_s >= TARGET_STEPS_PER_S and mine.fraction_of_ideal >= TARGET_FRACTION
    print(
        f"target: {TARGET_STEPS_PER_S:,} steps/s and {TARGET_FRACTION:.0%} of ideal: "
        f"{'reached' if reached else 'NOT reached'}"
    )
    if arguments.json:
        print(json.dumps({"ours": asdict(mine), "async_vector_env": asdict(other)}))


if __name__ == "__main__":
    main()
