"""The tables of tau-bench's shop in one episode: a record is copied when it is first written to."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field

from forethought.envs.datasets.tau_tables import Order, PaymentMethod, Tables, User


@dataclass(kw_only=True, slots=True)
class Store:
    """Tables that nobody writes to, and what was changed. Looking up raises LookupError."""

    tables: Tables
    orders: dict[str, Order] = field(default_factory=dict)
    """Written to, by id."""
    users: dict[str, User] = field(default_factory=dict)

    def changes(self) -> dict[str, Mapping[str, object]]:
        """The records that are not as they were, by table and id."""
        orders = {f"orders/{k}": v for k, v in self.orders.items() if v != self.tables.orders[k]}
        users = {f"users/{k}": v for k, v in self.users.items() if v != self.tables.users[k]}
        return {**orders, **users}

    def order(self, order_id: str) -> Order:
        """An order as it is now, to be read."""
        found = self.orders.get(order_id) or self.tables.orders.get(order_id)
        if found is None:
            raise LookupError("order not found")
        return found

    def user(self, user_id: str) -> User:
        """A user as they are now, to be read."""
        found = self.users.get(user_id) or self.tables.users.get(user_id)
        if found is None:
            raise LookupError("user not found")
        return found

    def own_order(self, order_id: str) -> Order:
        """The episode's own copy of an order, to be written to."""
        if order_id not in self.orders:
            self.orders[order_id] = deepcopy(self.order(order_id))
        return self.orders[order_id]

    def own_user(self, user_id: str) -> User:
        """The episode's own copy of a user, to be written to."""
        if user_id not in self.users:
            self.users[user_id] = deepcopy(self.user(user_id))
        return self.users[user_id]

    def method(self, user_id: str, payment_method_id: str) -> PaymentMethod:
        """How a user can pay, to be read."""
        methods = self.user(user_id)["payment_methods"]
        if payment_method_id not in methods:
            raise LookupError("payment method not found")
        return methods[payment_method_id]

    def credit(self, user_id: str, payment_method_id: str, amount: float) -> None:
        """Put money onto a gift card; any other method has it in a few days."""
        if "balance" in self.method(user_id, payment_method_id):
            method = self.own_user(user_id)["payment_methods"][payment_method_id]
            method["balance"] = round(method["balance"] + amount, 2)
