"""An engine that dies in the middle costs time and no score: what is lost is missing, not zero."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from second_engine import SecondEngine, second_engine, unusable

from forethought.agents.budget import Limits
from forethought.agents.engines.models import OracleModel
from forethought.agents.record.log import EventLog
from forethought.agents.record.stop import STOP_CAUSE, Cause, Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.rollout import Job, run_jobs
from forethought.sandbox import SandboxPool, SandboxUnavailable, open_sandbox
from forethought.sandbox.pool.breaker import NUM_FAILURES

pytestmark = [
    pytest.mark.docker,
    pytest.mark.slow,
    pytest.mark.skipif(unusable() is not None, reason=unusable() or ""),
]


@pytest.fixture(scope="module")
def running() -> Iterator[SecondEngine]:
    with second_engine() as engine:
        yield engine


@pytest.fixture
def engine(running: SecondEngine, monkeypatch: pytest.MonkeyPatch) -> SecondEngine:
    monkeypatch.setenv("DOCKER_HOST", running.url)
    return running


def jobs(count: int) -> list[Job]:
    options = {"horizon": 3, "oracle_rows": 1, "backend": "docker"}
    return [Job(id=f"j{n}", env_id="workbench-v0", options=options, seed=n) for n in range(count)]


async def episodes(
    pool: SandboxPool, count: int, path: Path, *, on_done: Callable[[Trajectory], None]
) -> list[Trajectory]:
    async with pool:
        with EventLog(path) as log:
            return await run_jobs(
                jobs(count),
                OracleModel(),
                log=log,
                limits=Limits(context=1 << 20, tokens=1 << 20, turns=64),
                concurrency=8,
                on_done=on_done,
            )


def attempts(path: Path) -> list[tuple[int, str, float | None]]:
    """Number, stop and score of each attempt in a log, in the order of their ends."""
    numbers: dict[str, int] = {}
    scores: dict[str, float | None] = {}
    found = []
    for line in path.read_text().splitlines():
        event = json.loads(line)
        episode = event["episode"]
        if event["kind"] == "start" and event["agent"] == "0":
            numbers[episode], scores[episode] = event["attempt"], None
        elif event["kind"] == "reward":
            scores[episode] = event["value"]
        elif event["kind"] == "end" and event["agent"] == "0":
            found.append((numbers.get(episode, 0), event["stop"], scores.get(episode)))
    return found


def wait_until_nothing_is_left(engine: SecondEngine) -> None:
    deadline = time.monotonic() + 60
    while engine.containers() or engine.processes():
        assert time.monotonic() < deadline, (engine.containers(), engine.processes())
        time.sleep(0.2)


def test_an_engine_that_is_killed_and_comes_back_costs_no_score(
    engine: SecondEngine, tmp_path: Path
) -> None:
    num_done = 0

    def count(trajectory: Trajectory) -> None:
        nonlocal num_done
        num_done += 1

    async def scene() -> list[Trajectory]:
        pool = SandboxPool(max_live=4, warm=1)
        found: list[Trajectory] = []

        async def run() -> None:
            found.extend(await episodes(pool, 24, tmp_path / "log.jsonl", on_done=count))

        async with anyio.create_task_group() as group:
            group.start_soon(run)
            while num_done < 5:
                await anyio.sleep(0.01)
            engine.signal(signal.SIGKILL)
            while pool.stats().failures < NUM_FAILURES:
                await anyio.sleep(0.01)
            await anyio.sleep(2.5)
            num_then, num_failures = num_done, pool.stats().failures
            await anyio.to_thread.run_sync(engine.start)
        assert num_then < 24
        stats = pool.stats()
        assert (stats.leased, stats.waiting) == (0, 0)
        assert stats.recycled["broken"] >= 1
        # It was probed, and not asked by everyone who waited: that time has room for few probes.
        assert num_failures <= 12
        return found

    found = anyio.run(scene)
    assert [trajectory.reward for trajectory in found] == [1.0] * 24
    assert {trajectory.stop for trajectory in found} == {Stop.SUBMITTED}
    lost = [each for each in attempts(tmp_path / "log.jsonl") if each[1] != "submitted"]
    assert lost
    assert {STOP_CAUSE[Stop(stop)] for _, stop, _ in lost} == {Cause.INFRA}
    assert {score for _, _, score in lost} == {None}
    assert any(trajectory.start.attempt > 0 for trajectory in found)
    wait_until_nothing_is_left(engine)


def test_an_engine_that_stays_dead_leaves_episodes_without_a_score(
    engine: SecondEngine, tmp_path: Path
) -> None:
    def kill_once(trajectory: Trajectory) -> None:
        if not killed:
            killed.append(trajectory.id)
            engine.signal(signal.SIGKILL)

    killed: list[str] = []
    pool = SandboxPool(max_live=2, warm=0, patience_s=1.0)
    found = anyio.run(partial(episodes, pool, 8, tmp_path / "log.jsonl", on_done=kill_once))
    engine.start()
    assert killed
    lost = [trajectory for trajectory in found if trajectory.stop != Stop.SUBMITTED]
    assert len(lost) >= 5
    assert {trajectory.stop for trajectory in lost} == {Stop.SANDBOX_ERROR}
    assert {trajectory.reward for trajectory in lost} == {None}
    assert {trajectory.start.attempt for trajectory in lost} == {2}
    assert any(
        "no sandbox has booted for" in (lost_one.end.error or "")
        for lost_one in lost
        if lost_one.end
    )
    wait_until_nothing_is_left(engine)


def test_an_engine_that_hangs_is_told_from_one_that_is_busy(engine: SecondEngine) -> None:
    async def scene() -> None:
        async with SandboxPool(max_live=2, warm=0, patience_s=6.0) as pool:
            async with open_sandbox(backend="docker"):
                engine.signal(signal.SIGSTOP)
                try:
                    with anyio.fail_after(60):
                        began = anyio.current_time()
                        with pytest.raises(
                            SandboxUnavailable, match="the engine has not answered for 3 s"
                        ):
                            async with open_sandbox(backend="docker"):
                                pass
                        waited_s = anyio.current_time() - began
                finally:
                    engine.signal(signal.SIGCONT)
            assert waited_s > 8.5
            async with open_sandbox(backend="docker") as sandbox:
                assert (await sandbox.exec(["echo", "well"])).text == "well\n"
            assert pool.stats().waiting == 0

    anyio.run(scene)
    wait_until_nothing_is_left(engine)
