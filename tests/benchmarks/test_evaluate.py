"""Evaluation: locked plans, resumption, missing data, and comparison of two runs."""

import json
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from forethought.agents.engines.engine import Completion, Engine, EngineUnavailable, Sampling
from forethought.agents.engines.models import FloorModel, OracleModel
from forethought.agents.engines.scripted import ScriptedEngine
from forethought.agents.record.log import read_log
from forethought.agents.record.trajectory import Trajectory
from forethought.benchmarks.compare import compare_runs
from forethought.benchmarks.eval_report import write_eval_report
from forethought.benchmarks.evaluate import evaluate
from forethought.benchmarks.folder import RunFolder, runs_in, write_json
from forethought.benchmarks.plan import Plan
from forethought.benchmarks.summary import Summary
from forethought.envs import Env

BLOCKS = "forethought/blocksworld-v0"


def run(plan: Plan, model: "OracleModel | FloorModel | Flaky", **options: object) -> Summary:
    """Evaluate and wait for it."""

    async def wait() -> Summary:
        return await evaluate(plan, model, **options)  # type: ignore[arg-type]

    return anyio.run(wait)


@dataclass
class Flaky:
    """An oracle whose provider fails for every task of horizon `lost`."""

    lost: int
    name: str = "flaky"

    def engine(self, env: Env) -> Engine:
        return _Failing(self.lost, env)

    async def aclose(self) -> None:
        pass


class _Failing(ScriptedEngine):
    def __init__(self, lost: int, env: Env) -> None:
        super().__init__(lambda _: env.oracle())
        self.lost, self.env = lost, env

    async def generate(self, prompt: object, sampling: Sampling) -> Completion:
        if self.env.task.horizon == self.lost:
            raise EngineUnavailable("no answer")
        return await super().generate(prompt, sampling)  # type: ignore[arg-type]


def test_the_oracle_solves_all_and_the_floor_almost_nothing() -> None:
    best = run(Plan(env=BLOCKS, model="oracle", n=20), OracleModel())
    worst = run(Plan(env=BLOCKS, model="floor", n=20), FloorModel())
    assert (best.success, best.coverage, best.n) == (1.0, 1.0, 20)
    assert worst.success is not None
    assert worst.success < 0.1


def test_jobs_are_the_same_every_time_and_a_longer_plan_begins_with_the_shorter() -> None:
    short, long = (Plan(env=BLOCKS, model="m", n=n, k=2, horizons=(2, 4)) for n in (3, 5))
    assert long.jobs()[:6] == short.jobs() == short.jobs()
    assert [job.id for job in short.jobs()][:3] == ["000000.0", "000000.1", "000001.0"]
    assert [job.group for job in short.jobs()] == ["0", "0", "1", "1", "2", "2"]
    assert [job.options["horizon"] for job in short.jobs()] == [2, 2, 4, 4, 2, 2]
    other = Plan(env=BLOCKS, model="m", n=3, k=2, seed=1)
    assert {job.seed for job in other.jobs()}.isdisjoint(job.seed for job in long.jobs())


def test_tasks_come_from_the_held_out_split() -> None:
    seen: list[Trajectory] = []
    run(Plan(env=BLOCKS, model="oracle", n=5), OracleModel(), on_done=seen.append)
    assert {trajectory.start.task.split for trajectory in seen} == {"eval"}


def test_a_folder_keeps_plan_episodes_and_summary(tmp_path: Path) -> None:
    plan = Plan(env=BLOCKS, model="oracle", n=4, k=2, horizons=(2,))
    summary = run(plan, OracleModel(), out=tmp_path / "deep" / "run")
    folder = RunFolder(tmp_path / "deep" / "run")
    assert folder.plan() == plan
    assert len(folder.trajectories()) == 8
    assert Summary.model_validate_json(folder.summary_file.read_bytes()) == summary
    assert sorted(path.name for path in folder.path.iterdir()) == [
        "episodes.jsonl",
        "plan.json",
        "summary.json",
    ]


def test_resuming_runs_only_what_is_missing_and_ends_the_same(tmp_path: Path) -> None:
    plan = Plan(env=BLOCKS, model="oracle", n=6, horizons=(2, 3))
    whole = run(plan, OracleModel(), out=tmp_path / "whole")
    run(plan, OracleModel(), out=tmp_path / "cut", concurrency=1)
    log = tmp_path / "cut" / "episodes.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    ends = [i for i, line in enumerate(lines) if json.loads(line)["kind"] == "end"]
    log.write_bytes(b"".join(lines[: ends[2] + 3]) + lines[-1][:20])
    (tmp_path / "cut" / "summary.json").unlink()
    fresh: list[Trajectory] = []
    resumed = run(plan, OracleModel(), out=tmp_path / "cut", resume=True, on_done=fresh.append)
    assert sorted(trajectory.id for trajectory in fresh) == ["000003", "000004", "000005"]
    timeless = {"seconds_mean": None}
    assert resumed.model_copy(update=timeless) == whole.model_copy(update=timeless)
    assert len(read_log(log)) == 6


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_run_cut_off_anywhere_ends_as_the_whole_one(share: float, tmp_path: Path) -> None:
    plan = Plan(env=BLOCKS, model="floor", n=4, horizons=(3,))
    whole = run(plan, FloorModel(), out=tmp_path)
    log = RunFolder(tmp_path).log_file
    before = {name: timeless(episode) for name, episode in read_log(log).items()}
    log.write_bytes(log.read_bytes()[: int(share * log.stat().st_size)])
    resumed = run(plan, FloorModel(), out=tmp_path, resume=True)
    assert {name: timeless(episode) for name, episode in read_log(log).items()} == before
    assert resumed.model_copy(update={"seconds_mean": None}) == whole.model_copy(
        update={"seconds_mean": None}
    )
    starts = [line for line in log.read_bytes().splitlines() if b'"kind":"start"' in line]
    assert len(starts) == plan.n


