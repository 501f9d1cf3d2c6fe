"""Parallel calls: deadlines, other models by name, what they cost, what is on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from crew import WIDE, Cast, Line, call, results, spawn, stage

from forethought.agents.engines.prices import PICO, Price
from forethought.agents.record.events import Call, End, Limit, Vote
from forethought.agents.record.stop import Stop
from forethought.agents.record.trajectory import Trajectory

ASK = {"prompts": ["Capital?"], "n": 3}


def asked(asides: Sequence[Line], **options: object) -> Trajectory:
    return stage(Cast(main=[call("ask", **{**ASK, **options}), "42"], aside=asides))


def vote_of(trajectory: Trajectory) -> Vote:
    (vote,) = [event for event in trajectory.events if isinstance(event, Vote)]
    return vote


def test_at_the_deadline_late_calls_are_given_up_and_the_rest_votes() -> None:
    asides = [60.0, "London", "Paris", "Rome"]
    trajectory = asked(asides, n=3, deadline_s=0.2)
    vote = vote_of(trajectory)
    assert (vote.answers, vote.chosen) == (("Paris", "Rome"), "Paris")
    calls = {c.id: c for c in trajectory.calls}
    (late,) = vote.late
    assert (calls[late].finish, calls[late].completion, calls[late].trainable) == (
        "cancelled",
        (),
        False,
    )
    assert [calls[i].finish for i in vote.calls] == ["cancelled", "stop", "stop"]
    assert results(trajectory)[0].text == "Paris"
    assert trajectory.end is not None
    assert trajectory.end.t < 5
    assert trajectory.end.tokens == trajectory.num_sampled


def test_a_question_without_any_answer_in_time_says_so_and_others_keep_theirs() -> None:
    asides = [60.0, "-", "two!"]
    trajectory = asked(asides, prompts=["one?", "two?"], n=1, reduce="all", deadline_s=0.2)
    assert results(trajectory)[0].text == "1. (no answer in time)\n2. two!"
    votes = [event for event in trajectory.events if isinstance(event, Vote)]
    assert [vote.answers for vote in votes] == [(), ("two!",)]


@pytest.mark.parametrize("reduce", ["best_of", "merge"])
def test_where_the_decider_is_late_the_majority_decides(reduce: str) -> None:
    asides: list[Line] = ["Rome", "Paris", "Paris", 60.0, "2"]
    vote = vote_of(asked(asides, reduce=reduce, deadline_s=0.3))
    assert (vote.reduce, vote.chosen) == (reduce, "Paris")
    assert len(vote.calls) == 4
    assert vote.late == vote.calls[3:]


def test_calls_that_were_given_up_are_in_no_segment() -> None:
    trajectory = asked([60.0, "-", "a", "b"], deadline_s=0.1)
    spans = {span.call for segment in trajectory.segments() for span in segment.spans}
    assert spans == {c.id for c in trajectory.calls} - set(vote_of(trajectory).late)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"deadline_s": 0}, "a deadline is a number of seconds above 0, not 0"),
        ({"mind": "big"}, "no other mind named 'big'; there are none here"),
    ],
)
def test_what_cannot_be_asked_is_told(options: dict[str, object], message: str) -> None:
    assert message in results(asked(["-"], **options))[0].text


def with_big(**options: object) -> Trajectory:
    cast = Cast(main=[call("ask", **{**ASK, "mind": "big", **options}), "42"])
    return stage(cast, minds={"big": Cast(aside=["Paris", "Rome", "Paris"])})


def test_another_model_is_asked_by_name_charged_and_never_trained_on() -> None:
    trajectory = with_big()
    assert results(trajectory)[0].text == "Paris"
    foreign = [c for c in trajectory.calls if c.model]
    assert [(c.model, c.trainable) for c in foreign] == [("big", False)] * 3
    assert all(c.logprobs is not None for c in foreign)
    assert trajectory.end is not None
    assert trajectory.end.tokens == trajectory.num_sampled
    spans = {span.call for segment in trajectory.segments() for span in segment.spans}
    assert spans == {c.id for c in trajectory.calls if not c.model}


def test_the_agent_is_told_whom_it_can_ask() -> None:
    trajectory = with_big()
    assert trajectory.messages()[0].text.endswith("Other minds that you can ask by name: big")
    cast = Cast(main=[call("ask", **ASK, mind="bog"), "42"])
    told = results(stage(cast, minds={"big": Cast(aside=[])}))[0].text
    assert told == "ask: no other mind named 'bog'; there are: big"


PRICES = {"small": Price(prompt=1.0, completion=2.0), "big": Price(prompt=10.0, completion=50.0)}


def priced(
    *actions: str, money: float | None, asides: Sequence[Line] = ("Paris",) * 3
) -> Trajectory:
    return stage(
        Cast(main=actions, aside=["x"] * 9, left=["left"]),
        limits=replace(WIDE, money=money),
        minds={"big": Cast(aside=asides)},
        prices=PRICES,
        model_name="small",
    )


def cost_of(calls: Sequence[Call]) -> int:
    """Whole prompts are paid for, whatever of them is shared."""
    names = {"": "small", "big": "big"}
    return sum(
        PRICES[names[c.model]].of(prompt=c.shared + len(c.prompt), completion=len(c.completion))
        for c in calls
    )


def test_money_is_charged_by_model_and_added_up_over_the_tree() -> None:
    ask = call("ask", **ASK, mind="big")
    trajectory = priced(ask, spawn("left", wait=True), "42", money=1.0)
    total = cost_of(trajectory.calls)
    assert trajectory.end is not None
    assert trajectory.end.cost == total / PICO
    assert trajectory.cost == pytest.approx(total / PICO)
    assert trajectory.start.money == 1.0
    child = next(e for e in trajectory.events if isinstance(e, End) and e.agent == "0.0")
    assert child.cost == cost_of([c for c in trajectory.calls if c.agent == "0.0"]) / PICO


def test_an_episode_without_prices_costs_nothing() -> None:
    trajectory = asked(["a"] * 3)
    assert trajectory.end is not None
    assert (trajectory.cost, trajectory.end.cost, trajectory.start.money) == (0, 0, None)


def test_an_agent_that_cannot_pay_its_next_reply_ends_at_the_money_limit() -> None:
    first = cost_of(priced(call("echo", text="a"), "42", money=1.0).calls[:1]) / PICO
    trajectory = priced(call("echo", text="a"), "42", money=first * 1.5)
    assert trajectory.stop is Stop.MONEY_LIMIT
    (limit,) = [event for event in trajectory.events if isinstance(event, Limit)]
    assert (limit.what, limit.used) == ("money", first)
    assert limit.limit == pytest.approx(first * 1.5)
    assert trajectory.reward == 0.0


def test_a_reply_is_as_long_as_can_be_paid() -> None:
    prompt = len(priced("42", money=1.0).calls[0].prompt)
    money = (prompt * 1.0 + 5 * 2.0) / 1e6
    trajectory = priced("a long reply", money=money)
    assert len(trajectory.calls[0].completion) == 5
    assert trajectory.calls[0].finish == "length"


def test_what_another_model_would_cost_too_much_is_told_and_not_asked() -> None:
    act = cost_of(priced(call("ask", **ASK, mind="big"), "42", money=1.0).calls[:1]) / PICO
    trajectory = priced(call("ask", **ASK, mind="big"), "42", money=act * 1.1)
    assert results(trajectory)[0].error == "budget"
    assert "the money budget leaves too little" in results(trajectory)[0].text
    assert not [c for c in trajectory.calls if c.model]


def test_a_call_that_was_given_up_is_charged_its_prompt() -> None:
    ask = call("ask", **ASK, mind="big", deadline_s=0.1)
    trajectory = priced(ask, "42", money=1.0, asides=[60.0, "-", "Paris", "Paris"])
    late = next(c for c in trajectory.calls if c.finish == "cancelled")
    assert late.cost == PRICES["big"].of(prompt=len(late.prompt), completion=0) / PICO > 0
    assert trajectory.end is not None
    assert trajectory.end.cost == cost_of(trajectory.calls) / PICO


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_price_is_a_number(value: float) -> None:
    with pytest.raises(ValueError, match="a price per million tokens is a number from 0 on"):
        Price(completion=value)
