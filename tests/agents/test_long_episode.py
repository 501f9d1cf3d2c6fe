"""A workbench of 500 turns in a 4k window: nothing drifts, nothing is lost, nothing slows down."""

from __future__ import annotations

import time

import anyio
import pytest

from forethought.agents.budget import Limits
from forethought.agents.compress.compressors import COMPRESSORS
from forethought.agents.engines.scripted import ScriptedEngine
from forethought.agents.loop import run_episode
from forethought.agents.record.events import Edit
from forethought.agents.record.log import EventLog
from forethought.agents.record.stop import Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.templates.packed import PackedTemplate
from forethought.benchmarks.facts import facts_of
from forethought.envs.calls import render_call
from forethought.envs.suite.long import clerk
from forethought.envs.suite.long.workbench import Workbench

TURNS = 500
LIMITS = Limits(turns=TURNS, tokens=1 << 20, reply_tokens=256, context=4096)


class LongDay(Workbench):
    """A workbench without a limit of steps of its own."""

    def max_steps(self) -> int:
        return 1 << 20


def worker(env: Workbench, *, run_every: int, began: list[float]) -> ScriptedEngine:
    """Reads one station's page after another; every so often it runs code and keeps a file.

    `began` gets the seconds of computing before each call.
    """

    def reply(number: int) -> str:
        began.append(time.thread_time())
        if run_every and number % run_every == 0:
            code = f"open('notes.txt', 'a').write('turn {number}\\n'); print({number} ** 2)"
            return f"Turn {number}. " + render_call("python", {"code": code})
        stations = (*env.archive.asked, *env.archive.others)
        return f"Turn {number}: next page. " + clerk.opening(stations[number % len(stations)].name)

    return ScriptedEngine(reply, template=PackedTemplate())


def episode(scheme: str, *, run_every: int, began: list[float] | None = None) -> Trajectory:
    async def main() -> Trajectory:
        env = LongDay(horizon=64, backend="local")
        with EventLog(None) as log:
            engine = worker(env, run_every=run_every, began=[] if began is None else began)
            return await run_episode(
                env, engine, id="long", log=log, limits=LIMITS, seed=3, compressor=scheme
            )

    return anyio.run(main)


@pytest.mark.parametrize("scheme", [name for name in COMPRESSORS if name != "none"])
def test_five_hundred_turns_in_a_small_window_lose_nothing(scheme: str) -> None:
    trajectory = episode(scheme, run_every=25)
    assert trajectory.stop is Stop.TURN_LIMIT, trajectory.end
    acts = [made for made in trajectory.calls if made.thread == ""]
    assert len(acts) == TURNS
    assert sum(isinstance(event, Edit) for event in trajectory.events) >= 8
    assert all(made.shared + len(made.prompt) + 256 <= 4096 for made in acts)
    facts = facts_of(trajectory)
    assert facts is not None
    assert facts.num_drifts == 0
    assert facts.num_trained == facts.num_trainable == trajectory.num_sampled


@pytest.mark.parametrize("scheme", ["chain", "summarise", "offload"])
def test_the_last_hundred_turns_take_as_long_as_the_first(scheme: str) -> None:
    def ratio() -> float:
        began: list[float] = []
        episode(scheme, run_every=0, began=began)
        return (began[-1] - began[-100]) / (began[100] - began[1])

    assert any(ratio() < 2.0 for _ in range(5))