def timeless(episode: Trajectory) -> list[dict[str, object]]:
    """What happened, without what the clock said."""
    return [event.model_dump(exclude={"t", "wall_s"}) for event in episode.events]


def test_resuming_a_finished_run_runs_nothing(tmp_path: Path) -> None:
    plan = Plan(env=BLOCKS, model="oracle", n=3)
    first = run(plan, OracleModel(), out=tmp_path)
    fresh: list[Trajectory] = []
    assert run(plan, OracleModel(), out=tmp_path, resume=True, on_done=fresh.append) == first
    assert fresh == []


def test_a_folder_in_use_is_not_overwritten_nor_taken_by_another_plan(tmp_path: Path) -> None:
    plan = Plan(env=BLOCKS, model="oracle", n=2)
    run(plan, OracleModel(), out=tmp_path)
    with pytest.raises(ValueError, match="already holds a run; give --resume"):
        run(plan, OracleModel(), out=tmp_path)
    longer = plan.model_copy(update={"n": 3, "seed": 7})
    with pytest.raises(ValueError, match=r"another plan \(n 2 and 3; seed 0 and 7\)"):
        run(longer, OracleModel(), out=tmp_path, resume=True)


def test_a_plan_for_another_model_is_refused() -> None:
    with pytest.raises(ValueError, match="for model 'oracle', not 'floor'"):
        run(Plan(env=BLOCKS, model="oracle", n=2), FloorModel())


def test_what_a_provider_loses_is_missing_and_is_tried_again_on_resume(tmp_path: Path) -> None:
    plan = Plan(env=BLOCKS, model="flaky", n=8, horizons=(2, 2, 2, 5))
    summary = run(plan, Flaky(lost=5), out=tmp_path)
    assert (summary.success, summary.coverage) == (1.0, 0.75)
    assert summary.stops == {"submitted": 6, "provider_error": 2}
    assert summary.errors == {"EngineUnavailable: no answer": 2}
    assert summary.warnings == (
        "only 75 % of episodes are scored (2 provider_error); read the bounds too",
        "2 lost to EngineUnavailable: no answer",
    )
    healed = run(plan, Flaky(lost=0), out=tmp_path, resume=True)
    assert (healed.success, healed.coverage, healed.warnings) == (1.0, 1.0, ())


def test_two_runs_of_one_plan_are_compared_task_by_task(tmp_path: Path) -> None:
    plan = Plan(env=BLOCKS, model="floor", n=12, horizons=(4,))
    run(plan, FloorModel(), out=tmp_path / "a")
    best = plan.model_copy(update={"model": "oracle", "temperature": 0.0})
    run(best, OracleModel(), out=tmp_path / "b")
    found = compare_runs(RunFolder(tmp_path / "a"), RunFolder(tmp_path / "b"))
    assert (found.first, found.second, found.num_tasks, found.missing) == ("floor", "oracle", 12, 0)
    assert (found.success.difference, found.success.better) == (1.0, 12)
    assert found.success.p_value == pytest.approx(2 / 2**12)
    assert found.tokens.ci[1] < 0
    assert found.conditions == ("temperature 1.0 and 0.0",)


def test_runs_of_different_plans_are_not_compared(tmp_path: Path) -> None:
    plan = Plan(env=BLOCKS, model="oracle", n=2)
    run(plan, OracleModel(), out=tmp_path / "a")
    run(plan.model_copy(update={"seed": 3}), OracleModel(), out=tmp_path / "b")
    with pytest.raises(ValueError, match=r"different plans \(seed 0 and 3\)"):
        compare_runs(RunFolder(tmp_path / "a"), RunFolder(tmp_path / "b"))


def test_a_suite_folder_holds_several_runs(tmp_path: Path) -> None:
    plan = Plan(env=BLOCKS, model="oracle", n=1)
    for name in ("b", "a"):
        write_json(RunFolder(tmp_path / name).plan_file, plan)
    assert [folder.path.name for folder in runs_in(tmp_path)] == ["a", "b"]
    assert runs_in(tmp_path / "a") == [RunFolder(tmp_path / "a")]
    with pytest.raises(FileNotFoundError, match=r"no run here \(no plan\.json\)"):
        runs_in(tmp_path / "none")


def test_a_broken_plan_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"env": "e", "model": "m", "n": 0}')
    with pytest.raises(ValueError, match=r"plan\.json: not a plan: n: "):
        RunFolder(tmp_path).plan()


def test_the_report_of_a_run_says_its_numbers(tmp_path: Path) -> None:
    run(Plan(env=BLOCKS, model="oracle", n=6, horizons=(2, 4)), OracleModel(), out=tmp_path)
    path, summaries = write_eval_report(tmp_path / "report.html", runs_in(tmp_path))
    text = path.read_text(encoding="utf-8")
    assert summaries[0].success == 1.0
    assert f"oracle solves 100 % of {BLOCKS} (61 to 100 %)" in text
    assert text.count("<svg") == 3
    assert "6 of 6 end as submitted" in text


def test_a_run_without_a_finished_episode_has_no_report(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.claim(Plan(env=BLOCKS, model="oracle", n=1), resume=False)
    folder.log_file.touch()
    with pytest.raises(ValueError, match="no episode is finished yet"):
        write_eval_report(tmp_path / "report.html", [folder])
