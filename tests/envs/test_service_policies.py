"""Services: each policy by shifts made by hand."""

from __future__ import annotations

import pytest
from shifts import (
    EXPENSES_NUMBERS,
    FLIGHT_NUMBERS,
    FLIGHTS,
    LENDING,
    LENDING_NUMBERS,
    act,
    expenses_tables,
    opened,
    settled,
    wish,
)

from forethought.envs.suite.services.expenses import Expenses
from forethought.envs.suite.services.flights import Flights
from forethought.envs.suite.services.lending import Lending
from forethought.envs.suite.services.service import Request


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
