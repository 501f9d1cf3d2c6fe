"""What a step costs where nothing waits, beside other libraries in the same run.

Ours and theirs play the same kind of game, guess a number, or answer at once with 2,000 characters.
A library that is not installed is left out, with a line that says so. For OpenEnv both ends run in
this process, its own server and its own client, over a real socket.

    python benchmarks/perf/steps.py [--seconds 2] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AsyncVectorEnv
from rich.console import Console
from rich.table import Table

from forethought.envs import Env, Task, reward
from forethought.envs.pool import AsyncPool

TEXT = ("The quick brown fox jumps over the lazy dog. " * 45)[:2000]
TARGET_OVERHEAD_US = 50
BATCH = 100


class Page(Env):
    """Answers at once with a page."""

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """Any number will do."""
        number = int(rng.integers(1 << 30))
        return Task(id=str(number), prompt=f"Go on, {number}.", horizon=horizon)

    async def reply(self, text: str) -> str:
        """The page."""
        return TEXT

    def max_steps(self) -> int:
        """No limit."""
        return 1 << 30

    @reward
    def done(self) -> float:
        """Always."""
        return 1.0


class BarePage(gymnasium.Env[str, str]):
    """The same in plain Gymnasium."""

    def __init__(self) -> None:
        self.observation_space = gymnasium.spaces.Text(2000, charset="".join(sorted(set(TEXT))))
        self.action_space = gymnasium.spaces.Text(32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """The page."""
        super().reset(seed=seed)
        return TEXT, {}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """The page."""
        return TEXT, 0.0, False, False, {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """One line of the table."""

    name: str
    us_per_step: float
    """Of the wall clock, one environment after the other."""


async def alone(seconds: float) -> float:
    """One of ours, step after step."""
    env = Page()
    await env.areset(seed=0)
    return await _timed(lambda: env.astep("go"), seconds)


async def pooled(seconds: float, num_envs: int = 256) -> float:
    """A pool of ours, whoever is ready."""
    pool = AsyncPool(Page, num_envs=num_envs)
    await pool.areset({index: index for index in range(num_envs)})
    pool.asend(dict.fromkeys(range(num_envs), "go"))
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        received = await pool.arecv()
        count += len(received)
        pool.asend({item.index: "go" for item in received})
    taken = time.perf_counter() - began
    await pool.aclose()
    return 1e6 * taken / count


async def bare(seconds: float) -> float:
    """Plain Gymnasium."""
    env = BarePage()
    env.reset(seed=0)
    return await _timed(_awaitable(lambda: env.step("go")), seconds)


async def vectorised(seconds: float, num_envs: int = 16) -> float:
    """Gymnasium's AsyncVectorEnv, a process an environment, the batch at once."""
    envs = AsyncVectorEnv([BarePage] * num_envs)
    envs.reset(seed=0)
    actions = ("go",) * num_envs
    taken = await _timed(_awaitable(lambda: envs.step(actions)), seconds, batch=5)
    envs.close()
    return taken / num_envs


async def gem(seconds: float) -> float:
    """GEM's own guess-the-number."""
    from gem.envs.registration import make as make_gem  # type: ignore[import-not-found]

    env = make_gem("game:GuessTheNumber-v0-easy", max_turns=1 << 30)
    env.reset(seed=0)
    return await _timed(_awaitable(lambda: env.step("\\boxed{30}")), seconds)


async def textarena(seconds: float) -> float:
    """TextArena's guess-the-number, begun anew when it ends."""
    import textarena as arena  # type: ignore[import-not-found]

    env = arena.make("GuessTheNumber-v0")
    env.reset(num_players=1, seed=0)

    def step() -> None:
        is_over, _ = env.step(action="[1]")
        if is_over:
            env.reset(num_players=1, seed=0)
        env.get_observation()

    return await _timed(_awaitable(step), seconds, batch=10)


