"""Expenses: the desk that pays what employees have laid out, as far as rules and budgets allow.

It trains skills (stateful tools, rules with numbers) and strategy: every payment takes from a
department's budget, so what can be paid late depends on what was paid early.
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
)
from forethought.envs.tools import ToolFailure, tool

Code = Literal["done", "not_owner", "not_open", "no_receipt", "over_budget", "not_manager"]

_CATEGORIES = ("meals", "travel", "books")
_DEPARTMENTS = ("design", "field", "legal", "press", "yards")


class Expenses(Service):
    """Pay and refuse claims by a company's policy, while its budgets last."""

    service = "expenses"
    codes = get_args(Code)

    def policy(self, n: dict[str, int]) -> str:
        """The desk's rules."""
        return f"""You are the expenses desk of a company.
Pay a claim, in this order: it must be the employee's own (else not_owner) and open (else \
not_open); above {n["receipt"]} it needs a receipt (else no_receipt). Pay the amount claimed, at \
most {n["meals"]} for meals, {n["travel"]} for travel and {n["books"]} for books. What is paid \
comes out of the budget of the employee's department, which must have as much (else \
over_budget).
Withdraw a claim, in this order: the employee's own (else not_owner), open (else not_open).
Move budget from one department to another: only for a manager of the department that gives \
(else not_manager), and {n["reserve"]} or more must remain there (else over_budget).
Finish with done, or with the first reason that applies; then change nothing."""

    def draw(self, rng: np.random.Generator, *, num: int) -> Shift:
        """Employees and claims that grow with the number of requests."""
        numbers = {
            "receipt": int(rng.integers(15, 40)),
            "meals": int(rng.integers(30, 60)),
            "travel": int(rng.integers(150, 300)),
            "books": int(rng.integers(60, 120)),
            "reserve": int(rng.integers(50, 150)),
        }
        tables: Database = {"employees": {}, "departments": {}, "claims": {}}
        for name in _DEPARTMENTS:
            budget = int(rng.integers(60, 300)) + 2 * num
            tables["departments"][name] = {"budget": budget}
        for number in range(1, 7 + num // 4):
            role = "manager" if rng.random() < 0.4 else "staff"
            tables["employees"][f"E{number}"] = {
                "department": pick(rng, _DEPARTMENTS),
                "role": role,
            }
        for number in range(1, 5 + num):
            tables["claims"][f"C{number}"] = _claim(rng, tables)
        requests = tuple(_request(rng, tables) for _ in range(num))
        return Shift(service=self.service, tables=tables, numbers=numbers, requests=requests)

    @tool(resource="desk")
    def employee(self, employee: str) -> str:
        """show an employee's department and role"""
        return told(employee, self.row("employees", employee))

    @tool(resource="desk")
    def claim(self, claim: str) -> str:
        """show a claim"""
        return told(claim, self.row("claims", claim))

    @tool(resource="desk")
    def department(self, department: str) -> str:
        """show what is left of a department's budget"""
        return told(department, self.row("departments", department))

    @tool(resource="desk")
    def pay(self, claim: str, amount: int) -> str:
        """pay an amount for a claim, out of the budget of its employee's department"""
        row = self._open_claim(claim)
        owner = self.row("employees", str(row["employee"]))
        department = self.row("departments", str(owner["department"]))
        if amount > int(department["budget"]):
            raise ToolFailure(f"{owner['department']} has not so much left", kind="blocked")
        department["budget"] = int(department["budget"]) - amount
        row.update(state="paid", paid=amount)
        return told(claim, row)

    @tool(resource="desk")
    def withdraw(self, claim: str) -> str:
        """take a claim back"""
        row = self._open_claim(claim)
        row["state"] = "withdrawn"
        return told(claim, row)

    @tool(resource="desk")
    def transfer(self, giver: str, receiver: str, amount: int) -> str:
        """move budget from one department to another"""
        source, target = self.row("departments", giver), self.row("departments", receiver)
        source["budget"] = int(source["budget"]) - amount
        target["budget"] = int(target["budget"]) + amount
        return f"{told(giver, source)}\n{told(receiver, target)}"

    @tool(resource="desk")
    def finish(self, code: Code) -> str:
        """end the present request"""
        return self.close_request(code)

    def look(self, request: Request) -> tuple[Call, ...]:
        """Who asks, and what it is about."""
        facts = request.facts
        employee = Call("employee", {"employee": facts["employee"]})
        if request.kind == "transfer":
            return (employee, Call("department", {"department": facts["giver"]}))
        claim = Call("claim", {"claim": facts["claim"]})
        if request.kind == "withdraw":
            return (claim,)
        department = self.row("employees", str(facts["employee"]))["department"]
        return (claim, employee, Call("department", {"department": department}))

    def settle(self, request: Request) -> Settled:
        """By the policy above."""
        if request.kind == "transfer":
            return self._settle_transfer(request.facts)
        key = str(request.facts["claim"])
        claim = self.row("claims", key)
        if claim["employee"] != request.facts["employee"]:
            return Settled((), "not_owner")
        if claim["state"] != "open":
            return Settled((), "not_open")
        if request.kind == "withdraw":
            return Settled((Call("withdraw", {"claim": key}),), DONE)
        amount = int(claim["amount"])
        if amount > self.numbers["receipt"] and claim["receipt"] == "no":
            return Settled((), "no_receipt")
        paid = min(amount, self.numbers[str(claim["category"])])
        owner = self.row("employees", str(claim["employee"]))
        if paid > int(self.row("departments", str(owner["department"]))["budget"]):
            return Settled((), "over_budget")
        return Settled((Call("pay", {"claim": key, "amount": paid}),), DONE)

    def _settle_transfer(self, facts: Row) -> Settled:
        employee = self.row("employees", str(facts["employee"]))
        if (employee["role"], employee["department"]) != ("manager", facts["giver"]):
            return Settled((), "not_manager")
        left = int(self.row("departments", str(facts["giver"]))["budget"]) - int(facts["amount"])
        if left < self.numbers["reserve"]:
            return Settled((), "over_budget")
        names = ("giver", "receiver", "amount")
        return Settled((Call("transfer", {name: facts[name] for name in names}),), DONE)

    def _open_claim(self, claim: str) -> Row:
        row = self.row("claims", claim)
        if row["state"] != "open":
            raise ToolFailure(f"{claim} is {row['state']}", kind="blocked")
        return row


def _claim(rng: np.random.Generator, tables: Database) -> Row:
    category = pick(rng, _CATEGORIES)
    most = {"meals": 80, "travel": 350, "books": 150}[category]
    return {
        "employee": pick(rng, list(tables["employees"])),
        "category": category,
        "amount": int(rng.integers(5, most)),
        "receipt": "yes" if rng.random() < 0.75 else "no",
        "state": "open" if rng.random() < 0.9 else "paid",
        "paid": 0,
    }


def _request(rng: np.random.Generator, tables: Database) -> Request:
    kind = pick(rng, ("pay", "pay", "withdraw", "transfer"))
    employee = pick(rng, list(tables["employees"]))
    if kind == "transfer":
        row = tables["employees"][employee]
        own = str(row["department"]) if rng.random() < 0.8 else pick(rng, _DEPARTMENTS)
        receiver = pick(rng, [name for name in _DEPARTMENTS if name != own])
        amount = int(rng.integers(20, 150))
        text = f"{employee} wants {amount} of the budget of {own} moved to {receiver}."
        facts: Row = {"employee": employee, "giver": own, "receiver": receiver, "amount": amount}
        return Request(kind=kind, text=text, facts=facts)
    claim = pick(rng, list(tables["claims"]))
    if rng.random() < 0.85:
        employee = str(tables["claims"][claim]["employee"])
    wish = "wants claim {} paid" if kind == "pay" else "wants to withdraw claim {}"
    text = f"{employee} {wish.format(claim)}."
    return Request(kind=kind, text=text, facts={"employee": employee, "claim": claim})
