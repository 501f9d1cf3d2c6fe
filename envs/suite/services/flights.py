"""Flights: the booking desk of a small airline: book, move and cancel, as far as fares allow.

It trains skills (stateful tools, reading before acting, arithmetic of charges) and strategy: the
rules are checked in order, and seats given away early are missing later.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from forethought.envs.suite.services.service import (
    DONE,
    Call,
    Database,
    Request,
    Row,
    Service,
    Settled,
    Shift,
    pick,
    told,
    told_all,
)
from forethought.envs.tools import ToolFailure, tool

Code = Literal["done", "not_passenger", "not_active", "basic_fare", "too_late", "no_flight"]
Fare = Literal["basic", "flex"]

_CITIES = ("Aarhus", "Brest", "Cork", "Delft")
_PEOPLE = ("Ada Brandt", "Ole Lund", "Ines Vaz", "Tom Weir", "Mina Roth", "Jan Kos", "Una Byrne")
_DAYS = 30


class Flights(Service):
    """Book, move and cancel flights by an airline's policy."""

    service = "flights"
    codes = get_args(Code)

    def policy(self, n: dict[str, int]) -> str:
        """The desk's rules."""
        return f"""You are the booking desk of an airline. Today is day {n["today"]}.
Book: the cheapest flight of the route that has a seat, on the wished day or later, after today; \
of equally cheap ones the first. A basic ticket costs the flight's price, a flex ticket \
{n["flex"]} more. If there is no such flight: no_flight.
Cancel and move, in this order: the booking must be the customer's own (else not_passenger) and \
active (else not_active), its fare flex (else basic_fare), its flight at least {n["notice"]} \
days ahead (else too_late).
Cancel: refund what was paid; half of it, rounded down, if the flight is less than {n["full"]} \
days ahead.
Move: to the first flight of the same route on a later day that has a seat (else no_flight). \
Charge {n["fee"]}, and what the new flight's price is above that of the old flight.
Between equals take the flight with the lowest number. Finish with done, or with the first \
reason that applies; then change nothing."""

    def draw(self, rng: np.random.Generator, *, num: int) -> Shift:
        """Flights and bookings that grow with the number of requests."""
        numbers = {
            "today": int(rng.integers(3, 8)),
            "flex": int(rng.integers(20, 60)),
            "notice": int(rng.integers(2, 4)),
            "full": int(rng.integers(7, 14)),
            "fee": int(rng.integers(10, 30)),
        }
        tables: Database = {"flights": {}, "bookings": {}}
        for number in range(1, 13 + num):
            tables["flights"][f"F{number}"] = _flight(rng)
        for number in range(1, 7 + num):
            tables["bookings"][f"B{number}"] = _booking(rng, tables, numbers["flex"])
        requests = tuple(_request(rng, tables) for _ in range(num))
        return Shift(service=self.service, tables=tables, numbers=numbers, requests=requests)

    @tool(resource="desk")
    def flights(self, origin: str, destination: str) -> str:
        """list the flights of a route: day, price, free seats"""
        return told_all(self.where("flights", origin=origin, destination=destination))

    @tool(resource="desk")
    def flight(self, flight: str) -> str:
        """show a flight"""
        return told(flight, self.row("flights", flight))

    @tool(resource="desk")
    def booking(self, booking: str) -> str:
        """show a booking"""
        return told(booking, self.row("bookings", booking))

    @tool(resource="desk")
    def book(self, passenger: str, flight: str, fare: Fare, price: int) -> str:
        """sell a ticket for a price"""
        self._take_seat(flight)
        row: Row = {
            "passenger": passenger,
            "flight": flight,
            "fare": fare,
            "paid": price,
            "state": "active",
        }
        return f"booked as {self.add('bookings', 'B', row)}"

    @tool(resource="desk")
    def move(self, booking: str, flight: str, charge: int) -> str:
        """put a booking on another flight, for a charge"""
        row = self.row("bookings", booking)
        self._take_seat(flight)
        self._free_seat(row)
        row.update(flight=flight, paid=int(row["paid"]) + charge)
        return told(booking, row)

    @tool(resource="desk")
    def cancel(self, booking: str, refund: int) -> str:
        """cancel a booking and pay back a part of what was paid"""
        row = self.row("bookings", booking)
        self._free_seat(row)
        row.update(state="cancelled", paid=int(row["paid"]) - refund)
        return told(booking, row)

    @tool(resource="desk")
    def finish(self, code: Code) -> str:
        """end the present request"""
        return self.close_request(code)

    def look(self, request: Request) -> tuple[Call, ...]:
        """The route, or the booking, its flight and where it may be moved."""
        facts = request.facts
        if request.kind == "book":
            return (_listing(str(facts["origin"]), str(facts["destination"])),)
        booking = self.row("bookings", str(facts["booking"]))
        key = str(booking["flight"])
        flight = self.row("flights", key)
        calls = (Call("booking", {"booking": facts["booking"]}), Call("flight", {"flight": key}))
        if request.kind == "cancel":
            return calls
        return (*calls, _listing(str(flight["origin"]), str(flight["destination"])))

    def settle(self, request: Request) -> Settled:
        """By the policy above."""
        if request.kind == "book":
            return self._settle_book(request)
        facts, numbers = request.facts, self.numbers
        key = str(facts["booking"])
        booking = self.row("bookings", key)
        flight = self.row("flights", str(booking["flight"]))
        ahead = int(flight["day"]) - numbers["today"]
        if booking["passenger"] != facts["passenger"]:
            return Settled((), "not_passenger")
        if booking["state"] != "active":
            return Settled((), "not_active")
        if booking["fare"] != "flex":
            return Settled((), "basic_fare")
        if ahead < numbers["notice"]:
            return Settled((), "too_late")
        if request.kind == "move":
            return self._settle_move(key, flight)
        paid = int(booking["paid"])
        refund = paid if ahead >= numbers["full"] else paid // 2
        return Settled((Call("cancel", {"booking": key, "refund": refund}),), DONE)

    def _settle_book(self, request: Request) -> Settled:
        facts = request.facts
        route = self._open_flights(facts["origin"], facts["destination"], int(facts["day"]))
        if not route:
            return Settled((), "no_flight")
        key = min(route, key=lambda each: (route[each]["price"], route[each]["day"]))
        extra = self.numbers["flex"] if facts["fare"] == "flex" else 0
        arguments = {"passenger": facts["passenger"], "flight": key, "fare": facts["fare"]}
        price = int(route[key]["price"]) + extra
        return Settled((Call("book", {**arguments, "price": price}),), DONE)

    def _settle_move(self, booking: str, old: Row) -> Settled:
        later = self._open_flights(old["origin"], old["destination"], int(old["day"]) + 1)
        if not later:
            return Settled((), "no_flight")
        key = min(later, key=lambda each: int(later[each]["day"]))
        dearer = max(0, int(later[key]["price"]) - int(old["price"]))
        charge = self.numbers["fee"] + dearer
        return Settled((Call("move", {"booking": booking, "flight": key, "charge": charge}),), DONE)

    def _open_flights(self, origin: object, destination: object, day: int) -> dict[str, Row]:
        """Flights of a route from a day on, today's and earlier ones left out, that have seats."""
        route = self.where("flights", origin=str(origin), destination=str(destination))
        first = max(day, self.numbers["today"] + 1)
        return {
            key: row
            for key, row in route.items()
            if int(row["day"]) >= first and int(row["seats"]) > 0
        }

    def _take_seat(self, flight: str) -> None:
        row = self.row("flights", flight)
        if int(row["seats"]) < 1:
            raise ToolFailure(f"{flight} has no free seat", kind="blocked")
        row["seats"] = int(row["seats"]) - 1

    def _free_seat(self, booking: Row) -> None:
        if booking["state"] != "active":
            raise ToolFailure("the booking is not active", kind="blocked")
        row = self.row("flights", str(booking["flight"]))
        row["seats"] = int(row["seats"]) + 1


