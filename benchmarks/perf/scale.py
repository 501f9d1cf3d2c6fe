"""How many episodes one process holds, and what a turn costs late in a long one.

Scripted engines and a tool that does next to nothing, so all that is left is ours. All episodes of
the first part are under way before any of them takes its second turn. The second part is one long
episode in a large context: a turn must not cost more, nor keep more, the longer the history is.

    python benchmarks/perf/scale.py [--episodes 10000] [--turns 20] [--long 1000] [--json]
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import re
import tempfile
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import anyio
import numpy as np

from forethought.agents.budget import Limits
from forethought.agents.engines.engine import Completion, Engine, Sampling
from forethought.agents.engines.scripted import ScriptedEngine
from forethought.agents.loop import run_episode
from forethought.agents.record.log import EventLog
from forethought.agents.record.stop import Stop
from forethought.agents.rollout import Job, run_jobs
from forethought.envs import Env, Task, register, reward, tool

TARGET_GIB = 2.0
BLOCK = 100
"""Turns that a point of the curve is about."""
CALL = '<tool_call>{"name": "add", "arguments": {"amount": 1}}</tool_call>'


class Counter(Env):
    """Count, one call a step."""

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """Any number will do."""
        return Task(id=str(rng.integers(1 << 30)), prompt="Count.", horizon=horizon)

    def max_steps(self) -> int:
        """No limit of its own."""
        return 1 << 30

    @tool
    def add(self, amount: int) -> str:
        """add to the counter"""
        self.total = getattr(self, "total", 0) + amount
        return f"The counter stands at {self.total}."

    @reward
    def done(self) -> float:
        """Always."""
        return 1.0


class Together:
    """A model whose episodes wait, in their second turn, until all have taken their first."""

    name = "together"

    def __init__(self, num: int) -> None:
        self.num_waiting = 0
        self._num = num
        self._all_here = anyio.Event()

    def engine(self, env: Env) -> Engine:
        """A script of its own for each episode."""
        return _Waiting(self)

    async def wait(self) -> None:
        """Until every episode is here."""
        self.num_waiting += 1
        if self.num_waiting == self._num:
            self._all_here.set()
        await self._all_here.wait()

    async def aclose(self) -> None:
        """Nothing to release."""


class _Waiting(ScriptedEngine):
    def __init__(self, model: Together) -> None:
        super().__init__([CALL])
        self._model = model

    async def generate(self, prompt: Sequence[int], sampling: Sampling) -> Completion:
        if self.num_calls == 1:
            await self._model.wait()
        return await super().generate(prompt, sampling)


def _limits(turns: int) -> Limits:
    return Limits(turns=turns, tokens=1 << 40, context=1 << 40, reply_tokens=4096, seconds=math.inf)


async def many(*, episodes: int, turns: int, log: EventLog) -> dict[str, float]:
    """Peak memory of the process with so many episodes under way, and CPU time a turn."""
    model = Together(episodes)
    jobs = [
        Job(id=str(number), env_id="perf/counter-v0", seed=number) for number in range(episodes)
    ]
    before_mb = _peak_mb()
    began_s, began = time.process_time(), time.perf_counter()
    found = await run_jobs(jobs, model, log=log, limits=_limits(turns), concurrency=episodes)
    spent_s, wall_s = time.process_time() - began_s, time.perf_counter() - began
    assert model.num_waiting == episodes
    assert all(each.stop is Stop.TURN_LIMIT and len(each.calls) == turns for each in found)
    return {
        "peak_gib": round(_peak_mb() / 1024, 3),
        "before_gib": round(before_mb / 1024, 3),
        "kib_per_episode": round(1024 * (_peak_mb() - before_mb) / episodes, 1),
        "us_per_turn": round(1e6 * spent_s / (episodes * turns), 1),
        "wall_s": round(wall_s, 1),
    }


async def long(*, turns: int, log: EventLog) -> dict[str, list[float]]:
    """CPU microseconds a turn and bytes kept a turn, for each block of turns in one episode."""
    times = [0.0] * (turns + 1)
    sizes = [0] * (turns + 1)

    def timed(number: int) -> str:
        times[number] = time.process_time()
        return CALL

    def sized(number: int) -> str:
        if number % BLOCK == 0:
            gc.collect()
            sizes[number] = tracemalloc.get_traced_memory()[0]
        return CALL

    limits = _limits(turns + 1)
    await run_episode(Counter(), ScriptedEngine(timed), id="t", log=log, limits=limits, seed=0)
    tracemalloc.start()
    await run_episode(Counter(), ScriptedEngine(sized), id="m", log=log, limits=limits, seed=0)
    tracemalloc.stop()
    starts = range(0, turns, BLOCK)
    return {
        "us": [round(1e6 * (times[at + BLOCK] - times[at]) / BLOCK, 1) for at in starts],
        "bytes": [round((sizes[at + BLOCK] - sizes[at]) / BLOCK) for at in starts],
    }


def _peak_mb() -> float:
    """Of this program alone: `getrusage` begins with the peak of the process that started it."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, default=10_000)
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--long", type=int, default=1000, help=f"a multiple of {BLOCK}")
    parser.add_argument("--json", action="store_true", help="print a JSON object last")
    options = parser.parse_args()
    if options.long < BLOCK or options.long % BLOCK:
        parser.error(f"--long is a multiple of {BLOCK}, not {options.long}")
    register("perf/counter-v0", Counter)
    with tempfile.TemporaryDirectory() as folder, EventLog(Path(folder) / "log.jsonl") as log:
        curve = anyio.run(lambda: long(turns=options.long, log=log))
        print(f"{'turns':<12}{'us a turn':>12}{'bytes kept a turn':>20}")
        for index, (us, size) in enumerate(zip(curve["us"], curve["bytes"], strict=True)):
            print(f"{index * BLOCK:>5}-{index * BLOCK + BLOCK:<6}{us:>12.1f}{size:>20,}")
        found = anyio.run(lambda: many(episodes=options.episodes, turns=options.turns, log=log))
    print(
        f"{options.episodes:,} episodes of {options.turns} turns at once, target {TARGET_GIB} GiB"
    )
    for name, value in found.items():
        print(f"{name:<20}{value:>12}")
    if options.json:
        target = {"peak_gib": TARGET_GIB}
        print(json.dumps({"ours": {**found, "curve": curve}, "target": target}))


if __name__ == "__main__":
    main()
