"""Reducing answers."""

import pytest

from forethought.agents.delegate.votes import judged, majority, numbered, without_thought


@pytest.mark.parametrize(
    ("answers", "winner"),
    [
        (["a", "b", "B."], "b"),
        (["The Rhine", "rhine", "Danube"], "The Rhine"),
        (["x", "y"], "x"),
        (["", ""], ""),
        (["", "a", ""], "a"),
    ],
    ids=["most", "normalised", "first of equals", "silence", "some silent"],
)
def test_the_majority_is_taken_after_normalisation(answers: list[str], winner: str) -> None:
    assert majority(answers) == winner


@pytest.mark.parametrize(
    ("verdict", "chosen"),
    [("2", "b"), ("Answer 1 is wrong, so 3", "c"), ("10", "a"), ("none", "a"), ("3 of 4", "c")],
)
def test_a_judge_names_a_number(verdict: str, chosen: str) -> None:
    assert judged(verdict, ["a", "b", "c"]) == chosen


def test_answers_are_numbered_from_one() -> None:
    assert numbered(["a", "b"]) == "1. a\n2. b"
    assert numbered(["a"]) == "a"


def test_thoughts_are_no_part_of_an_answer() -> None:
    assert without_thought("<think>1 or 2</think> 2 ") == "2"
    assert without_thought("2") == "2"
    assert without_thought("<think>1 or 2, let me") == ""
    assert without_thought("opened by the template</think>2") == "2"