def _listing(origin: str, destination: str) -> Call:
    return Call("flights", {"origin": origin, "destination": destination})


def _flight(rng: np.random.Generator) -> Row:
    origin, destination = (str(city) for city in rng.permutation(_CITIES)[:2])
    return {
        "origin": origin,
        "destination": destination,
        "day": int(rng.integers(4, _DAYS)),
        "price": int(rng.integers(60, 300)),
        "seats": int(rng.integers(0, 4)),
    }


def _booking(rng: np.random.Generator, tables: Database, flex: int) -> Row:
    key = pick(rng, list(tables["flights"]))
    fare = "flex" if rng.random() < 0.75 else "basic"
    price = int(tables["flights"][key]["price"]) + (flex if fare == "flex" else 0)
    passenger = pick(rng, _PEOPLE)
    return {"passenger": passenger, "flight": key, "fare": fare, "paid": price, "state": "active"}


def _request(rng: np.random.Generator, tables: Database) -> Request:
    kind = pick(rng, ("book", "cancel", "move"))
    if kind == "book":
        flight = tables["flights"][pick(rng, list(tables["flights"]))]
        passenger, day = pick(rng, _PEOPLE), max(1, int(flight["day"]) - int(rng.integers(0, 9)))
        fare = pick(rng, ("basic", "flex"))
        origin, destination = str(flight["origin"]), str(flight["destination"])
        text = (
            f"{passenger} wants a {fare} ticket from {origin} to {destination}, day {day} or later."
        )
        facts: Row = {"origin": origin, "destination": destination, "day": day, "fare": fare}
        return Request(kind=kind, text=text, facts={**facts, "passenger": passenger})
    key = pick(rng, list(tables["bookings"]))
    own = str(tables["bookings"][key]["passenger"])
    passenger = own if rng.random() < 0.85 else pick(rng, _PEOPLE)
    wish = "cancel booking" if kind == "cancel" else "move to the next flight with booking"
    text = f"{passenger} wants to {wish} {key}."
    return Request(kind=kind, text=text, facts={"booking": key, "passenger": passenger})
