"""Lending: the desk of a small library: lend, take back, renew and take payments.

It trains skills (stateful tools, counting what is free, days and fines) and strategy: a book lent
to one reader is missing for the next, and a hold that is placed now binds later requests.
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

Code = Literal[
    "done",
    "held",
    "fines_due",
    "has_it",
    "loan_limit",
    "no_loan",
    "overdue",
    "on_hold",
    "too_much",
]

_TITLES = (
    *("The Salt Road", "Night Ferry", "A Winter Ledger", "The Glass Orchard", "Field Notes"),
    *("Low Tide", "The Last Signal", "Maps of Rain", "The Copper Beech", "Small Hours"),
)


class Lending(Service):
    """Lend, renew and take back books by a library's policy."""

    service = "lending"
    codes = get_args(Code)

    def policy(self, n: dict[str, int]) -> str:
        """The desk's rules."""
        return f"""You are the lending desk of a library. Today is day {n["today"]}.
Borrow, in this order: nothing goes to a member with fines above {n["fines"]} (fines_due), who \
has the book on loan already (has_it), or who has {n["loans"]} open loans (loan_limit). A copy \
is free if fewer copies than the book has are lent or held for other members. If one is free, \
lend it until {n["days"]} days from today. Otherwise place a hold, unless the member has one \
waiting for the book, and finish with held.
Return: take the loan back; the fine is {n["rate"]} for each day past its due day. If the member \
has no open loan of the book: no_loan.
Renew, in this order: there must be an open loan (else no_loan), not past its due day (else \
overdue), and no hold on the book by another member (else on_hold). The new due day is \
{n["more"]} days after the old one.
Pay: take the amount off the member's fines; it must not be more than they are (too_much).
Finish with done, or with the first reason that applies; then change nothing."""

    def draw(self, rng: np.random.Generator, *, num: int) -> Shift:
        """Members and books that grow with the number of requests, and loans between them."""
        numbers = {
            "today": int(rng.integers(40, 60)),
            "fines": int(rng.integers(4, 9)),
            "loans": int(rng.integers(2, 4)),
            "days": int(rng.integers(14, 29)),
            "more": int(rng.integers(7, 15)),
            "rate": int(rng.integers(1, 4)),
        }
        size = 5 + num // 4
        tables: Database = {"members": {}, "books": {}, "loans": {}, "holds": {}}
        for number in range(1, size + 1):
            fines = int(rng.integers(1, 15)) if rng.random() < 0.4 else 0
            tables["members"][f"M{number}"] = {"fines": fines}
            title = _TITLES[(number - 1) % len(_TITLES)]
            volume = (number - 1) // len(_TITLES) + 1
            name = title if volume == 1 else f"{title}, volume {volume}"
            tables["books"][f"K{number}"] = {"title": name, "copies": int(rng.integers(1, 3))}
        for _ in range(size):
            _lend_one(rng, tables, numbers["today"])
        requests = tuple(_request(rng, tables) for _ in range(num))
        return Shift(service=self.service, tables=tables, numbers=numbers, requests=requests)

    @tool(resource="desk")
    def member(self, member: str) -> str:
        """show a member's fines, open loans and holds"""
        fines = told(member, self.row("members", member))
        loans = told_all(self.where("loans", member=member, state="open"))
        holds = told_all(self.where("holds", member=member, state="waiting"))
        return f"{fines}\nloans: {loans}\nholds: {holds}"

    @tool(resource="desk")
    def book(self, title: str) -> str:
        """show a book by its title, with its open loans and waiting holds"""
        key = self._book(title)
        loans = told_all(self.where("loans", book=key, state="open"))
        holds = told_all(self.where("holds", book=key, state="waiting"))
        return f"{told(key, self.row('books', key))}\nloans: {loans}\nholds: {holds}"

    @tool(resource="desk")
    def lend(self, member: str, book: str, due: int) -> str:
        """lend a copy of a book (by its id) until a day; a hold of the member's on it is used up"""
        self.row("members", member)
        copies = int(self.row("books", book)["copies"])
        if len(self.where("loans", book=book, state="open")) >= copies:
            raise ToolFailure(f"all copies of {book} are lent", kind="blocked")
        for hold in self.where("holds", member=member, book=book, state="waiting").values():
            hold["state"] = "used"
        row: Row = {"member": member, "book": book, "due": due, "state": "open"}
        return f"lent as {self.add('loans', 'L', row)}"

    @tool(resource="desk")
    def take_back(self, loan: str, fine: int) -> str:
        """end a loan and add a fine (0 for none) to the member's fines"""
        row = self._open_loan(loan)
        member = self.row("members", str(row["member"]))
        member["fines"] = int(member["fines"]) + fine
        row["state"] = "returned"
        return told(loan, row)

    @tool(resource="desk")
    def renew(self, loan: str, due: int) -> str:
        """set the due day of an open loan"""
        row = self._open_loan(loan)
        row["due"] = due
        return told(loan, row)

    @tool(resource="desk")
    def hold(self, member: str, book: str) -> str:
        """place a hold for a member on a book (by its id)"""
        self.row("members", member)
        self.row("books", book)
        row: Row = {"member": member, "book": book, "state": "waiting"}
        return f"held as {self.add('holds', 'H', row)}"

    @tool(resource="desk")
    def pay(self, member: str, amount: int) -> str:
        """take an amount off a member's fines"""
        row = self.row("members", member)
        row["fines"] = int(row["fines"]) - amount
        return told(member, row)

    @tool(resource="desk")
    def finish(self, code: Code) -> str:
        """end the present request"""
        return self.close_request(code)

    def look(self, request: Request) -> tuple[Call, ...]:
        """The member, and the book where one is named."""
        member = Call("member", {"member": request.facts["member"]})
        if request.kind == "pay":
            return (member,)
        return (member, Call("book", {"title": request.facts["title"]}))

    def settle(self, request: Request) -> Settled:
        """By the policy above."""
        member = str(request.facts["member"])
        if request.kind == "pay":
            amount = int(request.facts["amount"])
            if amount > int(self.row("members", member)["fines"]):
                return Settled((), "too_much")
            return Settled((Call("pay", {"member": member, "amount": amount}),), DONE)
        book = self._book(str(request.facts["title"]))
        if request.kind == "borrow":
            return self._settle_borrow(member, book)
        loans = self.where("loans", member=member, book=book, state="open")
        if not loans:
            return Settled((), "no_loan")
        loan, row = next(iter(loans.items()))
        late = self.numbers["today"] - int(row["due"])
        if request.kind == "return":
            fine = max(0, late) * self.numbers["rate"]
            return Settled((Call("take_back", {"loan": loan, "fine": fine}),), DONE)
        if late > 0:
            return Settled((), "overdue")
        if self._held_by_others(member, book):
            return Settled((), "on_hold")
        due = int(row["due"]) + self.numbers["more"]
        return Settled((Call("renew", {"loan": loan, "due": due}),), DONE)

    def _settle_borrow(self, member: str, book: str) -> Settled:
        if int(self.row("members", member)["fines"]) > self.numbers["fines"]:
            return Settled((), "fines_due")
        loans = self.where("loans", member=member, state="open").values()
        if any(loan["book"] == book for loan in loans):
            return Settled((), "has_it")
        if len(loans) >= self.numbers["loans"]:
            return Settled((), "loan_limit")
        lent = len(self.where("loans", book=book, state="open"))
        if lent + self._held_by_others(member, book) >= int(self.row("books", book)["copies"]):
            has_hold = self.where("holds", member=member, book=book, state="waiting")
            hold = Call("hold", {"member": member, "book": book})
            return Settled(() if has_hold else (hold,), "held")
        due = self.numbers["today"] + self.numbers["days"]
        return Settled((Call("lend", {"member": member, "book": book, "due": due}),), DONE)

    def _held_by_others(self, member: str, book: str) -> int:
        holds = self.where("holds", book=book, state="waiting").values()
        return sum(hold["member"] != member for hold in holds)

    def _book(self, title: str) -> str:
        """Id of a title. Raises LookupError if there is no such book."""
        found = self.where("books", title=title)
        if not found:
            raise LookupError(f"there is no book {title!r:.80}")
        return next(iter(found))

    def _open_loan(self, loan: str) -> Row:
        row = self.row("loans", loan)
        if row["state"] != "open":
            raise ToolFailure(f"{loan} is not open", kind="blocked")
        return row


