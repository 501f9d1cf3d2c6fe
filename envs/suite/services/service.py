"""Service: what all mini services share: a desk, its database, a written policy and its customers.

The agent serves one request after the other with tools that read and change a database, and closes
each with a code: `done`, or why the policy does not allow it. The tools do what they are told, so
what the policy forbids can be done, and then the database is not as it should be. The reward is 1
if at the end the database and the codes are those that the policy leads to, whatever was said on
the way (the end-state check of tau-bench, arXiv 2406.12045); later requests rest on what earlier
ones changed. Doing nothing closes nothing and scores 0.
"""

from __future__ import annotations

import copy
import hashlib
import json
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict

from forethought.envs.base import Env, Step
from forethought.envs.calls import Action, Json, render_call
from forethought.envs.card import Card
from forethought.envs.scoring import metric, reward
from forethought.envs.task import Split, Task, hidden_of

Value = str | int
Row = dict[str, Value]
Database = dict[str, dict[str, Row]]
"""Rows by table and id."""

DONE = "done"
_STEPS_PER_REQUEST = 8
_HINT = "Nothing was done. Call a tool each turn; finish(code) ends the request."


class Call(NamedTuple):
    """A tool and its arguments."""

    name: str
    arguments: dict[str, Json]


class Settled(NamedTuple):
    """What the policy leads to for a request: what is changed, and the code to close it with."""

    acts: tuple[Call, ...]
    code: str


class Request(BaseModel):
    """What a customer wants; only `text` is shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    text: str
    facts: dict[str, Value]


class Shift(BaseModel):
    """Hidden part of a task: the database as it begins, the policy's numbers, and the requests."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    service: str
    tables: Database
    numbers: dict[str, int]
    requests: tuple[Request, ...]


