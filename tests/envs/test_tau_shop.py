"""The rules of tau-bench's shop: what may be done, what it does, and what a refusal leaves."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from corner_shop import ADDRESS, open_shop

from forethought.envs.datasets.arithmetic import calculated
from forethought.envs.datasets.tau_shop import Shop
from forethought.envs.datasets.tau_store import Store
from forethought.envs.datasets.tau_tables import read_tables


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tables=read_tables(open_shop(tmp_path).with_name("retail_db.json")))


def test_people_are_found_by_email_and_by_name_with_zip_code(store: Store) -> None:
    shop = Shop(store)
    assert shop.find_user_id_by_email("ANN@example.com") == "ann_lee_1"
    assert shop.find_user_id_by_name_zip("ann", "LEE", "78701") == "ann_lee_1"
    with pytest.raises(LookupError, match="user not found"):
        shop.find_user_id_by_name_zip("ann", "lee", "1")
    assert json.loads(shop.list_all_product_types()) == {"Lamp": "p2", "Mug": "p1"}


def test_cancelling_pays_back_and_fills_a_gift_card_at_once(store: Store) -> None:
    order = json.loads(Shop(store).cancel_pending_order("#W101", "ordered by mistake"))
    refund = {"transaction_type": "refund", "amount": 40.0, "payment_method_id": "gift_card_1"}
    assert (order["status"], order["payment_history"][1:]) == ("cancelled", [refund])
    assert store.user("ann_lee_1")["payment_methods"]["gift_card_1"]["balance"] == 55.0
    assert set(store.changes()) == {"orders/#W101", "users/ann_lee_1"}


def test_other_items_cost_their_difference(store: Store) -> None:
    shop = Shop(store)
    order = json.loads(shop.modify_pending_order_items("#W1", ["11"], ["12"], "gift_card_1"))
    assert order["status"] == "pending (item modified)"
    assert order["items"][0]["item_id"] == "12"
    assert order["items"][0]["options"] == {"color": "blue"}
    assert order["payment_history"][1] == {
        "transaction_type": "payment",
        "amount": 2.5,
        "payment_method_id": "gift_card_1",
    }
    assert store.user("ann_lee_1")["payment_methods"]["gift_card_1"]["balance"] == 12.5
    with pytest.raises(ValueError, match="non-pending order cannot be modified"):
        shop.modify_pending_order_items("#W1", ["12"], ["11"], "gift_card_1")


def test_returns_and_exchanges_are_asked_for(store: Store) -> None:
    back = Shop(Store(tables=store.tables)).return_delivered_order_items
    assert json.loads(back("#W100", ["21", "11"], "gift_card_1"))["return_items"] == ["11", "21"]
    order = json.loads(
        Shop(store).exchange_delivered_order_items("#W100", ["11"], ["12"], "credit_card_1")
    )
    assert order["status"] == "exchange requested"
    assert order["exchange_price_difference"] == 2.5
    assert order["items"][0]["item_id"] == "11"


def test_a_change_that_is_taken_back_is_none(store: Store) -> None:
    shop, elsewhere = Shop(store), {**ADDRESS, "city": "Dallas"}
    shop.modify_pending_order_address("#W1", **elsewhere)
    shop.modify_user_address("bob_ray_2", **elsewhere)
    assert set(store.changes()) == {"orders/#W1", "users/bob_ray_2"}
    shop.modify_pending_order_address("#W1", **ADDRESS)
    assert set(store.changes()) == {"users/bob_ray_2"}
    assert store.tables.users["bob_ray_2"]["address"]["city"] == "Austin"


REFUSED: dict[str, tuple[str, list[object], str]] = {
    "no order": ("cancel_pending_order", ["#X", "no longer needed"], "order not found"),
    "delivered": ("cancel_pending_order", ["#W100", "no longer needed"], "non-pending"),
    "pending": ("return_delivered_order_items", ["#W1", ["11"], "gift_card_1"], "non-delivered"),
    "not his": ("modify_pending_order_payment", ["#W1", "paypal_1"], "payment method not found"),
    "same": ("modify_pending_order_payment", ["#W1", "credit_card_1"], "should be different"),
    "too poor": ("modify_pending_order_payment", ["#W1", "gift_card_1"], "insufficient"),
    "poor": ("modify_pending_order_items", ["#W1", ["11"], ["13"], "gift_card_1"], "insufficient"),
    "sold out": (
        "modify_pending_order_items",
        ["#W1", ["11"], ["14"], "credit_card_1"],
        "14 not found or available",
    ),
    "other product": (
        "exchange_delivered_order_items",
        ["#W100", ["11"], ["21"], "credit_card_1"],
        "21 not found or available",
    ),
    "twice": (
        "exchange_delivered_order_items",
        ["#W100", ["11", "11"], ["12", "12"], "credit_card_1"],
        "11 not found",
    ),
    "numbers": (
        "exchange_delivered_order_items",
        ["#W100", ["11", "21"], ["12"], "credit_card_1"],
        "should match",
    ),
    "refund": (
        "return_delivered_order_items",
        ["#W100", ["99"], "credit_card_1"],
        "99 not found",
    ),
}


@pytest.mark.parametrize(("tool", "arguments", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_changes_nothing(
    store: Store, tool: str, arguments: list[object], reason: str
) -> None:
    with pytest.raises((LookupError, ValueError), match=reason):
        Shop(store).tools[tool](*arguments)
    assert not store.orders
    assert not store.users


def test_tables_are_pickled_as_their_file(store: Store) -> None:
    Shop(store).cancel_pending_order("#W1", "ordered by mistake")
    again = pickle.loads(pickle.dumps(store))
    assert again.tables is store.tables
    assert again.changes() == store.changes()


@pytest.mark.parametrize(
    ("expression", "value"),
    [("2 + 3 * (4 - 1) / 2", 6.5), ("-1.5 - -2", 0.5), ("  10/4 ", 2.5), ("+7", 7.0)],
)
def test_sums_are_worked_out(expression: str, value: float) -> None:
    assert calculated(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        "9**9**9",
        "1/0",
        "True + 1",
        "a + 1",
        "().__class__",
        "1 +",
        "1e999 * 2j",
        "(" * 900,
        "1" * 2000,
    ],
)
def test_nothing_but_a_sum_is_worked_out(expression: str) -> None:
    with pytest.raises(ValueError, match=r"calculated|expression|division|at most"):
        calculated(expression)
