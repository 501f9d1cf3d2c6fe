"""workbench-v0: a table worked out from documents with code, files and sub-agents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bench import HEADER, gold, started

import forethought.envs as envs
from forethought.envs.calls import render_call
from forethought.envs.check import check_env
from forethought.envs.child import ChildEnv
from forethought.envs.suite.long.workbench import Workbench, task_of
from forethought.envs.task import Split, Task, load_tasks, save_tasks, split_of


def test_the_task_names_the_stations_the_columns_and_what_to_submit() -> None:
    env = started(num_rows=3)
    prompt = env.task.prompt
    assert ", ".join(station.name for station in env.archive.asked) in prompt
    assert HEADER in prompt
    assert str(env.archive.year) in prompt
    assert "1 inch is 25.4 mm" in prompt
    assert not [row[1] for row in env.archive.table if row[1] in prompt]


def test_pages_that_sub_agents_read_count_for_the_episode() -> None:
    env = started()
    child = ChildEnv(env, "read")
    child.reset()
    child.step(render_call("open", {"title": env.archive.asked[0].name}))
    child.step(render_call("find", {"title": env.archive.asked[1].name, "pattern": "unit"}))
    child.step(render_call("find", {"title": env.archive.others[0].name, "pattern": "zzz"}))
    assert (env.documents_opened(), env.recall()) == (2.0, 0.5)


def test_search_shows_to_which_code_and_year_a_log_belongs() -> None:
    env = started()
    log = env.archive.asked[0].log
    found = env.search(f"{log.code} {log.year}")
    assert f"{log.title}: Code {log.code}, year {log.year}. Rainfall: January" in found
    assert env.search("zzz") == "nothing found for 'zzz'"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"oracle_rows": 0}, "oracle_rows=0"),
        ({"oracle_children": -1}, "oracle_children=-1"),
        ({"horizon": 65}, "horizon 65 is outside 1..64"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        envs.make("workbench-v0", **options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": {}}, "needs archive_seed and num_rows"),
        ({"answer": HEADER}, "its archive no longer gives its answer"),
    ],
)
def test_a_task_that_does_not_fit_its_archive_is_refused(
    change: dict[str, object], message: str
) -> None:
    task = task_of(7, num_rows=2).model_copy(update=change)
    with pytest.raises(ValueError, match=message):
        Workbench(backend="local").reset(options={"task": task})


def test_a_task_file_starts_the_same_episode(tmp_path: Path) -> None:
    env = Workbench(horizon=2, backend="local")
    env.reset(seed=3)
    save_tasks(tmp_path / "tasks.jsonl", [env.task])
    again = Workbench(backend="local")
    again.reset(options={"task": load_tasks(tmp_path / "tasks.jsonl")[0]})
    assert (again.task, again.archive) == (env.task, env.archive)


def test_splits_have_no_instance_in_common() -> None:
    splits: tuple[Split, Split] = ("train", "eval")
    tasks: dict[Split, list[Task]] = {"train": [], "eval": []}
    for split in splits:
        for seed in range(20):
            env = Workbench(horizon=1, split=split, backend="local")
            env.reset(seed=seed)
            assert split_of(env.task) == split
            tasks[split].append(env.task)
    assert {t.prompt for t in tasks["train"]}.isdisjoint(t.prompt for t in tasks["eval"])


def test_sixty_four_rows_can_be_asked_for() -> None:
    env = started(num_rows=64)
    assert len(gold(env).splitlines()) == 65
    total = sum(len(document.text) for document in env.archive.documents())
    assert total > 40_000, "far more characters than a window of 4,096 tokens holds"
    rng = np.random.default_rng(0)
    assert env.floor(rng)


def test_the_workbench_keeps_the_promises_of_an_environment() -> None:
    def make(*, split: Split = "train") -> Workbench:
        return Workbench(horizon=1, split=split, backend="local")

    assert check_env(make, num_seeds=3).broken == []


def test_the_workbench_is_registered() -> None:
    env = envs.make("workbench-v0", backend="local", horizon=1)
    assert isinstance(env, Workbench)