class Service(Env):
    """Serve the requests of a shift; the horizon is how many there are."""

    service: ClassVar[str]
    """Its name, in ids and tasks."""
    codes: ClassVar[tuple[str, ...]]
    """What a request can be closed with."""
    card: ClassVar[Card] = Card(
        traits=("skills", "strategy"),
        horizon_unit="requests",
        horizons=(1, 256),
        usual_horizons=(2, 3, 5, 8),
        floor=0.0025,
        source="the end-state check of tau-bench (arXiv 2406.12045)",
    )
    instructions = (
        "Serve one request after the other by the policy. Call one tool a turn; finish(code) ends "
        "a request and shows the next."
    )
    state_fields = ("tables", "closed", "reached", "made", "expert")

    def __init__(self, *, horizon: int | None = None, split: Split = "train") -> None:
        super().__init__(horizon=horizon, split=split)
        self.tables: Database = {}
        self.numbers: dict[str, int] = {}
        self.requests: tuple[Request, ...] = ()
        self.closed: list[str] = []
        """Codes of the requests closed so far."""
        self.reached: list[str] = []
        """State after each of them, as a digest."""
        self.wanted: tuple[str, ...] = ()
        """The same for the expert."""
        self.made: list[Call] = []
        """Calls made for the present request."""
        self.expert: tuple[Call, ...] = ()
        """Calls that the expert makes for it, from the state in which it came."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, *, num: int) -> Shift:
        """A shift of `num` requests."""

    @abstractmethod
    def policy(self, n: dict[str, int]) -> str:
        """The policy in words, with the numbers of a shift."""

    @abstractmethod
    def look(self, request: Request) -> tuple[Call, ...]:
        """What has to be read to settle a request."""

    @abstractmethod
    def settle(self, request: Request) -> Settled:
        """What the policy leads to in the present state of the database."""

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """A shift of `horizon` requests."""
        shift = self.draw(rng, num=horizon)
        prompt = f"{self.policy(shift.numbers)}\n\n{told_request(shift.requests, 0)}"
        data = shift.model_dump(mode="json")
        digest = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:12]
        return Task(
            id=f"{self.service}-{digest}",
            prompt=prompt,
            data=data,
            traits=self.card.traits,
            horizon=horizon,
        )

    async def begin(self) -> str:
        """Open the desk. Raises ValueError for a task of something else."""
        shift = self._read_task()
        self.numbers, self.requests = shift.numbers, shift.requests
        self._open(shift)
        for request in self.requests:
            acts, code = self.settle(request)
            for act in acts:
                self.tools[act.name].function(**act.arguments)
            self._record(code)
        self.wanted = tuple(self.reached)
        self._open(shift)
        self._take_next()
        return self.task.prompt

    async def astep(self, action: Action | str) -> Step:
        """As every environment; keeps the calls in mind, which the expert goes by."""
        taken = action
        if isinstance(taken, str):
            taken = Action.of(taken, turn=self.num_steps, parse=self.parse)
        self.made += [Call(call.name, call.arguments) for call in taken.calls]
        return await super().astep(taken)

    async def reply(self, text: str) -> str:
        """Nothing is done by talking."""
        self.info["format_error"] = True
        return _HINT

    def max_steps(self) -> int:
        """Eight turns for each request; the expert needs at most five."""
        return _STEPS_PER_REQUEST * len(self.requests)

    def row(self, table: str, key: str) -> Row:
        """A row of the database. Raises LookupError if there is none of that id."""
        found = self.tables[table].get(key)
        if found is None:
            raise LookupError(f"there is no {key!r:.80} among the {table}")
        return found

    def add(self, table: str, letter: str, row: Row) -> str:
        """Put a row into the database; returns its id, which is the next one free."""
        key = f"{letter}{len(self.tables[table]) + 1}"
        self.tables[table][key] = row
        return key

    def where(self, table: str, **wanted: Value) -> dict[str, Row]:
        """Rows of a table that have these values, by id."""
        return {
            key: row
            for key, row in self.tables[table].items()
            if all(row[name] == value for name, value in wanted.items())
        }

    def close_request(self, code: str) -> str:
        """Close the present request; returns the next one, or that the shift is over."""
        if self.over:
            return "The shift is over."
        self._record(code)
        if len(self.closed) < len(self.requests):
            self._take_next()
            return told_request(self.requests, len(self.closed))
        self.submit(" ".join(self.closed))
        return "That was the last request."

    @reward
    def settled(self) -> float:
        """1 if all are closed, and database and codes are what the policy leads to."""
        is_whole = len(self.closed) == len(self.requests)
        return float(is_whole and self._digest() == self.wanted[-1])

    @metric
    def progress(self) -> float:
        """Share of the requests before the first after which something is not as it should be."""
        good = 0
        for reached, wanted in zip(self.reached, self.wanted, strict=False):
            if reached != wanted:
                break
            good += 1
        return good / len(self.requests)

    @metric
    def closed_share(self) -> float:
        """Share of the requests that were closed, rightly or not."""
        return len(self.closed) / len(self.requests)

    def oracle(self) -> str:
        """Read what matters, then act and close; each request opens with the plan in words."""
        action = render_call(*next(call for call in self.expert if call not in self.made))
        if self.made:
            return action
        reads = ", ".join(call.name for call in self.look(self.requests[len(self.closed)]))
        return (
            f"plan: {reads}, check the policy in its order, act if it allows it, finish\n{action}"
        )

    def floor(self, rng: np.random.Generator) -> str:
        """Close the request with any code."""
        return render_call("finish", {"code": self.codes[int(rng.integers(len(self.codes)))]})

    def _open(self, shift: Shift) -> None:
        self.tables = copy.deepcopy(shift.tables)
        self.closed, self.reached = [], []

    def _take_next(self) -> None:
        request = self.requests[len(self.closed)]
        acts, code = self.settle(request)
        self.made = []
        self.expert = (*self.look(request), *acts, Call("finish", {"code": code}))

    def _record(self, code: str) -> None:
        self.closed.append(code)
        self.reached.append(self._digest())

    def _digest(self) -> str:
        state = json.dumps([self.tables, self.closed], sort_keys=True)
        return hashlib.blake2b(state.encode(), digest_size=8).hexdigest()

    def _read_task(self) -> Shift:
        advice = "shifts are made by make_task"
        shift = hidden_of(self.task, Shift, told="is no shift of a service", advice=advice)
        if shift.service != self.service or not shift.requests:
            raise ValueError(
                f"task {self.task.id!r} has {len(shift.requests)} requests of {shift.service!r}; "
                f"this is {self.service!r} and needs at least one"
            )
        return shift


def told_request(requests: Sequence[Request], index: int) -> str:
    """A request with its place in the shift."""
    return f"Request {index + 1} of {len(requests)}: {requests[index].text}"


def told(key: str, row: Row) -> str:
    """A row in words: `B3: passenger Ana, flight F2`."""
    return f"{key}: {', '.join(f'{name} {value}' for name, value in row.items())}"


def told_all(rows: dict[str, Row]) -> str:
    """Rows in words, one a line."""
    return "\n".join(told(key, row) for key, row in rows.items()) or "none"


def pick(rng: np.random.Generator, items: Sequence[str]) -> str:
    """One of them."""
    return items[int(rng.integers(len(items)))]