async def reasoning_gym(seconds: float) -> float:
    """reasoning-gym: a question drawn, and its answer scored."""
    import reasoning_gym as library  # type: ignore[import-not-found]

    data = library.create_dataset("chain_sum", seed=0, size=1 << 20)
    index = 0

    def step() -> None:
        nonlocal index
        entry = data[index]
        data.score_answer(entry["answer"], entry=entry)
        index += 1

    return await _timed(_awaitable(step), seconds)


async def openenv(seconds: float) -> float:
    """An environment of OpenEnv's behind its own server, asked by its own client."""
    import uvicorn  # type: ignore[import-not-found]
    from openenv.core import GenericEnvClient  # type: ignore[import-not-found]
    from openenv.core.env_server import create_fastapi_app  # type: ignore[import-not-found]
    from openenv.core.env_server.interfaces import (  # type: ignore[import-not-found]
        Environment,
    )
    from openenv.core.env_server.types import (  # type: ignore[import-not-found]
        Action,
        Observation,
        State,
    )

    class Say(Action):  # type: ignore[misc]
        message: str

    class Heard(Observation):  # type: ignore[misc]
        message: str = ""

    class Parrot(Environment):  # type: ignore[misc]
        SUPPORTS_CONCURRENT_SESSIONS = True

        def reset(self, **kwargs: Any) -> Heard:
            return Heard(message=TEXT, done=False)

        def step(self, action: Say, **kwargs: Any) -> Heard:
            return Heard(message=TEXT, done=False)

        @property
        def state(self) -> State:
            return State()

    app = create_fastapi_app(Parrot, Say, Heard)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with GenericEnvClient(base_url=f"http://127.0.0.1:{port}") as client:
        await client.reset()
        taken = await _timed(lambda: client.step({"message": "go"}), seconds, batch=10)
    server.should_exit = True
    await task
    return taken


Measure = Callable[[float], Coroutine[Any, Any, float]]
OTHERS: dict[str, tuple[str, Measure]] = {
    "gymnasium": ("Gymnasium, plain", bare),
    "gymnasium.vector": ("Gymnasium, AsyncVectorEnv of 16", vectorised),
    "gem": ("GEM, guess the number", gem),
    "textarena": ("TextArena, guess the number", textarena),
    "reasoning_gym": ("reasoning-gym, chain_sum", reasoning_gym),
    "openenv": ("OpenEnv, server and client here", openenv),
}


def main() -> None:
    """Measure all and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    arguments = parser.parse_args()
    rows = {
        "forethought, one environment": partial(alone, arguments.seconds),
        "forethought, pool of 256": partial(pooled, arguments.seconds),
    }
    for module, (name, measure) in OTHERS.items():
        if importlib.util.find_spec(module) is None:
            print(f"{name}: not installed, left out")
        else:
            rows[name] = partial(measure, arguments.seconds)
    costs = [Cost(name=name, us_per_step=asyncio.run(run())) for name, run in rows.items()]
    _show(costs)
    if arguments.json:
        print(json.dumps({"steps": [asdict(cost) for cost in costs]}))


def _show(costs: list[Cost]) -> None:
    table = Table(title="a step that waits for nothing")
    table.add_column("")
    for column in ("us/step", "steps/s"):
        table.add_column(column, justify="right")
    for cost in costs:
        table.add_row(cost.name, f"{cost.us_per_step:,.1f}", f"{1e6 / cost.us_per_step:,.0f}")
    Console().print(table)
    is_light = costs[0].us_per_step <= TARGET_OVERHEAD_US
    print(f"target: {TARGET_OVERHEAD_US} us a step: {'reached' if is_light else 'NOT reached'}")


async def _timed(
    step: Callable[[], Awaitable[object]], seconds: float, *, batch: int = BATCH
) -> float:
    """Microseconds a call, over `seconds` of calls."""
    for _ in range(batch):
        await step()
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        for _ in range(batch):
            await step()
        count += batch
    return 1e6 * (time.perf_counter() - began) / count


def _awaitable(call: Callable[[], object]) -> Callable[[], Awaitable[object]]:
    async def called() -> object:
        return call()

    return called


if __name__ == "__main__":
    main()
