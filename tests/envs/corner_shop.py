"""A shop of two customers in tau-bench's files, for tests without the real ones."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import JsonValue

from forethought.envs.datasets.tau_shop import Shop
from forethought.envs.datasets.tau_store import Store
from forethought.envs.datasets.tau_tables import read_tables
from forethought.envs.tools import as_tool

NUM_PENDING = 24
ADDRESS = {
    "address1": "1 Elm Street",
    "address2": "",
    "city": "Austin",
    "country": "USA",
    "state": "TX",
    "zip": "78701",
}


def method(kind: str, **more: JsonValue) -> dict[str, JsonValue]:
    return {"source": kind, "id": f"{kind}_1", **more}


USERS: dict[str, JsonValue] = {
    "ann_lee_1": {
        "name": {"first_name": "Ann", "last_name": "Lee"},
        "address": ADDRESS,
        "email": "ann@example.com",
        "payment_methods": {
            "credit_card_1": method("credit_card", brand="visa", last_four="1234"),
            "gift_card_1": method("gift_card", balance=15.0),
        },
        "orders": [],
    },
    "bob_ray_2": {
        "name": {"first_name": "Bob", "last_name": "Ray"},
        "address": ADDRESS,
        "email": "bob@example.com",
        "payment_methods": {"paypal_1": method("paypal")},
        "orders": [],
    },
}


def variant(item_id: str, colour: str, price: float, available: bool = True) -> JsonValue:
    return {
        "item_id": item_id,
        "options": {"color": colour},
        "available": available,
        "price": price,
    }


PRODUCTS: dict[str, JsonValue] = {
    "p1": {
        "name": "Mug",
        "product_id": "p1",
        "variants": {
            "11": variant("11", "red", 10.0),
            "12": variant("12", "blue", 12.5),
            "13": variant("13", "gold", 99.0),
            "14": variant("14", "grey", 9.0, available=False),
        },
    },
    "p2": {"name": "Lamp", "product_id": "p2", "variants": {"21": variant("21", "white", 30.0)}},
}


def item(name: str, product: str, item_id: str, price: float, colour: str) -> JsonValue:
    options: JsonValue = {"color": colour}
    return {
        "name": name,
        "product_id": product,
        "item_id": item_id,
        "price": price,
        "options": options,
    }


def order(order_id: str, status: str, paid_by: str = "credit_card_1") -> JsonValue:
    return {
        "order_id": order_id,
        "user_id": "ann_lee_1",
        "address": ADDRESS,
        "items": [item("Mug", "p1", "11", 10.0, "red"), item("Lamp", "p2", "21", 30.0, "white")],
        "fulfillments": [],
        "status": status,
        "payment_history": [
            {"transaction_type": "payment", "amount": 40.0, "payment_method_id": paid_by}
        ],
    }


def orders() -> dict[str, JsonValue]:
    found = {f"#W{n}": order(f"#W{n}", "pending") for n in range(NUM_PENDING)}
    found["#W100"] = order("#W100", "delivered")
    found["#W101"] = order("#W101", "pending", paid_by="gift_card_1")
    return found


def cancellation(order_id: str, reason: str = "no longer needed") -> dict[str, JsonValue]:
    """A row whose customer wants an order to be cancelled."""
    paid: dict[str, JsonValue] = {
        "transaction_type": "payment",
        "amount": 40.0,
        "payment_method_id": "credit_card_1",
    }
    path: list[JsonValue] = ["orders", order_id]
    return {
        "id": f"cancel-{order_id}",
        "user_id": "ann_lee_1",
        "instruction": f"Your name is Ann Lee and your zip code is 78701. You are shy, polite. "
        f"You want to cancel your order {order_id} because {reason}.",
        "gold_actions": [
            {"name": "cancel_pending_order", "arguments": {"order_id": order_id, "reason": reason}}
        ],
        "required_outputs": [],
        "expected_db_changes": [
            {"path": [*path, "cancel_reason"], "op": "add", "value": reason},
            {"path": [*path, "status"], "op": "set", "value": "cancelled"},
            {
                "path": [*path, "payment_history"],
                "op": "set",
                "value": [paid, {**paid, "transaction_type": "refund"}],
            },
        ],
    }


def open_shop(folder: Path, rows: list[dict[str, JsonValue]] | None = None) -> Path:
    """Write all files; returns that of the tasks."""
    database = {"orders": orders(), "products": PRODUCTS, "users": USERS}
    (folder / "retail_db.json").write_text(json.dumps(database))
    (folder / "retail_policy.md").write_text("Be kind.")
    tools = Shop(Store(tables=read_tables(folder / "retail_db.json"))).tools
    entries = [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": f"As published: {name}.",
                "parameters": {"required": [], **as_tool(function).schema},
            },
        }
        for name, function in tools.items()
    ]
    (folder / "retail_tools.json").write_text(json.dumps(entries))
    tasks = folder / "tasks.jsonl"
    rows = rows or [cancellation(f"#W{n}") for n in range(NUM_PENDING)]
    tasks.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tasks
