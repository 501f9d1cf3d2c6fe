"""Many episodes at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import anyio
import pytest
from desk import Desk, call
from gymnasium.envs.registration import registry as gymnasium_registry
from jumping import run_jumping
from serving import serving

from forethought.agents.budget import Limits
from forethought.agents.engines.client import Client, Patience
from forethought.agents.engines.http import HTTPEngine
from forethought.agents.engines.models import FloorModel, OracleModel, ScriptedModel, SharedModel
from forethought.agents.record.log import EventLog, LogUnwritable, finished, read_log, standing
from forethought.agents.record.stop import Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.rollout import Job, Model, run_jobs
from forethought.envs import Context, Env, registry, tool
from forethought.envs.card import Card
from forethought.sandbox import Sandbox, SandboxPool, SandboxUnavailable, open_sandbox

crashes: dict[str, int] = {}
"""How often each task still has to be lost."""
running: list[int] = [0, 0]
"""Episodes under way now, and at most so far."""


class Shaky(Desk):
    """Loses its sandbox as often as it is told to."""

    async def begin(self) -> str:
        if crashes.get(self.task.id, 0) > 0:
            crashes[self.task.id] -= 1
            raise SandboxUnavailable("lost")
        running[0] += 1
        running[1] = max(running)
        return await super().begin()

    async def aclose(self) -> None:
        running[0] -= 1
        await super().aclose()


class Sleepy(Desk):
    """Sleeps in a sandbox."""

    card = Card(traits=("skills",), horizon_unit="naps", needs_sandbox=True)

    def open_sandbox(self) -> AbstractAsyncContextManager[Sandbox]:
        return open_sandbox(backend="local")

    @tool
    async def nap(self, context: Context) -> str:
        """sleep for half a second"""
        assert context.sandbox is not None
        await context.sandbox.exec(["sleep", "0.5"])
        return "rested"


class Bare(Desk):
    """A desk without tools."""

    def __init__(self) -> None:
        super().__init__()
        self.tools = {}


class Headless(Env):
    """Has no expert."""


@pytest.fixture(autouse=True)
def desks() -> Iterator[None]:
    crashes.clear()
    running[:] = [0, 0]
    registry.register("test/desk-v0", Desk)
    registry.register("test/shaky-v0", Shaky)
    registry.register("test/bare-v0", Bare)
    registry.register("test/headless-v0", Headless)
    yield
    for env_id in ("test/desk-v0", "test/shaky-v0", "test/bare-v0", "test/headless-v0"):
        gymnasium_registry.pop(env_id)
        registry._OURS.discard(env_id)


async def live(jobs: list[Job], model: Model, **options: object) -> list[Trajectory]:
    log = options.pop("log", None) or EventLog(None)
    return await run_jobs(jobs, model, log=log, **options)  # type: ignore[arg-type]


def run(jobs: list[Job], model: Model, **options: object) -> list[Trajectory]:
    """`live`, waited for by a clock that jumps."""
    return run_jumping(partial(live, jobs, model, **options))


def jobs_of(env_id: str, count: int) -> list[Job]:
    return [Job(id=f"j{n}", env_id=env_id, seed=n, group=f"g{n // 2}") for n in range(count)]


def test_a_thousand_episodes_come_back_in_the_order_of_their_jobs() -> None:
    done: list[str] = []
    found = run(
        jobs_of("test/bare-v0", 1000),
        OracleModel(),
        on_done=lambda trajectory: done.append(trajectory.id),
    )
    assert [trajectory.id for trajectory in found] == [f"j{n}" for n in range(1000)]
    assert {trajectory.reward for trajectory in found} == {1.0}
    assert found[3].start.group == "g1"
    assert sorted(done) == sorted(trajectory.id for trajectory in found)


def test_no_more_run_at_once_than_allowed() -> None:
    model = ScriptedModel(name="s", replies=(call("wait", seconds=0.01), "42"))
    run(jobs_of("test/shaky-v0", 12), model, concurrency=5)
    assert running[1] == 5


def test_waiting_episodes_wait_together() -> None:
    model = ScriptedModel(name="s", replies=(call("wait", seconds=0.3), "42"))
    found = run(jobs_of("test/desk-v0", 100), model)
    assert {t.end.t for t in found if t.end is not None} == {0.3}


def test_an_episode_that_infrastructure_lost_is_run_again(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    (first, *_) = jobs_of("test/desk-v0", 1)
    (plain,) = run([first], OracleModel())
    task = plain.start.task
    crashes[task.id] = 2
    with EventLog(path) as log:
        (found,) = run([Job(id="j", env_id="test/shaky-v0", task=task)], OracleModel(), log=log)
    assert found.reward == 1.0
    assert found.start.attempt == 2
    assert read_log(path)["j"].events == found.events


def test_after_the_last_attempt_it_stays_missing(tmp_path: Path) -> None:
    (plain,) = run(jobs_of("test/desk-v0", 1), OracleModel())
    crashes[plain.start.task.id] = 5
    path = tmp_path / "log.jsonl"
    with EventLog(path) as log:
        (found,) = run(
            [Job(id="j", env_id="test/shaky-v0", task=plain.start.task)],
            OracleModel(),
            log=log,
            retries=1,
        )
    assert found.stop is Stop.SANDBOX_ERROR
    assert found.reward is None
    assert crashes[plain.start.task.id] == 3
    assert finished(path) == set()


@pytest.mark.parametrize(
    ("status", "attempts", "stop"),
    [
        (401, 1, Stop.PROVIDER_REFUSED),
        (503, 3, Stop.PROVIDER_ERROR),
        (429, 3, Stop.RATE_LIMITED),
    ],
    ids=["refused", "unavailable", "rate limited"],
)
def test_what_a_server_refuses_is_not_asked_again(status: int, attempts: int, stop: Stop) -> None:
    with serving() as server:
        server.replies = [(status, {}, "no")]
        client = Client(base_url=server.url, patience=Patience(tries=1, base_s=0.001))
        model = SharedModel(name="m", shared=HTTPEngine(client, "m"))
        (found,) = anyio.run(partial(live, jobs_of("test/desk-v0", 1), model, retries=2))
        assert len(server.requests) == attempts
    assert (found.stop, found.reward) == (stop, None)


def test_an_expert_cannot_act_where_there_is_none() -> None:
    with pytest.raises(ValueError, match="model 'oracle': test/headless-v0 has no oracle"):
        run(jobs_of("test/headless-v0", 1), OracleModel())


def test_a_run_that_was_broken_off_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    jobs = jobs_of("test/desk-v0", 10)
    with EventLog(path) as log:
        run(jobs[:4], OracleModel(), log=log)
    before = path.read_bytes()
    rest = [job for job in jobs if job.id not in finished(path)]
    with EventLog(path) as log:
        run(rest, OracleModel(), log=log)
    assert path.read_bytes().startswith(before)
    assert set(read_log(path)) == {job.id for job in jobs}
    assert [job.id for job in rest] == [f"j{n}" for n in range(4, 10)]


def test_an_unknown_environment_is_the_users_mistake() -> None:
    with pytest.raises(ValueError, match="no environment named 'test/dsk-v0'; did you mean"):
        run(jobs_of("test/dsk-v0", 3), OracleModel())


def test_a_log_that_is_full_ends_the_run() -> None:
    class Full(EventLog):
        def record_all(self, episode: str, events: object) -> None:
            raise LogUnwritable(28, "no space left", "log.jsonl")

    with pytest.raises(LogUnwritable, match="no space left"):
        run(jobs_of("test/desk-v0", 3), OracleModel(), log=Full(None))


def test_nobody_can_run_no_episodes_at_once() -> None:
    with pytest.raises(ValueError, match="concurrency must be at least 1, not 0"):
        run(jobs_of("test/desk-v0", 1), OracleModel(), concurrency=0)
    assert run([], OracleModel()) == []


def test_the_floor_acts_the_same_on_the_same_task_and_differently_on_others() -> None:
    once = run(jobs_of("test/desk-v0", 6), FloorModel())
    again = run(jobs_of("test/desk-v0", 6), FloorModel())
    answers = [trajectory.end.answer for trajectory in once if trajectory.end is not None]
    assert answers == [t.end.answer for t in again if t.end is not None]
    assert len(set(answers)) > 1


def test_waiting_for_a_sandbox_takes_none_of_an_episodes_time() -> None:
    model = ScriptedModel(name="s", replies=(call("nap"), "42"))

    async def scene() -> list[Trajectory]:
        async with SandboxPool(max_live=1, warm=0):
            return await run_jobs(
                jobs_of("test/sleepy-v0", 16), model, log=EventLog(None), limits=Limits(seconds=7)
            )

    registry.register("test/sleepy-v0", Sleepy)
    try:
        found = anyio.run(scene)
    finally:
        gymnasium_registry.pop("test/sleepy-v0")
        registry._OURS.discard("test/sleepy-v0")
    assert {trajectory.stop for trajectory in found} == {Stop.SUBMITTED}
    assert max(t.end.t for t in found if t.end is not None) > 7


def cut_log(path: Path, *, before: str) -> None:
    """Leave of a log what comes before the last line that has this in it, and a torn line."""
    lines = path.read_bytes().splitlines(keepends=True)
    at = max(index for index, line in enumerate(lines) if before.encode() in line)
    path.write_bytes(b"".join(lines[:at]) + lines[at][:30])


def test_an_open_episode_goes_on_and_one_that_cannot_is_a_new_attempt(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "log.jsonl"
    jobs = jobs_of("test/desk-v0", 2)
    model = ScriptedModel(name="s", replies=(call("echo", text="a"), call("echo", text="b"), "42"))
    with EventLog(path) as log:
        run(jobs, model, log=log, concurrency=1)
    cut_log(path, before='"text":"42"')
    whole = path.read_bytes()
    changed = whole.replace(b'"id":3,"role":"tool","text":"a"', b'"id":3,"role":"tool","text":"z"')
    for content, attempt in ((whole, 0), (changed, 1)):
        path.write_bytes(content)
        so_far = standing(path)
        assert (so_far.finished, list(so_far.open)) == ({"j0"}, ["j1"])
        with EventLog(path) as log:
            (found,) = run(jobs[1:], model, log=log, past=so_far.open)
        assert (found.reward, found.start.attempt) == (1.0, attempt)
        assert [event.text for event in found.messages() if event.origin == "policy"][-1] == "42"
        assert read_log(path)["j1"].events == found.events
        assert finished(path) == {"j0", "j1"}
    (record,) = caplog.records
    assert record.getMessage() == (
        "episode j1 cannot go on and is begun again: agent 0: the message on record has text 'z', "
        "but now it is 'a'"
    )
