"""StrategyQA: a right answer counts once a fact that bears on it was read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from real import data

from forethought.envs import Task
from forethought.envs.calls import render_call
from forethought.envs.check import check_env
from forethought.envs.datasets.strategyqa import StrategyQA
from forethought.envs.play import oracle, play
from forethought.envs.portal import run_sync


def item(n: int) -> dict[str, Any]:
    return {
        "qid": f"q{n}",
        "term": f"Animal {n}",
        "description": "an animal",
        "question": f"Would animal {n} fit into a matchbox?",
        "answer": n % 2 == 0,
        "facts": [f"Animal {n} is {n} cm long. ", "A matchbox is 5 cm long."],
        "decomposition": [f"How long is animal {n}?", "Is #1 at most 5 cm?"],
        "evidence": [],
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "train.json"
    path.write_text(json.dumps([item(n) for n in range(40)], indent=1))
    return path


def begun(file: Path, n: int = 4) -> StrategyQA:
    env = StrategyQA(path=str(file))
    env.reset(options={"task": [*StrategyQA.load(file)][n]})
    return env


def search(query: str) -> str:
    return render_call("search", {"query": query})


def test_it_keeps_the_promises_of_an_environment(file: Path) -> None:
    def factory(**options: Any) -> StrategyQA:
        return StrategyQA(path=str(file), **options)

    report = check_env(factory, num_seeds=8)
    assert report.ok, str(report)


@pytest.mark.parametrize(
    ("replies", "supported", "accuracy"),
    [
        ([search("how long is animal 4"), "plan: ...\nYes."], 1.0, 1.0),
        ([search("matchbox"), "true"], 1.0, 1.0),
        ([search("how long is animal 4"), "no"], 0.0, 0.0),
        (["yes"], 0.0, 1.0),
        ([search("zebra"), "yes"], 0.0, 1.0),
        ([search("matchbox"), render_call("submit", {"answer": "perhaps"})], 0.0, 0.0),
    ],
    ids=["read", "another fact", "wrong", "guessed", "nothing found", "neither"],
)
def test_a_guess_scores_nothing_and_is_told_as_accuracy(
    file: Path, replies: list[str], supported: float, accuracy: float
) -> None:
    env = begun(file)
    for reply in replies:
        _, score, terminated, _, info = env.step(reply)
    assert (score, terminated, info["metrics"]["accuracy"]) == (supported, True, accuracy)


def test_confidence_is_scored_and_other_text_is_told_what_to_do(file: Path) -> None:
    env = begun(file)
    assert env.step("It depends.")[0] == "Call a tool, or reply with yes or no."
    metrics = env.step(render_call("submit", {"answer": "no", "confidence": 0.2}))[4]["metrics"]
    assert metrics == {"accuracy": 0.0, "calibration": pytest.approx(0.96), "recall": 0.0}


def test_the_expert_follows_the_decomposition(file: Path) -> None:
    env = begun(file)
    assert env.oracle() == (
        "plan: How long is animal 4; Is #1 at most 5 cm; answer\n" + search("How long is animal 4?")
    )
    while not env.over:
        score = env.step(env.oracle())[1]
    assert (score, env.num_steps, env.task.horizon) == (1.0, 3, 2)


def test_what_is_broken_is_named(file: Path) -> None:
    file.write_text(json.dumps([item(1), {**item(2), "answer": "yes, perhaps"}]))
    with pytest.raises(ValueError, match=r"train\.json\[1\]: answer: Input should be a valid bool"):
        StrategyQA(path=str(file)).tasks()
    with pytest.raises(ValueError, match="task 'x' holds no work: facts: Field required"):
        StrategyQA(path=str(file)).reset(options={"task": Task(id="x", prompt="?")})


def test_every_question_is_answered_by_its_expert() -> None:
    file = data("strategyqa") / "train.json"
    assert len(StrategyQA(path=str(file), whole=True).tasks()) == 2061

    def factory() -> StrategyQA:
        return StrategyQA(path=str(file), whole=True)

    async def scores() -> list[float | None]:
        return [(await play(factory, seed, oracle)).score for seed in range(0, 2061, 7)]

    assert set(run_sync(scores())) == {1.0}
