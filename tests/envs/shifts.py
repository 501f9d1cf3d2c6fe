"""Small shifts made by hand, and how they are worked through."""

from __future__ import annotations

from typing import Any

from forethought.envs import Task
from forethought.envs.calls import Json, render_call
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
