"""Puzzles: reading answers, showing questions, and the promises of every environment."""

from __future__ import annotations

import numpy as np
import pytest

from forethought.envs import Task, make
from forethought.envs.builtin import PUZZLES
from forethought.envs.check import check_env
from forethought.envs.suite.puzzles.dates import Dates
from forethought.envs.suite.puzzles.program import Program
from forethought.envs.suite.puzzles.puzzle import Puzzle
from forethought.envs.suite.puzzles.question import read_answer


@pytest.mark.parametrize("name", PUZZLES)
def test_every_puzzle_keeps_the_promises(name: str) -> None:
    report = check_env(name)
    assert report.ok, report


@pytest.mark.parametrize("name", PUZZLES)
@pytest.mark.parametrize("horizon", [1, 2, 33, 256])
def test_the_expert_is_right_at_every_horizon_and_without_its_answer_worth_nothing(
    name: str, horizon: int
) -> None:
    env = make(name, horizon=horizon)
    assert isinstance(env, Puzzle)
    env.reset(seed=3)
    assert env.task.horizon == horizon
    solution = env.oracle()
    *others, last = solution.splitlines()
    kept = [line for line in others if not line.startswith("answer:")]
    observation, *_ = env.step("\n".join(kept))
    assert observation.startswith("No answer found")
    _, reward, terminated, _, _ = env.step(solution)
    assert (reward, terminated) == (1.0, True)
    assert last.startswith(("answer:", "confidence:"))


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("answer: 42", "42"),
        ("so\n**Answer:** 42.\n", "42"),
        ("> answer: 3 1 4", "3 1 4"),
        ("answer: 42\nanswer: 42", "42"),
        ("answer: 42\nanswer: 43", None),
        ("<think>answer: 41</think>answer: 42", "42"),
        ("plan: answer: 1\nanswer: 2", "2"),
        ("the answer: 42", None),
        ("answer:", None),
        ("answer", None),
        ("42", None),
    ],
)
def test_an_answer_is_the_only_line_that_gives_one(reply: str, answer: str | None) -> None:
    assert read_answer(reply) == answer


def test_long_questions_are_shown_in_parts() -> None:
    env = Program(horizon=5, difficulty=1, lines_per_turn=2)
    first, _ = env.reset(seed=1)
    head, *lines = env.task.prompt.splitlines()
    assert first.splitlines() == [head, *lines[:2], "(4 more lines; reply: next)"]
    assert env.oracle().splitlines()[-1] == "next"
    second, reward, over, _, info = env.step("next")
    assert second.splitlines() == [*lines[2:4], "(2 more lines; reply: next)"]
    assert (reward, over) == (0.0, False)
    assert "format_error" not in info
    third, *_ = env.step(env.oracle())
    assert third.splitlines() == lines[4:]
    assert env.step(env.oracle())[1] == 1.0


def test_an_answer_given_too_early_is_an_answer() -> None:
    env = Program(horizon=9, difficulty=1, lines_per_turn=1)
    env.reset(seed=1)
    _, reward, terminated, _, info = env.step("answer: 0")
    assert (reward, terminated, info["score"]) == (0.0, True, 0.0)
    assert info["metrics"] == {"answered": 1.0}


def test_replies_without_an_answer_are_format_errors_and_run_out() -> None:
    env = Program(horizon=2)
    env.reset(seed=0)
    for _ in range(2):
        assert env.step("hm")[4]["format_error"] is True
    _, reward, terminated, truncated, info = env.step("hm")
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert info["metrics"] == {"answered": 0.0}


def test_a_fork_goes_on_in_the_middle_of_a_question() -> None:
    env = Program(horizon=6, lines_per_turn=3)
    env.reset(seed=2)
    env.step("next")
    (twin,) = env.fork(1)
    while not twin.over:
        twin.step(twin.oracle())
    assert twin.is_right()
    assert not env.over


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"difficulty": 6}, "difficulty is 1 to 5, not 6"),
        ({"lines_per_turn": -1}, r"lines_per_turn is 0 \(all at once\) or more, not -1"),
        ({"horizon": 257}, "horizon 257 is outside 1..256"),
    ],
)
def test_bad_options_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Program(**options)  # type: ignore[arg-type]


def test_tasks_of_something_else_are_refused() -> None:
    with pytest.raises(ValueError, match="task 'x' is no puzzle: family: Field required"):
        Program().reset(options={"task": Task(id="x", prompt="?", answer="1")})
    other = Dates().make_task(np.random.default_rng(0), horizon=2)
    with pytest.raises(ValueError, match="is of family 'dates'; Program has program"):
        Program().reset(options={"task": other})
