"""repair-v0: mend a file with planted bugs, judged by hidden calls elsewhere."""

from __future__ import annotations

import json
import time
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from mending import BROKEN, TASK, WHOLE, started, submitted

import forethought.envs as envs
from forethought.envs.calls import render_call
from forethought.envs.check import check_env
from forethought.envs.lazy import LazySandbox
from forethought.envs.suite.code.repair import Repair
from forethought.envs.task import Split, Task, load_tasks, save_tasks, split_of
from forethought.sandbox import Cause


def test_the_agent_finds_the_broken_file_in_its_sandbox() -> None:
    env = started()
    assert env.step(render_call("read_file", {"path": "solution.py"}))[0] == BROKEN.rstrip("\n")
    env.close()


def test_a_mended_file_scores_one() -> None:
    env = started()
    _, score, terminated, _, info = submitted(env, source=WHOLE)
    assert (score, terminated) == (1.0, True)
    assert info["metrics"] == {"calibration": None, "functions_right": 1.0, "tampered": 0.0}
    assert env.verdict is not None
    assert env.verdict.num_passed == 10


def test_the_file_as_it_was_fails_and_opens_no_sandbox_for_the_agent() -> None:
    env = started()
    _, score, _, _, info = submitted(env)
    assert (score, info["metrics"]["functions_right"]) == (0.0, 0.5)
    assert env.verdict is not None
    assert env.verdict.cause is Cause.WRONG_ANSWER
    assert env.verdict.detail == "solution:double(1) gave 0, not 2"
    assert isinstance(env.context.sandbox, LazySandbox)
    assert not env.context.sandbox.is_open


def test_a_file_that_is_gone_is_named_and_no_function_is_right() -> None:
    env = started()
    _, score, _, _, info = submitted(env, "rm solution.py")
    assert (score, info["metrics"]["functions_right"]) == (0.0, 0.0)
    assert env.verdict is not None
    assert env.verdict.cause is Cause.MISSING_ARTEFACT


def test_what_was_not_submitted_is_not_judged() -> None:
    env = started()
    for _ in range(env.max_steps()):
        _, score, terminated, truncated, info = env.step("hello")
    assert (score, terminated, truncated, env.verdict) == (0.0, False, True, None)
    assert info["format_error"]


@pytest.mark.parametrize("text", ["submit", "plan: nothing to do\nSubmit"])
def test_the_word_alone_submits_too(text: str) -> None:
    env = started()
    assert env.step(text)[2]
    env.close()


def test_nothing_hidden_is_in_the_prompt_or_the_sandbox() -> None:
    env = Repair(horizon=2, backend="local")
    prompt, _ = env.reset(seed=4)
    found = env.step(render_call("bash", {"command": "ls -A; cat solution.py"}))[0]
    env.close()
    listing, _, source = found.partition("\n")
    assert listing == "solution.py"
    shown = prompt + source
    hidden = [call for call in env.work.calls if len(repr(call.arguments)) > 8]
    assert len(hidden) > 10
    assert [
        c for c in hidden if f"{c.function}({', '.join(map(repr, c.arguments))})" in shown
    ] == []


@pytest.mark.parametrize("horizon", [1, 2, 5, 16])
def test_the_expert_mends_one_place_a_turn_and_says_its_plan_first(horizon: int) -> None:
    env = Repair(horizon=horizon, backend="local")
    env.reset(seed=horizon)
    first = env.oracle()
    assert first.startswith("plan: read solution.py; mend ")
    while not env.over:
        _, score, _, _, info = env.step(env.oracle())
    env.close()
    assert (score, info["metrics"]["calibration"]) == (1.0, 1.0)
    assert 4 <= env.num_steps <= horizon + 3


@pytest.mark.parametrize("left", [0, 1])
def test_a_single_bug_that_is_left_in_place_fails(left: int) -> None:
    env = Repair(horizon=2, backend="local")
    env.reset(seed=7)
    turns = 0
    while not env.over:
        action = env.oracle()
        turns += "edit_file" in action
        env.step("skip" if "edit_file" in action and turns == left + 1 else action)
    env.close()
    assert turns == 2
    assert env.verdict is not None
    assert env.verdict.cause is not None


def test_instances_are_made_in_milliseconds() -> None:
    env = Repair()
    rng = np.random.default_rng(0)
    took = []
    for horizon in (1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4):
        began = time.process_time()
        env.make_task(rng, horizon=horizon)
        took.append(time.process_time() - began)
    assert median(took) < 0.05, "ten times what it takes, for machines that are busy"


def test_splits_have_no_instance_in_common() -> None:
    splits: tuple[Split, Split] = ("train", "eval")
    tasks: dict[Split, list[Task]] = {"train": [], "eval": []}
    for split in splits:
        for seed in range(20):
            env = Repair(horizon=1, split=split, backend="local")
            env.reset(seed=seed)
            assert split_of(env.task) == split
            tasks[split].append(env.task)
    sources = {split: {str(t.data["source"]) for t in tasks[split]} for split in splits}
    assert sources["train"].isdisjoint(sources["eval"])
    assert len(sources["train"]) == len(sources["eval"]) == 20


def test_a_task_file_starts_the_same_episode(tmp_path: Path) -> None:
    env = Repair(horizon=2, backend="local")
    env.reset(seed=3)
    save_tasks(tmp_path / "tasks.jsonl", [env.task])
    again = Repair(backend="local")
    again.reset(options={"task": load_tasks(tmp_path / "tasks.jsonl")[0]})
    assert (again.task, again.work) == (env.task, env.work)
    assert json.loads(env.task.model_dump_json())["horizon"] == 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "task 'two' holds no work: source: Field required"),
        ({"source": "", "calls": []}, "calls: Tuple should have at least 1 item"),
        ({"source": "", "calls": [{"function": "f"}]}, "calls.0.arguments: Field required"),
    ],
)
def test_a_task_of_another_kind_is_refused(data: dict[str, object], message: str) -> None:
    task = TASK.model_copy(update={"data": data})
    with pytest.raises(ValueError, match=message):
        Repair(backend="local").reset(options={"task": task})


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"backend": "dokcer"}, "no sandbox backend named 'dokcer'"),
        ({"judging": "eye"}, "nothing is judged by 'eye'; there are: calls, tests"),
    ],
)
def test_an_unknown_option_is_refused(option: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        envs.make("repair-v0", **option)


@pytest.mark.parametrize("horizon", [1, 3])
def test_the_expert_is_right_by_hidden_test_files_too(horizon: int) -> None:
    env = Repair(horizon=horizon, backend="local", judging="tests")
    env.reset(seed=horizon)
    while not env.over:
        _, score, *_ = env.step(env.oracle())
    env.close()
    assert score == 1.0
    assert env.verdict is not None
    assert len(env.verdict.outcomes) == len(env.work.calls)


def test_the_file_as_it_was_fails_by_hidden_test_files_too() -> None:
    env = started(judging="tests")
    _, score, _, _, info = submitted(env)
    assert (score, info["metrics"]["functions_right"]) == (0.0, 0.5)
    assert env.verdict is not None
    assert env.verdict.cause is Cause.WRONG_ANSWER


@pytest.mark.slow
def test_repair_keeps_the_promises_of_an_environment() -> None:
    def make(*, split: Split = "train") -> Repair:
        return Repair(horizon=2, split=split, backend="local")

    assert check_env(make, num_seeds=2).broken == []
