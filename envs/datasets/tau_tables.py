"""The tables of tau-bench's shop, read once a process; what an episode changes lies over them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, NotRequired

from pydantic import BaseModel, ConfigDict, Field, with_config
from typing_extensions import TypedDict

from forethought.envs.datasets.rows import read_json

_CLOSED = ConfigDict(extra="forbid")


@with_config(_CLOSED)
class Address(TypedDict):
    """Where somebody lives, or an order goes."""

    address1: str
    address2: str
    city: str
    country: str
    state: str
    zip: str


@with_config(_CLOSED)
class Item(TypedDict):
    """A thing in an order."""

    name: str
    product_id: str
    item_id: str
    price: float
    options: dict[str, str]


@with_config(_CLOSED)
class Payment(TypedDict):
    """Money that went from (payment) or to (refund) a payment method."""

    transaction_type: str
    amount: float
    payment_method_id: str


@with_config(_CLOSED)
class Fulfillment(TypedDict):
    """A parcel."""

    tracking_id: list[str]
    item_ids: list[str]


@with_config(_CLOSED)
class Order(TypedDict):
    """An order; the fields at the end come with what is done to it."""

    order_id: str
    user_id: str
    address: Address
    items: list[Item]
    fulfillments: list[Fulfillment]
    status: str
    payment_history: Annotated[list[Payment], Field(min_length=1)]
    cancel_reason: NotRequired[str]
    exchange_items: NotRequired[list[str]]
    exchange_new_items: NotRequired[list[str]]
    exchange_payment_method_id: NotRequired[str]
    exchange_price_difference: NotRequired[float]
    return_items: NotRequired[list[str]]
    return_payment_method_id: NotRequired[str]


@with_config(_CLOSED)
class Name(TypedDict):
    """Of a user."""

    first_name: str
    last_name: str


@with_config(_CLOSED)
class PaymentMethod(TypedDict):
    """A card, an account or a gift card with its balance."""

    source: str
    id: str
    brand: NotRequired[str]
    last_four: NotRequired[str]
    balance: NotRequired[float]


@with_config(_CLOSED)
class User(TypedDict):
    """A customer."""

    name: Name
    address: Address
    email: str
    payment_methods: dict[str, PaymentMethod]
    orders: list[str]


@with_config(_CLOSED)
class Variant(TypedDict):
    """An item as it is offered."""

    item_id: str
    options: dict[str, str]
    available: bool
    price: float


@with_config(_CLOSED)
class Product(TypedDict):
    """A kind of thing, with its items by id."""

    name: str
    product_id: str
    variants: dict[str, Variant]


class _Database(BaseModel):
    """The file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    orders: dict[str, Order]
    products: dict[str, Product]
    users: dict[str, User]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Tables:
    """The shop before anything is done to it. Never changed; pickled as the path of its file."""

    file: Path
    orders: dict[str, Order]
    products: dict[str, Product]
    users: dict[str, User]

    def __reduce__(self) -> tuple[object, ...]:
        return read_tables, (self.file,)


@cache
def read_tables(file: Path) -> Tables:
    """The tables in a JSON file. Raises ValueError for another file, and for a stray reference."""
    read = read_json(file, _Database)
    if strange := _strange(read):
        raise ValueError(f"{file}: {strange}")
    return Tables(file=file, orders=read.orders, products=read.products, users=read.users)


def _strange(read: _Database) -> str:
    """What does not fit together; empty if all does."""
    for user_id, user in read.users.items():
        for method_id, method in user["payment_methods"].items():
            if (method["source"] == "gift_card") != ("balance" in method):
                return f"user {user_id!r}: {method_id!r}: gift cards, and no others, have a balance"
    for order_id, order in read.orders.items():
        if order["user_id"] not in read.users:
            return f"order {order_id!r}: there is no user {order['user_id']!r}"
        methods = read.users[order["user_id"]]["payment_methods"]
        for payment in order["payment_history"]:
            if payment["payment_method_id"] not in methods:
                return f"order {order_id!r}: its user has no {payment['payment_method_id']!r}"
        for item in order["items"]:
            if item["product_id"] not in read.products:
                return f"order {order_id!r}: there is no product {item['product_id']!r}"
    return ""
