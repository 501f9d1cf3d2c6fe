"""Services: policies by hand-made shifts, the end-state check, and what cheats come to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from forethought.envs import Task, make
from forethought.envs.builtin import SERVICES
from forethought.envs.calls import Json, render_call
from forethought.envs.check import check_env
from forethought.envs.suite.services.expenses import Expenses
from forethought.envs.suite.services.flights import Flights
from forethought.envs.suite.services.lending import Lending
from forethought.envs.suite.services.service import Database, Request, Service, Shift

FLIGHTS: Database = {
    "flights": {
        "F1": {"origin": "Cork", "destination": "Brest", "day": 6, "price": 100, "seats": 1},
        "F2": {"origin": "Cork", "destination": "Brest", "day": 9, "price": 80, "seats": 1},
        "F3": {"origin": "Cork", "destination": "Brest", "day": 20, "price": 150, "seats": 1},
    },
    "bookings": {
        "B1": {"passenger": "Ada", "flight": "F1", "fare": "flex", "paid": 121, "state": "active"},
        "B2": {"passenger": "Ole", "flight": "F2", "fare": "basic", "paid": 80, "state": "active"},
        "B3": {"passenger": "Ada", "flight": "F3", "fare": "flex", "paid": 171, "state": "active"},
    },
}
FLIGHT_NUMBERS = {"today": 3, "flex": 21, "notice": 3, "full": 7, "fee": 15}
LENDING: Database = {
    "members": {"M1": {"fines": 0}, "M2": {"fines": 9}, "M3": {"fines": 5}},
    "books": {"K1": {"title": "Low Tide", "copies": 1}, "K2": {"title": "Maps", "copies": 2}},
    "loans": {
        "L1": {"member": "M3", "book": "K1", "due": 45, "state": "open"},
        "L2": {"member": "M3", "book": "K2", "due": 52, "state": "open"},
    },
    "holds": {"H1": {"member": "M2", "book": "K1", "state": "waiting"}},
}
LENDING_NUMBERS = {"today": 50, "fines": 6, "loans": 2, "days": 20, "more": 10, "rate": 2}
EXPENSES_NUMBERS = {"receipt": 25, "meals": 40, "travel": 195, "books": 90, "reserve": 100}


def expenses_tables() -> Database:
    def claim(amount: int, category: str, receipt: str = "yes", state: str = "open") -> Any:
        return {
            "employee": "E1",
            "category": category,
            "amount": amount,
            "receipt": receipt,
            "state": state,
            "paid": 0,
        }

    return {
        "employees": {
            "E1": {"department": "field", "role": "staff"},
            "E2": {"department": "field", "role": "manager"},
        },
        "departments": {"field": {"budget": 200}, "press": {"budget": 50}},
        "claims": {
            "C1": claim(70, "meals"),
            "C2": claim(30, "books", receipt="no"),
            "C3": claim(25, "books", receipt="no"),
            "C4": claim(190, "travel"),
            "C5": claim(20, "books", state="paid"),
        },
    }


def opened(env: Service, tables: Database, numbers: dict[str, int], *requests: Request) -> Service:
    shift = Shift(service=env.service, tables=tables, numbers=numbers, requests=requests)
    data = shift.model_dump(mode="json")
    env.reset(options={"task": Task(id="t", prompt="?", data=data, horizon=len(requests))})
    return env


def wish(kind: str, **facts: str | int) -> Request:
    return Request(kind=kind, text=f"{kind}?", facts=facts)


def act(env: Service, name: str, **arguments: Json) -> tuple[str, float, dict[str, Any]]:
    observation, reward, _, _, info = env.step(render_call(name, arguments))
    return observation, reward, info


def settled(env: Service) -> tuple[list[tuple[str, dict[str, Json]]], str]:
    acts, code = env.settle(env.requests[len(env.closed)])
    return [(one.name, one.arguments) for one in acts], code


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


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (wish("cancel", booking="B1", passenger="Ole"), ([], "not_passenger")),
        (wish("cancel", booking="B2", passenger="Ole"), ([], "basic_fare")),
        (
            wish("cancel", booking="B1", passenger="Ada"),
            ([("cancel", {"booking": "B1", "refund": 60})], "done"),
        ),
        (
            wish("cancel", booking="B3", passenger="Ada"),
            ([("cancel", {"booking": "B3", "refund": 171})], "done"),
        ),
        (
            wish("move", booking="B1", passenger="Ada"),
            ([("move", {"booking": "B1", "flight": "F2", "charge": 15})], "done"),
        ),
        (wish("move", booking="B3", passenger="Ada"), ([], "no_flight")),
        (
            wish("book", passenger="Una", origin="Cork", destination="Brest", day=4, fare="flex"),
            (
                [("book", {"passenger": "Una", "flight": "F2", "fare": "flex", "price": 101})],
                "done",
            ),
        ),
        (
            wish("book", passenger="Una", origin="Brest", destination="Cork", day=4, fare="flex"),
            ([], "no_flight"),
        ),
    ],
)
def test_the_airline_keeps_to_its_policy(request_: Request, expected: object) -> None:
    assert settled(opened(Flights(), FLIGHTS, FLIGHT_NUMBERS, request_)) == expected


def test_a_flight_too_near_is_refused_and_a_dearer_one_charged() -> None:
    numbers = {**FLIGHT_NUMBERS, "today": 4}
    near = opened(Flights(), FLIGHTS, numbers, wish("cancel", booking="B1", passenger="Ada"))
    assert settled(near) == ([], "too_late")
    tables = {**FLIGHTS, "flights": {**FLIGHTS["flights"], "F2": {**FLIGHTS["flights"]["F2"]}}}
    tables["flights"]["F2"]["seats"] = 0
    env = opened(Flights(), tables, FLIGHT_NUMBERS, wish("move", booking="B1", passenger="Ada"))
    move = ("move", {"booking": "B1", "flight": "F3", "charge": 15 + 50})
    assert settled(env) == ([move], "done")


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (wish("borrow", member="M2", title="Maps"), ([], "fines_due")),
        (wish("borrow", member="M3", title="Maps"), ([], "has_it")),
        (
            wish("borrow", member="M1", title="Maps"),
            ([("lend", {"member": "M1", "book": "K2", "due": 70})], "done"),
        ),
        (
            wish("borrow", member="M1", title="Low Tide"),
            ([("hold", {"member": "M1", "book": "K1"})], "held"),
        ),
        (wish("return", member="M1", title="Maps"), ([], "no_loan")),
        (
            wish("return", member="M3", title="Low Tide"),
            ([("take_back", {"loan": "L1", "fine": 10})], "done"),
        ),
        (
            wish("return", member="M3", title="Maps"),
            ([("take_back", {"loan": "L2", "fine": 0})], "done"),
        ),
        (wish("renew", member="M3", title="Low Tide"), ([], "overdue")),
        (
            wish("renew", member="M3", title="Maps"),
            ([("renew", {"loan": "L2", "due": 62})], "done"),
        ),
        (wish("pay", member="M3", amount=6), ([], "too_much")),
        (
            wish("pay", member="M3", amount=5),
            ([("pay", {"member": "M3", "amount": 5})], "done"),
        ),
    ],
)
def test_the_library_keeps_to_its_policy(request_: Request, expected: object) -> None:
    assert settled(opened(Lending(), LENDING, LENDING_NUMBERS, request_)) == expected


def test_a_hold_binds_what_comes_after_it() -> None:
    tables = {**LENDING, "holds": {"H1": {"member": "M1", "book": "K2", "state": "waiting"}}}
    borrow, renew = (
        wish("borrow", member="M2", title="Maps"),
        wish("renew", member="M3", title="Maps"),
    )
    numbers = {**LENDING_NUMBERS, "fines": 9}
    env = opened(Lending(), tables, numbers, borrow, renew)
    assert settled(env) == ([("hold", {"member": "M2", "book": "K2"})], "held")
    assert env.settle(renew).code == "on_hold"
    own = opened(Lending(), tables, numbers, wish("borrow", member="M1", title="Maps"))
    act(own, "lend", member="M1", book="K2", due=70)
    assert own.tables["holds"]["H1"]["state"] == "used"
    assert act(own, "finish", code="done")[1] == 1.0


def test_three_loans_are_enough() -> None:
    books = {**LENDING["books"], "K3": {"title": "Salt", "copies": 1}}
    env = opened(
        Lending(),
        {**LENDING, "books": books},
        LENDING_NUMBERS,
        wish("borrow", member="M3", title="Salt"),
    )
    assert settled(env) == ([], "loan_limit")


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (wish("pay", employee="E2", claim="C1"), ([], "not_owner")),
        (wish("pay", employee="E1", claim="C5"), ([], "not_open")),
        (wish("pay", employee="E1", claim="C2"), ([], "no_receipt")),
        (
            wish("pay", employee="E1", claim="C3"),
            ([("pay", {"claim": "C3", "amount": 25})], "done"),
        ),
        (
            wish("pay", employee="E1", claim="C1"),
            ([("pay", {"claim": "C1", "amount": 40})], "done"),
        ),
        (wish("withdraw", employee="E1", claim="C1"), ([("withdraw", {"claim": "C1"})], "done")),
        (
            wish("transfer", employee="E1", giver="field", receiver="press", amount=10),
            ([], "not_manager"),
        ),
        (
            wish("transfer", employee="E2", giver="field", receiver="press", amount=101),
            ([], "over_budget"),
        ),
        (
            wish("transfer", employee="E2", giver="field", receiver="press", amount=100),
            ([("transfer", {"giver": "field", "receiver": "press", "amount": 100})], "done"),
        ),
    ],
)
def test_the_expenses_desk_keeps_to_its_policy(request_: Request, expected: object) -> None:
    assert settled(opened(Expenses(), expenses_tables(), EXPENSES_NUMBERS, request_)) == expected


def test_what_is_paid_early_is_missing_later() -> None:
    first, second = (wish("pay", employee="E1", claim=claim) for claim in ("C1", "C4"))
    env = opened(Expenses(), expenses_tables(), EXPENSES_NUMBERS, first, second)
    act(env, "pay", claim="C1", amount=40)
    assert act(env, "finish", code="done")[0] == "Request 2 of 2: pay?"
    assert settled(env) == ([], "over_budget")
    observation, _, info = act(env, "pay", claim="C4", amount=190)
    assert (observation, info["results"][0].error) == ("pay: field has not so much left", "blocked")
    observation, reward, info = act(env, "finish", code="over_budget")
    assert (observation, reward) == ("That was the last request.", 1.0)


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
