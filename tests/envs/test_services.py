"""Services: the end-state check, and what cheats come to."""

from __future__ import annotations

import numpy as np
import pytest
from shifts import (
    FLIGHT_NUMBERS,
    FLIGHTS,
    act,
    opened,
    wish,
)

from forethought.envs import Task, make
from forethought.envs.builtin import SERVICES
from forethought.envs.calls import Json, render_call
from forethought.envs.check import check_env
from forethought.envs.suite.services.flights import Flights
from forethought.envs.suite.services.lending import Lending
from forethought.envs.suite.services.service import Service


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_keeps_the_promises(name: str) -> None:
    report = check_env(name)
    assert report.ok, report


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("horizon", [1, 40])
def test_the_expert_settles_shifts_of_every_length(name: str, horizon: int) -> None:
    env = make(name, horizon=horizon)
    env.reset(seed=7)
    while not env.over:
        _, reward, _, _, info = env.step(env.oracle())
    assert reward == 1.0
    assert info["metrics"] == {"progress": 1.0, "closed_share": 1.0}


@pytest.mark.parametrize("name", SERVICES)
def test_closing_everything_as_done_or_as_refused_is_worth_nothing(name: str) -> None:
    for code in ("done", make(name).codes[1]):  # type: ignore[attr-defined]
        env = make(name, horizon=12)
        assert isinstance(env, Service)
        env.reset(seed=4)
        while not env.over:
            _, reward, _ = act(env, "finish", code=code)
        assert reward == 0.0
        assert env.progress() < 1.0


@pytest.mark.parametrize("name", SERVICES)
def test_requests_to_be_refused_are_common_in_long_shifts(name: str) -> None:
    env = make(name, horizon=100)
    assert isinstance(env, Service)
    env.reset(seed=1)
    while not env.over:
        assert env.oracle() == env.oracle()
        env.step(env.oracle())
    assert 20 <= sum(code != "done" for code in env.closed) <= 80
    assert len(env.closed) == 100


def test_what_the_policy_forbids_can_be_done_and_fails() -> None:
    request = wish("cancel", booking="B2", passenger="Ole")
    env = opened(Flights(), FLIGHTS, FLIGHT_NUMBERS, request)
    assert act(env, "cancel", booking="B2", refund=80)[2]["results"][0].error is None
    assert act(env, "finish", code="basic_fare")[1] == 0.0
    refused = opened(Flights(), FLIGHTS, FLIGHT_NUMBERS, request)
    assert act(refused, "finish", code="basic_fare")[1] == 1.0
    claimed = opened(Flights(), FLIGHTS, FLIGHT_NUMBERS, request)
    assert act(claimed, "finish", code="done")[1] == 0.0


def test_the_right_act_with_the_wrong_amount_fails() -> None:
    request = wish("cancel", booking="B1", passenger="Ada")
    env = opened(Flights(), FLIGHTS, FLIGHT_NUMBERS, request, request)
    act(env, "cancel", booking="B1", refund=121)
    act(env, "finish", code="done")
    _, reward, info = act(env, "finish", code="not_active")
    assert (reward, info["metrics"]) == (0.0, {"progress": 0.0, "closed_share": 1.0})


def test_an_act_after_the_last_request_still_counts() -> None:
    request = wish("cancel", booking="B2", passenger="Ole")
    env = opened(Flights(), FLIGHTS, FLIGHT_NUMBERS, request)
    finish = render_call("finish", {"code": "basic_fare"})
    late = render_call("cancel", {"booking": "B2", "refund": 80})
    _, reward, terminated, _, info = env.step(f"{finish}{late}{finish}")
    assert (reward, terminated) == (0.0, True)
    assert info["results"][2].text == "The shift is over."


@pytest.mark.parametrize(
    ("name", "arguments", "error", "text"),
    [
        ("flight", {"flight": "F9"}, "not_found", "there is no 'F9' among the flights"),
        ("booking", {"booking": "X"}, "not_found", "there is no 'X' among the bookings"),
        (
            "book",
            {"passenger": "Una", "flight": "F1", "fare": "gold", "price": 1},
            "bad_arguments",
            "fare",
        ),
        ("finish", {"code": "sorry"}, "bad_arguments", "code"),
        ("refund", {}, "unknown_tool", "There is no tool 'refund'"),
    ],
)
def test_errors_are_typed_and_change_nothing(
    name: str, arguments: dict[str, Json], error: str, text: str
) -> None:
    env = opened(Flights(), FLIGHTS, FLIGHT_NUMBERS, wish("cancel", booking="B2", passenger="Ole"))
    before = env._digest()
    observation, _, info = act(env, name, **arguments)
    assert info["results"][0].error == error
    assert text in observation
    assert env._digest() == before


def test_a_seat_is_taken_once() -> None:
    env = opened(Flights(), FLIGHTS, FLIGHT_NUMBERS, wish("cancel", booking="B2", passenger="Ole"))
    ticket: dict[str, Json] = {"passenger": "Una", "flight": "F2", "fare": "basic", "price": 80}
    assert act(env, "book", **ticket)[0] == "booked as B4"
    assert act(env, "book", **ticket)[2]["results"][0].error == "blocked"
    assert act(env, "cancel", booking="B4", refund=80)[2]["results"][0].error is None
    assert act(env, "cancel", booking="B4", refund=80)[2]["results"][0].error == "blocked"
    assert env.tables["flights"]["F2"]["seats"] == 1


def test_the_expert_plans_each_request_reads_acts_and_finishes() -> None:
    wishes = (
        wish("cancel", booking="B1", passenger="Ada"),
        wish("move", booking="B1", passenger="Ada"),
    )
    env = opened(Flights(), FLIGHTS, FLIGHT_NUMBERS, *wishes)
    said = []
    while not env.over:
        said.append(env.oracle())
        env.step(said[-1])
    plans = [text.splitlines()[0] for text in said if text.startswith("plan: ")]
    assert [plan.split(", check")[0] for plan in plans] == [
        "plan: booking, flight",
        "plan: booking, flight, flights",
    ]
    assert [text.split('"name": "')[1].split('"')[0] for text in said] == [
        *("booking", "flight", "cancel", "finish"),
        *("booking", "flight", "flights", "finish"),
    ]
    assert env.closed == ["done", "not_active"]


def test_talk_does_nothing() -> None:
    env = opened(Flights(), FLIGHTS, FLIGHT_NUMBERS, wish("cancel", booking="B2", passenger="Ole"))
    observation, reward, _, _, info = env.step("I have refused it. Reward: 1")
    assert observation.startswith("Nothing was done")
    assert (reward, info["format_error"]) == (0.0, True)


def test_a_fork_has_a_database_of_its_own() -> None:
    env = opened(Flights(), FLIGHTS, FLIGHT_NUMBERS, wish("cancel", booking="B1", passenger="Ada"))
    (twin,) = env.fork(1)
    act(twin, "cancel", booking="B1", refund=60)
    assert env.tables["bookings"]["B1"]["state"] == "active"
    assert act(twin, "finish", code="done")[1] == 1.0


def test_tasks_of_something_else_are_refused() -> None:
    with pytest.raises(ValueError, match="task 'x' is no shift of a service: service: Field"):
        Flights().reset(options={"task": Task(id="x", prompt="?")})
    other = Lending().make_task(np.random.default_rng(0), horizon=2)
    with pytest.raises(ValueError, match="has 2 requests of 'lending'; this is 'flights'"):
        Flights().reset(options={"task": other})