def _lend_one(rng: np.random.Generator, tables: Database, today: int) -> None:
    """An open loan of a book that has a copy left, if the one drawn has."""
    book, member = pick(rng, list(tables["books"])), pick(rng, list(tables["members"]))
    loans = tables["loans"]
    of_book = [row for row in loans.values() if row["book"] == book]
    has_it = any(row["member"] == member for row in of_book)
    if len(of_book) < int(tables["books"][book]["copies"]) and not has_it:
        due = today + int(rng.integers(-8, 20))
        loans[f"L{len(loans) + 1}"] = {"member": member, "book": book, "due": due, "state": "open"}


def _request(rng: np.random.Generator, tables: Database) -> Request:
    kind = pick(rng, ("borrow", "borrow", "return", "renew", "pay"))
    member = pick(rng, list(tables["members"]))
    if kind == "pay":
        amount = int(rng.integers(1, 10))
        text = f"{member} wants to pay {amount} of the fines."
        return Request(kind=kind, text=text, facts={"member": member, "amount": amount})
    book = pick(rng, list(tables["books"]))
    loans = list(tables["loans"].values())
    if kind != "borrow" and loans and rng.random() < 0.85:
        loan = loans[int(rng.integers(len(loans)))]
        member, book = str(loan["member"]), str(loan["book"])
    title = str(tables["books"][book]["title"])
    text = f"{member} wants to {kind} '{title}'."
    return Request(kind=kind, text=text, facts={"member": member, "title": title})
