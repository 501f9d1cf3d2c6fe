"""The shop of tau-bench retail: what its tools do to its tables, with upstream's rules and order.

After sierra-research/tau-bench, `tau_bench/envs/retail/tools` (MIT), written anew: what upstream
returns as "Error: ..." is raised here, and a calculation is never evaluated as Python.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Literal

from forethought.envs.datasets.arithmetic import calculated
from forethought.envs.datasets.tau_store import Store
from forethought.envs.datasets.tau_tables import Address, Order, Payment

TRANSFER = "transfer_to_human_agents"
"""The tool that ends the conversation."""


class Shop:
    """What can be done to a store.

    The methods in `tools` raise LookupError for what is not there and ValueError for what may not
    be done; then nothing has changed.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    @property
    def tools(self) -> dict[str, Callable[..., str]]:
        """What the agent can do, by name."""
        found: tuple[Callable[..., str], ...] = (
            self.calculate,
            self.cancel_pending_order,
            self.exchange_delivered_order_items,
            self.find_user_id_by_email,
            self.find_user_id_by_name_zip,
            self.get_order_details,
            self.get_product_details,
            self.get_user_details,
            self.list_all_product_types,
            self.modify_pending_order_address,
            self.modify_pending_order_items,
            self.modify_pending_order_payment,
            self.modify_user_address,
            self.return_delivered_order_items,
            self.think,
            self.transfer_to_human_agents,
        )
        return {each.__name__: each for each in found}

    # Looking up.

    def find_user_id_by_email(self, email: str) -> str:
        """The user with this address."""
        for user_id, user in self.store.tables.users.items():
            if user["email"].lower() == email.lower():
                return user_id
        raise LookupError("user not found")

    def find_user_id_by_name_zip(self, first_name: str, last_name: str, zip: str) -> str:
        """The user of this name with this zip code."""
        for user_id in self.store.tables.users:
            user = self.store.user(user_id)
            name = (user["name"]["first_name"].lower(), user["name"]["last_name"].lower())
            if name == (first_name.lower(), last_name.lower()) and user["address"]["zip"] == zip:
                return user_id
        raise LookupError("user not found")

    def get_order_details(self, order_id: str) -> str:
        """An order as JSON."""
        return json.dumps(self.store.order(order_id))

    def get_user_details(self, user_id: str) -> str:
        """A user as JSON."""
        return json.dumps(self.store.user(user_id))

    def get_product_details(self, product_id: str) -> str:
        """A product and its items as JSON."""
        if product_id not in self.store.tables.products:
            raise LookupError("product not found")
        return json.dumps(self.store.tables.products[product_id])

    def list_all_product_types(self) -> str:
        """The id of each product by name, as JSON."""
        products = self.store.tables.products.values()
        return json.dumps({p["name"]: p["product_id"] for p in products}, sort_keys=True)

    # Orders that are pending.

    def cancel_pending_order(
        self, order_id: str, reason: Literal["no longer needed", "ordered by mistake"]
    ) -> str:
        """Cancel it and pay back; a gift card has the money at once."""
        self._require(order_id, "pending", "cancelled")
        order = self.store.own_order(order_id)
        refunds: list[Payment] = []
        for payment in order["payment_history"]:
            refunds.append({**payment, "transaction_type": "refund"})
            self.store.credit(order["user_id"], payment["payment_method_id"], payment["amount"])
        order["status"] = "cancelled"
        order["cancel_reason"] = reason
        order["payment_history"].extend(refunds)
        return json.dumps(order)

    def modify_pending_order_address(
        self,
        order_id: str,
        address1: str,
        address2: str,
        city: str,
        state: str,
        country: str,
        zip: str,
    ) -> str:
        """Send it elsewhere."""
        self._require(order_id, "pending", "modified")
        order = self.store.own_order(order_id)
        order["address"] = _address(address1, address2, city, state, country, zip)
        return json.dumps(order)

    def modify_pending_order_payment(self, order_id: str, payment_method_id: str) -> str:
        """Pay by another method; the first one has its money back."""
        order = self._require(order_id, "pending", "modified")
        method = self.store.method(order["user_id"], payment_method_id)
        history = order["payment_history"]
        if len(history) > 1 or history[0]["transaction_type"] != "payment":
            raise ValueError("there should be exactly one payment for a pending order")
        amount, before = history[0]["amount"], history[0]["payment_method_id"]
        if before == payment_method_id:
            raise ValueError("the new payment method should be different from the current one")
        if method.get("balance", amount) < amount:
            raise ValueError("insufficient gift card balance to pay for the order")
        order = self.store.own_order(order_id)
        order["payment_history"] += [
            _payment("payment", amount, payment_method_id),
            _payment("refund", amount, before),
        ]
        self.store.credit(order["user_id"], payment_method_id, -amount)
        self.store.credit(order["user_id"], before, amount)
        return json.dumps(order)

    def modify_pending_order_items(
        self,
        order_id: str,
        item_ids: list[str],
        new_item_ids: list[str],
        payment_method_id: str,
    ) -> str:
        """Take other items of the same products; once in the life of an order."""
        order = self._require(order_id, "pending", "modified")
        difference = self._price_difference(order, item_ids, new_item_ids)
        self._afford(order["user_id"], payment_method_id, difference)
        order = self.store.own_order(order_id)
        kind = "payment" if difference > 0 else "refund"
        order["payment_history"].append(_payment(kind, abs(difference), payment_method_id))
        self.store.credit(order["user_id"], payment_method_id, -difference)
        for item_id, new_item_id in zip(item_ids, new_item_ids, strict=True):
            item = next(item for item in order["items"] if item["item_id"] == item_id)
            variant = self.store.tables.products[item["product_id"]]["variants"][new_item_id]
            item["item_id"] = new_item_id
            item["price"] = variant["price"]
            item["options"] = dict(variant["options"])
        order["status"] = "pending (item modified)"
        return json.dumps(order)

    # Orders that are delivered.

    def return_delivered_order_items(
        self, order_id: str, item_ids: list[str], payment_method_id: str
    ) -> str:
        """Ask for items to be taken back."""
        order = self._require(order_id, "delivered", "returned")
        method = self.store.method(order["user_id"], payment_method_id)
        is_original = payment_method_id == order["payment_history"][0]["payment_method_id"]
        if "balance" not in method and not is_original:
            raise ValueError(
                "payment method should be either the original payment method or a gift card"
            )
        _require_items(order, item_ids)
        order = self.store.own_order(order_id)
        order["status"] = "return requested"
        order["return_items"] = sorted(item_ids)
        order["return_payment_method_id"] = payment_method_id
        return json.dumps(order)

    def exchange_delivered_order_items(
        self,
        order_id: str,
        item_ids: list[str],
        new_item_ids: list[str],
        payment_method_id: str,
    ) -> str:
        """Ask for items to be exchanged for others of the same products."""
        order = self._require(order_id, "delivered", "exchanged")
        difference = round(self._price_difference(order, item_ids, new_item_ids), 2)
        self._afford(order["user_id"], payment_method_id, difference)
        order = self.store.own_order(order_id)
        order["status"] = "exchange requested"
        order["exchange_items"] = sorted(item_ids)
        order["exchange_new_items"] = sorted(new_item_ids)
        order["exchange_payment_method_id"] = payment_method_id
        order["exchange_price_difference"] = difference
        return json.dumps(order)

    # The rest.

    def modify_user_address(
        self,
        user_id: str,
        address1: str,
        address2: str,
        city: str,
        state: str,
        country: str,
        zip: str,
    ) -> str:
        """Change where a user lives."""
        self.store.user(user_id)
        user = self.store.own_user(user_id)
        user["address"] = _address(address1, address2, city, state, country, zip)
        return json.dumps(user)

    def calculate(self, expression: str) -> str:
        """The value of an arithmetic expression, to two places."""
        return str(round(calculated(expression), 2))

    def think(self, thought: str) -> str:
        """Nothing happens."""
        return ""

    def transfer_to_human_agents(self, summary: str) -> str:
        """Give the conversation up."""
        return "Transfer successful"

    def _require(self, order_id: str, status: str, done: str) -> Order:
        order = self.store.order(order_id)
        if order["status"] != status:
            raise ValueError(f"non-{status} order cannot be {done}")
        return order

    def _afford(self, user_id: str, payment_method_id: str, difference: float) -> None:
        if self.store.method(user_id, payment_method_id).get("balance", difference) < difference:
            raise ValueError("insufficient gift card balance to pay for the price difference")

    def _price_difference(
        self, order: Order, item_ids: Sequence[str], new_item_ids: Sequence[str]
    ) -> float:
        _require_items(order, item_ids)
        if len(item_ids) != len(new_item_ids):
            raise ValueError("the number of items to be exchanged should match")
        difference = 0.0
        for item_id, new_item_id in zip(item_ids, new_item_ids, strict=True):
            item = next(item for item in order["items"] if item["item_id"] == item_id)
            variant = self.store.tables.products[item["product_id"]]["variants"].get(new_item_id)
            if variant is None or not variant["available"]:
                raise LookupError(f"new item {new_item_id} not found or available")
            difference += variant["price"] - item["price"]
        return difference


def _require_items(order: Order, item_ids: Sequence[str]) -> None:
    held = [item["item_id"] for item in order["items"]]
    for item_id in item_ids:
        if item_ids.count(item_id) > held.count(item_id):
            raise LookupError(f"{item_id} not found")


def _payment(kind: str, amount: float, payment_method_id: str) -> Payment:
    return {"transaction_type": kind, "amount": amount, "payment_method_id": payment_method_id}


def _address(
    address1: str, address2: str, city: str, state: str, country: str, zip: str
) -> Address:
    return {
        "address1": address1,
        "address2": address2,
        "city": city,
        "country": country,
        "state": state,
        "zip": zip,
    }
