"""What the framework itself costs per turn, with everything recorded on disk.

A scripted engine calls a tool that does next to nothing, so all that is left is ours: parsing,
running the tool, rendering, the event log. Counted is the CPU time of the whole process.

    python benchmarks/perf/loop.py [--turns 500] [--episodes 20] [--json]
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
import time
from pathlib import Path

import anyio
import numpy as np

from forethought.agents.budget import Limits
from forethought.agents.engines.scripted import ScriptedEngine
from forethought.agents.loop import run_episode
from forethought.agents.record.log import EventLog, read_log
from forethought.agents.record.stop import Stop
from forethought.envs import Env, Task, reward, tool

TARGET_US = 100.0
LENGTHS = (0, 400)
"""Characters of prose before the call; a token is a character here."""


class Counter(Env):
    """Count to a number, one call a step."""

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


async def cpu_us_per_turn(*, turns: int, prose: int, log: EventLog, id: str) -> float:
    """CPU microseconds of one turn of an episode with `turns` turns."""
    call = '<tool_call>{"name": "add", "arguments": {"amount": 1}}</tool_call>'
    engine = ScriptedEngine(["lorem ipsum " * (prose // 12) + call])
    limits = Limits(
        turns=turns, tokens=1 << 40, reply_tokens=4096, context=1 << 40, seconds=math.inf
    )
    env = Counter()
    began = time.process_time()
    trajectory = await run_episode(env, engine, id=id, log=log, limits=limits, seed=0)
    spent_s = time.process_time() - began
    assert trajectory.stop is Stop.TURN_LIMIT, trajectory.end
    assert len(trajectory.calls) == turns
    return 1e6 * spent_s / turns


async def measure(*, turns: int, episodes: int) -> dict[str, float]:
    """Medians over episodes, and the least, which other work on the machine disturbs least."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for prose in LENGTHS:
            path = Path(folder) / f"{prose}.jsonl"
            with EventLog(path) as log:
                costs = [
                    await cpu_us_per_turn(turns=turns, prose=prose, log=log, id=str(number))
                    for number in range(episodes)
                ]
            assert len(read_log(path)) == episodes
            name = "us_per_turn" if prose == 0 else f"us_per_turn_{prose}_chars"
            found[name] = round(statistics.median(costs), 1)
            found[f"{name}_best"] = round(min(costs), 1)
        with EventLog(Path(folder) / "long.jsonl") as log:
            cost = await cpu_us_per_turn(turns=10 * turns, prose=0, log=log, id="long")
            found["us_per_turn_ten_times_longer"] = round(cost, 1)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=500)
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="print a JSON object last")
    options = parser.parse_args()
    found = anyio.run(lambda: measure(turns=options.turns, episodes=options.episodes))
    print(f"{'framework CPU, recording on':<32}{'us':>8}   target {TARGET_US:.0f}")
    for name, value in found.items():
        print(f"{name:<32}{value:>8.1f}")
    if options.json:
        print(json.dumps({"ours": found, "target": {"us_per_turn": TARGET_US}}))


if __name__ == "__main__":
    main()
