"""Accuracy by n, on hand-made votes and on a scripted run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.agents.record.events import End, Event, Reward, Start, Vote
from forethought.agents.record.stop import Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.benchmarks.ballots import Ballot, accuracy_by_n, sampled, voted
from forethought.benchmarks.results import summarise
from forethought.envs import Task

sys.path.insert(0, str(Path(__file__).parents[1] / "agents"))

from crew import Cast, call, stage


def ballot(text: str, gold: str = "a", decided: bool | None = None) -> Ballot:
    """Answers are letters, "-" is none."""
    answers = tuple(None if letter == "-" else letter for letter in text)
    return Ballot(answers=answers, right=tuple(a == gold for a in answers), decided=decided)


def test_accuracies_of_three_answers_by_hand() -> None:
    one, two, three = accuracy_by_n([ballot("aab")])
    assert [row.n for row in (one, two, three)] == [1, 2, 3]
    assert (one.mean, one.majority, one.oracle) == (pytest.approx(2 / 3),) * 3
    # Of the pairs aa, ab, ab the first of equals wins: always a.
    assert (two.majority, two.oracle) == (1.0, 1.0)
    assert (three.majority, three.oracle, three.decided) == (1.0, 1.0, None)


def test_a_late_minority_is_outvoted_and_seen_by_the_oracle_alone() -> None:
    *_, three = accuracy_by_n([ballot("bba")])
    assert (three.mean, three.majority, three.oracle) == (pytest.approx(1 / 3), 0.0, 1.0)


def test_what_a_merger_made_stands_at_the_number_it_was_made_from() -> None:
    rows = accuracy_by_n(
        [ballot("abc", decided=True), ballot("bca", decided=False), ballot("bbbbb")]
    )
    by_n = {row.n: row for row in rows}
    assert sorted(by_n) == [1, 2, 3, 4, 5]
    assert (by_n[3].decided, by_n[3].num_decided, by_n[3].num_questions) == (0.5, 2, 3)
    assert by_n[2].decided is None
    assert by_n[5].num_questions == 1


def test_an_answer_that_was_not_given_is_wrong_and_no_vote() -> None:
    *_, three = accuracy_by_n([ballot("--a")])
    assert (three.mean, three.majority, three.oracle) == (pytest.approx(1 / 3), 1.0, 1.0)
    *_, two = accuracy_by_n([ballot("--")])
    assert (two.majority, two.oracle) == (0.0, 0.0)


def test_single_answers_say_nothing_about_more() -> None:
    assert accuracy_by_n([ballot("a"), ballot("b")]) == ()
    assert accuracy_by_n([]) == ()


@given(st.lists(st.text("abc-", min_size=2, max_size=5), min_size=1, max_size=4))
def test_no_choice_beats_the_oracle_and_one_answer_is_the_mean(texts: list[str]) -> None:
    for row in accuracy_by_n([ballot(text) for text in texts]):
        assert row.oracle >= max(row.majority, row.mean) - 1e-9
        if row.n == 1:
            assert row.mean == pytest.approx(row.majority) == pytest.approx(row.oracle)


def test_where_there_are_too_many_subsets_some_are_drawn() -> None:
    text = "ab" * 15
    rows = {row.n: row for row in accuracy_by_n([ballot(text)], seed=1)}
    assert 0.4 < rows[8].majority < 0.75
    assert rows[8] == {row.n: row for row in accuracy_by_n([ballot(text)], seed=1)}[8]


def test_samples_of_a_task_are_a_ballot() -> None:
    found = sampled([("x", "4", True), ("y", "1", False), ("x", "5", False), ("x", None, False)])
    assert found == [
        Ballot(answers=("4", "5", None), right=(True, False, False)),
        Ballot(answers=("1",), right=(False,)),
    ]


def test_a_ballot_has_a_verdict_on_each_answer() -> None:
    with pytest.raises(ValueError, match="2 answers but 1 verdicts"):
        Ballot(answers=("a", "b"), right=(True,))


def episode(
    *votes: Vote, answer: str | None, score: float, gold: str | None = "Paris"
) -> Trajectory:
    task = Task(id="t", prompt="?", answer=gold)
    events: list[Event] = [
        Start(agent="0", t=0, env="e", task=task, turns=1, tokens=1),
        *votes,
        Reward(agent="0", t=0, value=score),
        End(agent="0", t=0, stop=Stop.SUBMITTED, answer=answer),
    ]
    return Trajectory("e", events)


def vote(*answers: str, chosen: str, reduce: str = "majority") -> Vote:
    calls = tuple(range(len(answers)))
    return Vote(
        agent="0", t=0, call_id="0.0", reduce=reduce, calls=calls, answers=answers, chosen=chosen
    )


def test_votes_that_became_the_answer_are_judged_by_the_tasks() -> None:
    part = vote("1", "2", chosen="1")
    whole = vote("Rome", "paris.", "Paris", chosen="paris.", reduce="best_of")
    (found,) = voted(episode(part, whole, answer="Paris", score=1.0))
    assert (found.right, found.decided) == ((False, True, True), True)
    wrong = vote("Rome", "Paris", "Rome", chosen="Rome", reduce="merge")
    (found,) = voted(episode(wrong, answer="Rome", score=0.0))
    assert (found.right, found.decided) == ((False, True, False), False)


def test_votes_on_what_nobody_knows_the_answer_of_are_left_out() -> None:
    some = vote("a", "b", chosen="a")
    assert voted(episode(some, answer="a", score=0.0, gold=None)) == []
    assert [b.right for b in voted(episode(some, answer="a", score=1.0, gold=None))] == [
        (True, False)
    ]
    assert voted(episode(vote("a", "b", chosen="1. a", reduce="all"), answer="a", score=1)) == []


def test_a_scripted_run_gives_the_table_without_any_further_call() -> None:
    def play(*asides: str, reduce: str) -> Trajectory:
        ask = call("ask", prompts=["What?"], n=3, reduce=reduce)
        answer = asides[-1] if reduce == "merge" else "42" if asides.count("42") > 1 else asides[0]
        return stage(Cast(main=[ask, answer], aside=asides))

    played = [
        play("42", "42", "7", reduce="majority"),
        play("7", "8", "42", reduce="majority"),
        play("7", "42", "8", "42", reduce="merge"),
    ]
    rows = {row.n: row for row in summarise(played).votes_by_n}
    three = rows[3]
    assert three.num_questions == 3
    assert three.mean == pytest.approx((2 + 1 + 1) / 9)
    assert three.majority == pytest.approx(1 / 3)
    assert (three.decided, three.num_decided) == (1.0, 1)
    assert three.oracle == 1.0
    assert three.oracle >= three.decided >= three.majority
    assert rows[1].mean == rows[1].majority == pytest.approx(rows[1].oracle)
