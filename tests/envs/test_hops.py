"""hops-v0: following routes by search, open and find, as tool calls or plain lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anyio
import numpy as np
import pytest

import forethought.envs as envs
from forethought.envs.base import Step
from forethought.envs.calls import render_call
from forethought.envs.check import check_env
from forethought.envs.suite.lookup.hops import Hops, plan_of, task_of
from forethought.envs.suite.lookup.places import atlas
from forethought.envs.suite.lookup.routes import UP, Route
from forethought.envs.task import Split, Task, load_tasks, save_tasks, split_of

AACHEN = Route(steps=(UP, "lake"), titles=("Aachen", "Germany", "Constance"))
PARIS = Route(steps=(UP,), titles=("Lille", "France"))


def started(*routes: Route, terse: bool = True) -> Hops:
    env = Hops(terse=terse)
    env.reset(seed=0, options={"task": task_of(list(routes))})
    return env


def played(env: Hops, act: Callable[[], str]) -> Step:
    while True:
        step = env.step(act())
        if step[2] or step[3]:
            return step


def test_the_expert_opens_one_page_after_the_other_and_says_its_plan_first() -> None:
    env = started(AACHEN)
    said = [env.oracle()]
    while not env.over:
        env.step(said[-1])
        said.append(env.oracle())
    assert said[:3] == [
        "plan: open 1 page, find lake, answer\n1. open Aachen",
        "2. find Germany: lake",
        "answer Constance",
    ]


def test_the_same_expert_writes_tool_calls_where_there_are_tools() -> None:
    env = started(AACHEN, terse=False)
    call = render_call("open", {"title": "Aachen"})
    assert env.oracle() == f"plan: open 1 page, find lake, answer\n{call}"
    env.step(env.oracle())
    assert env.oracle() == render_call("find", {"title": "Germany", "pattern": "lake"})
    env.step(env.oracle())
    assert env.oracle() == render_call("submit", {"answer": "Constance"})


def test_a_plan_counts_pages_and_separates_routes() -> None:
    long = Route(steps=(UP, UP), titles=("Lille", "France", "Europe"))
    assert plan_of((long, AACHEN)) == "plan: open 2 pages; open 1 page, find lake, answer"


@pytest.mark.parametrize("terse", [True, False], ids=["lines", "calls"])
@pytest.mark.parametrize("horizon", range(1, 17))
def test_the_expert_is_right_at_every_horizon(horizon: int, terse: bool) -> None:
    splits: tuple[Split, Split] = ("train", "eval")
    for split in splits:
        env = Hops(horizon=horizon, split=split, terse=terse)
        env.reset(seed=horizon)
        _, score, terminated, _, info = played(env, env.oracle)
        assert (score, terminated) == (1.0, True)
        assert info["metrics"]["recall"] == 1.0
        assert env.num_steps == horizon + 1, "a page a turn, then the answer"


@pytest.mark.parametrize("horizon", [1, 3, 8, 16])
def test_the_horizon_is_the_number_of_steps_and_no_step_is_needed_twice(horizon: int) -> None:
    task = Hops().make_task(np.random.default_rng(horizon), horizon=horizon)
    routes = [Route.model_validate(item) for item in task.data["routes"]]  # type: ignore[union-attr]
    moves = [move for route in routes for move in route.moves]
    assert task.horizon == horizon == len(moves) == len(set(moves))


def test_random_actions_are_almost_never_right() -> None:
    total = 0.0
    for seed in range(60):
        env = Hops(horizon=1 + seed % 4)
        env.reset(seed=seed)
        rng = np.random.default_rng(seed)
        total += played(env, lambda env=env, rng=rng: env.floor(rng))[1]  # type: ignore[misc]
    assert total / 60 < 0.1


def test_opening_a_page_tells_what_it_is_part_of_in_few_words() -> None:
    observation = started(AACHEN).step("open Aachen")[0]
    assert observation == (
        "Aachen: a city in western Germany near the Dutch and Belgian borders; formerly ...; "
        "part of: Germany"
    )


def test_pages_are_whole_where_there_are_tools() -> None:
    observation = started(AACHEN, terse=False).step("open Aachen")[0]
    assert "Charlemagne's northern capital; part of: Germany" in observation


@pytest.mark.parametrize(
    ("action", "observation"),
    [
        ("find Germany: lake", "has lake: Constance"),
        ("find germany: LAKE", "has lake: Constance"),
        ("find Germany: palm tree", "Germany: nothing about 'palm tree'"),
        ("find Germany", "Write: find TITLE: WORD"),
        ("open Aken", "Aachen: a city"),
        ("open Achen", "no page named 'Achen'; nearest: "),
        ("open georgia", "'georgia' may be Georgia (American state) or Georgia (Asian country)"),
        ("search zzzz", "nothing found for 'zzzz'"),
        ("search Aachen", "Aachen; "),
        ("Let me see.", "Write one of: open TITLE"),
        ("", "Write one of: open TITLE"),
        ("plan: open Aachen, answer", "Write one of: open TITLE"),
    ],
)
def test_a_line_is_answered_in_a_line(action: str, observation: str) -> None:
    env = started(AACHEN)
    assert env.step(action)[0].startswith(observation)
    assert not env.over


def test_a_long_list_is_cut_and_says_so() -> None:
    lines = started(AACHEN, terse=False).step("find France: city")[0].splitlines()
    assert len(lines) == 7
    assert lines[-1].startswith("and ")
    assert lines[-1].endswith(" more")


def test_text_that_is_no_action_is_a_format_error_only_where_lines_are_the_actions() -> None:
    terse, usual = started(AACHEN), started(AACHEN, terse=False)
    assert terse.step("Constance")[4]["format_error"] is True
    _, score, terminated, _, info = usual.step("Constance")
    assert (score, terminated) == (1.0, True)
    assert "format_error" not in info


def test_an_empty_reply_is_never_taken_as_an_answer() -> None:
    env = started(AACHEN, terse=False)
    assert env.step("<think>Hm.</think>\n")[4]["format_error"] is True
    assert env.submitted is None


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        ("Constance", 1.0),
        ("lake constance", 1.0),
        ("Bodensee", 1.0),
        ("Germany", 0.0),
        ("Constance; France", 0.0),
        ("It is Constance", 0.0),
    ],
)
def test_the_end_counts_by_any_of_its_names_and_nothing_else(answer: str, score: float) -> None:
    assert "Bodensee" in atlas().places["Constance"].names
    assert started(AACHEN).step(f"answer {answer}")[1] == score


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        ("Constance; France", 1.0),
        ("Bodensee;the french republic", 1.0),
        ("France; Constance", 0.0),
        ("Constance", 0.0),
        ("Constance; ", 0.0),
        ("Constance; France; Lille", 0.0),
    ],
)
def test_several_ends_are_named_in_order(answer: str, score: float) -> None:
    env = started(AACHEN, PARIS)
    assert env.task.prompt.splitlines() == [
        "route 1: Aachen > part of > lake",
        "route 2: Lille > part of",
        "answer all ends in order: A; B",
    ]
    assert env.step(f"answer {answer}")[1] == score


def test_an_answer_without_reading_is_right_but_recalls_nothing() -> None:
    info = started(AACHEN).step("answer Constance")[4]
    assert info["rewards"] == {"correct": 1.0}
    assert info["metrics"] == {"calibration": None, "documents_opened": 0.0, "recall": 0.0}


def test_pages_read_are_counted_once_and_compared_with_those_needed() -> None:
    env = started(AACHEN)
    for action in ("open Aachen", "open Aachen", "open France", "find France: city", "search x"):
        env.step(action)
    metrics = env.step("answer Nowhere")[4]["metrics"]
    assert metrics["documents_opened"] == 2.0
    assert metrics["recall"] == 0.5


@pytest.mark.parametrize(
    ("answer", "confidence", "score"),
    [("Constance", 1.0, 1.0), ("Constance", 0.5, 0.75), ("Germany", 0.5, 0.75), ("X", 1.0, 0.0)],
)
def test_a_stated_confidence_is_scored(answer: str, confidence: float, score: float) -> None:
    env = started(AACHEN, terse=False)
    call = render_call("submit", {"answer": answer, "confidence": confidence})
    assert env.step(call)[4]["metrics"]["calibration"] == score


def test_an_impossible_confidence_is_told_and_ends_nothing() -> None:
    env = started(AACHEN, terse=False)
    call = render_call("submit", {"answer": "Constance", "confidence": 7})
    assert env.step(call)[0] == "submit: confidence is between 0 and 1, not 7"
    assert not env.over


def test_only_the_first_action_of_a_reply_is_made() -> None:
    env = started(AACHEN)
    observation = env.step("1. open Aachen\n2. find Germany: lake\nanswer Bodensee")[0]
    assert observation.startswith("Aachen: ")
    assert not env.over


def test_calls_of_one_turn_are_all_made() -> None:
    env = started(AACHEN, PARIS, terse=False)
    env.step(render_call("open", {"title": "Aachen"}) + render_call("open", {"title": "Lille"}))
    assert env.recall() == 2 / 3


def test_tools_say_what_they_take() -> None:
    signatures = [tool.signature for tool in Hops().tools.values()]
    assert [signature.partition(")")[0] + ")" for signature in signatures] == [
        "find(title: string, pattern: string)",
        "open(title: string)",
        "search(query: string)",
        "submit(answer: string, confidence?: number)",
    ]
    assert Hops(terse=True).tools == {}


def test_prompts_and_instructions_are_short() -> None:
    env = Hops(horizon=4, terse=True)
    for seed in range(20):
        prompt, _ = env.reset(seed=seed)
        assert len(prompt) < 140
    assert len(env.instructions) < 300


def test_the_prompt_does_not_depend_on_how_one_acts() -> None:
    prompts = [Hops(horizon=5, terse=terse).reset(seed=9)[0] for terse in (True, False)]
    assert prompts[0] == prompts[1]


def test_splits_have_no_instance_in_common() -> None:
    splits: tuple[Split, Split] = ("train", "eval")
    tasks: dict[Split, set[str]] = {"train": set(), "eval": set()}
    for split in splits:
        for seed in range(100):
            env = Hops(horizon=2, split=split)
            env.reset(seed=seed)
            assert split_of(env.task) == split == env.task.split
            tasks[split].add(env.task.prompt)
    assert tasks["train"].isdisjoint(tasks["eval"])
    assert len(tasks["train"]) > 90


def test_a_task_file_starts_the_same_episode(tmp_path: Path) -> None:
    env = Hops(horizon=3)
    env.reset(seed=5)
    save_tasks(tmp_path / "tasks.jsonl", [env.task])
    again = Hops()
    again.reset(options={"task": load_tasks(tmp_path / "tasks.jsonl")[0]})
    assert (again.task, again.routes) == (env.task, env.routes)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "task 'x' holds no routes"),
        (
            {"routes": [{"steps": ["part of"], "titles": ["Atlantis", "Ocean"]}]},
            "task 'x': no place has the title 'Atlantis'",
        ),
        ({"routes": [{"steps": ["part of"]}]}, "titles"),
    ],
    ids=["nothing", "unknown place", "no titles"],
)
def test_a_task_that_is_not_one_of_hops_is_refused(data: dict[str, object], message: str) -> None:
    task = Task.model_validate({"id": "x", "prompt": "?", "data": data})
    with pytest.raises(ValueError, match=message):
        Hops().reset(options={"task": task})


def test_hundreds_of_episodes_run_on_one_loop() -> None:
    async def run(seed: int, scores: list[float]) -> None:
        env = Hops(horizon=3, terse=bool(seed % 2))
        await env.areset(seed=seed)
        while not env.over:
            _, score, *_ = await env.astep(env.oracle())
        scores.append(score)

    async def main() -> list[float]:
        scores: list[float] = []
        async with anyio.create_task_group() as group:
            for seed in range(300):
                group.start_soon(run, seed, scores)
        return scores

    assert anyio.run(main) == [1.0] * 300


@pytest.mark.parametrize("terse", [True, False], ids=["lines", "calls"])
def test_hops_keeps_the_promises_of_an_environment(terse: bool) -> None:
    def make(*, split: Split = "train") -> Hops:
        return Hops(split=split, terse=terse)

    assert check_env(make).broken == []


def test_hops_is_registered() -> None:
    env = envs.make("hops-v0", horizon=2, terse=True)
    assert isinstance(env, Hops)
    assert env.horizon == 2


def test_the_answer_names_all_ends_and_the_horizon_adds_all_steps() -> None:
    task = task_of([AACHEN, PARIS])
    assert (task.answer, task.horizon) == ("Constance; France", 3)
