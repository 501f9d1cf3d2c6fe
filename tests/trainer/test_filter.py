"""The difficulty filter: what a model solves sometimes is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_credit import made

from forethought.agents.record.stop import Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.envs.task import load_tasks
from forethought.trainer.config import RunConfig
from forethought.trainer.filter import rate, run_filter, summary
from forethought.trainer.rl import step_jobs


def tried(task: str, *rewards: float | None) -> list[Trajectory]:
    """Episodes of one task; None for one that infrastructure lost."""
    episodes = []
    for number, reward in enumerate(rewards):
        stop = Stop.SUBMITTED if reward is not None else Stop.SANDBOX_ERROR
        episode = made(f"{task}.{number}", reward, stop=stop)
        changes = {"task": episode.start.task.model_copy(update={"id": task}), "group": task}
        start = episode.start.model_copy(update=changes)
        episodes.append(Trajectory(episode.id, [start, *episode.events[1:]]))
    return episodes


@pytest.mark.parametrize(
    ("rewards", "expected"),
    [
        ((0.0, 0.0, 0.0), (0, 3, False)),
        ((1.0, 1.0), (2, 2, False)),
        ((1.0, 0.0, 0.5), (1, 3, True)),
        ((0.999, 0.0), (0, 2, False)),
        ((1.0, None, 0.0), (1, 2, True)),
        ((1.0, None), (1, 1, False)),
    ],
    ids=["never", "always", "sometimes", "almost", "one lost", "all scored ones"],
)
def test_a_task_is_kept_if_it_is_solved_sometimes(
    rewards: tuple[float | None, ...], expected: tuple[int, int, bool]
) -> None:
    (rated,) = rate(tried("t", *rewards))
    assert (rated.passed, rated.samples, rated.is_kept) == expected


def test_a_task_of_which_every_sample_was_lost_is_not_rated() -> None:
    assert rate(tried("t", None, None)) == []


def test_tasks_are_rated_in_the_order_they_come_and_summed_up() -> None:
    mixed = [*tried("b", 1.0, 0.0), *tried("a", 0.0, 0.0), *tried("c", 1.0, 1.0)]
    rated = rate([*mixed[::2], *mixed[1::2]])
    assert [item.task.id for item in rated] == ["b", "a", "c"]
    found = summary(rated)
    assert (found["tasks"], found["kept"], found["never"], found["always"]) == (3, 1, 1, 1)


def filtered(out: Path, model: str = "floor", *, k: int = 3) -> dict[str, object]:
    return dict(run_filter("test/lean-v0", model, n=4, k=k, out=out, options={}, seed=1))


def test_the_command_writes_the_tasks_that_it_keeps(tmp_path: Path) -> None:
    found = filtered(tmp_path / "oracle", "oracle")
    assert (found["tasks"], found["kept"], found["always"]) == (4, 0, 4)
    assert load_tasks(tmp_path / "oracle" / "tasks.jsonl") == []
    kept = json.loads((tmp_path / "oracle" / "filter.json").read_bytes())
    assert [row["passed"] for row in kept["pass_rates"]] == [3, 3, 3, 3]


def test_a_filter_that_is_asked_for_again_runs_nothing_twice(tmp_path: Path) -> None:
    first = filtered(tmp_path)
    before = (tmp_path / "episodes.jsonl").read_bytes()
    assert filtered(tmp_path) == first
    assert (tmp_path / "episodes.jsonl").read_bytes() == before


def test_the_episodes_of_another_model_are_not_taken_for_this_ones(tmp_path: Path) -> None:
    filtered(tmp_path, "floor")
    with pytest.raises(ValueError, match=r"holds a filter with model 'floor'; give another --out"):
        filtered(tmp_path, "oracle")


def test_one_sample_says_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a pass rate of 1 sample is always 0/N or N/N"):
        filtered(tmp_path, k=1)


def test_rl_takes_each_kept_task_once_and_then_fresh_ones(straight: RunConfig) -> None:
    pool = [episode.start.task for name in "abc" for episode in tried(name, 1.0)]
    seen: list[str | None] = []
    for step in range(3):
        jobs = step_jobs(straight, pool, step)
        assert jobs == step_jobs(straight, pool, step)
        assert len({job.id for job in jobs}) == 6
        for group in (jobs[:3], jobs[3:]):
            assert len({job.group for job in group}) == 1
            (task,) = {job.task.id if job.task else None for job in group}
            seen.append(task)
    assert seen == ["a", "b", "c", None, None, None]


def test_without_a_pool_rl_draws_new_tasks_every_step(straight: RunConfig) -> None:
    jobs = [job for step in range(3) for job in step_jobs(straight, [], step)]
    assert all(job.task is None for job in jobs)
    assert len({job.seed for job in jobs}) == 6
    assert len({job.id for job in jobs}) == 18
