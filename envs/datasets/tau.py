"""tau-bench retail: serve a customer within a policy; what the shop's tables say in the end counts.

After Yao et al., arXiv 2406.12045 (github.com/sierra-research/tau-bench, MIT). Trains skills (typed
calls on a service that keeps state) and strategy: most changes cannot be taken back. The horizon is
the number of changes that the task's own actions make. The reward is upstream's: the tables equal
those that the task's own actions leave, and the agent has said the outputs that the task asks for.
Beside it stand the share of changed records that are right and what an agent that does nothing
would score. Without an end (`max_steps`) an episode is worth nothing, as upstream has it.

Data: JSON Lines of `id, user_id, instruction, gold_actions, required_outputs` and, to be checked,
`expected_db_changes`; beside it `retail_db.json` (or .gz; orders, products and users in one),
`retail_policy.md` (upstream's wiki) and `retail_tools.json` (what its tools say of themselves).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import JsonValue

from forethought.envs.calls import Json, render_call
from forethought.envs.card import Card
from forethought.envs.datasets.dataset import Dataset
from forethought.envs.datasets.described import described
from forethought.envs.datasets.rows import located, read_rows, read_text
from forethought.envs.datasets.tau_rows import (
    Action,
    Records,
    Row,
    Script,
    ToolEntry,
    end_state,
    script_of,
    task_of,
)
from forethought.envs.datasets.tau_shop import TRANSFER, Shop
from forethought.envs.datasets.tau_store import Store
from forethought.envs.datasets.tau_tables import Tables, read_tables
from forethought.envs.datasets.tau_user import GO_ON, GREETING, STOP, Customer, user_prompt
from forethought.envs.lines import without_plan
from forethought.envs.scoring import metric, reward
from forethought.envs.task import Split, Task
from forethought.envs.tools import Tool

DATABASE, POLICY, TOOLS = "retail_db.json", "retail_policy.md", "retail_tools.json"
SCRIPTED = "scripted"
MAX_STEPS = 30
"""Upstream's default (`max_num_steps` in its agents)."""
_GOODBYE = "Thank you, that is all. Goodbye."


class TauRetail(Dataset):
    """Customer service in a shop, with a customer who is told what to want.

    `user` is "scripted" (`tau_user` says how; the same words get the same answer, at no cost) or
    the name of a mind that plays the customer; `forethought eval --mind NAME=MODEL` gives one, and
    its tokens count as the agent's. Scores with different customers are not comparable.
    """

    card: ClassVar[Card] = Card(
        traits=("skills", "strategy"),
        horizon_unit="changes to the database",
        horizons=(1, 16),
        floor=0.006,
        licence="MIT (Sierra)",
    )
    folder = "tau_bench"
    files: Mapping[Split, str] = {"train": "retail_train.jsonl", "eval": "retail_dev.jsonl"}
    origin = "https://github.com/sierra-research/tau-bench (its tasks as JSON Lines)"
    state_fields = ("store", "log")
    store: Store
    script: Script

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        path: str | None = None,
        whole: bool = False,
        user: str = SCRIPTED,
    ) -> None:
        super().__init__(horizon=horizon, split=split, path=path, whole=whole)
        if not user:
            raise ValueError(f"user is {SCRIPTED!r} or the name of a mind, not ''")
        self.user = user
        self.customer = Customer(identity=(), requests=())
        self.goal: Records = {}
        """Changed records after the task's own actions."""
        self.log: list[tuple[str, str]] = []
        """What the "user" and the "agent" said and which "tool" calls were made, in order."""

    @classmethod
    def load(cls, file: Path) -> Iterable[Task]:
        """Tasks whose actions lead where their row says. Raises ValueError and DataMissing."""
        tables = read_tables(cls.require(file.with_name(DATABASE)))
        for where, row in read_rows(file, Row):
            with located(where):
                yield task_of(row, tables)

    async def begin(self) -> str:
        """Open the shop as it was; returns what the customer says first.

        Raises ValueError for a task that is none of tau-bench, and if no mind can play the user.
        """
        if self.user != SCRIPTED and self.context.minds is None:
            raise ValueError(f"user={self.user!r} is a mind, and there are none; see --mind")
        self.script = script_of(self.task)
        self.customer = Customer.of(self.script.instruction)
        tables = read_tables(self.beside(DATABASE))
        self.store = Store(tables=tables)
        self.goal = end_state(tables, self.script.actions)
        self.instructions = read_policy(self.beside(POLICY))
        tools = catalogue(self.beside(TOOLS), tables)
        own = {each.name: replace(each, function=partial(self._call, each.name)) for each in tools}
        self.tools = {**self.tools, **own}
        opening = self.task.prompt if self.user == SCRIPTED else GREETING
        self.log = [("user", opening)]
        return opening

    def max_steps(self) -> int:
        """As many as upstream allows."""
        return MAX_STEPS

    async def reply(self, text: str) -> str:
        """Say it to the customer, plans left out; they answer or hang up."""
        said = without_plan(text)
        last, words = self.log[-1]
        self.log.append(("agent", said))
        if self.user == SCRIPTED:
            answer = self.customer.answer(said, has_acted=last == "tool", was_urged=words == GO_ON)
        else:
            answer = await self._ask_mind()
        self.log.append(("user", STOP if answer is None else answer))
        if answer is not None:
            return answer
        self.over = True
        return _GOODBYE

    async def _ask_mind(self) -> str | None:
        minds = self.context.minds
        assert minds is not None
        prompt = user_prompt(self.script.instruction, self.log)
        (answer,) = await minds.ask(
            [prompt], n=1, reduce="first", context=self.context, mind=self.user
        )
        return None if STOP in answer else answer.strip()

    def _call(self, tool_name: str, /, **arguments: JsonValue) -> str:
        self.log.append(("tool", _written(tool_name, arguments)))
        self.over = self.over or tool_name == TRANSFER
        return Shop(self.store).tools[tool_name](**arguments)

    @reward
    def resolved(self) -> float:
        """1 if they hung up, the tables are as they should be and all outputs are said."""
        return float(self.over and self.store.changes() == self.goal and self._has_said_all())

    @metric
    def doing_nothing(self) -> float:
        """What the reward is for an agent that does and says nothing, as upstream scores it."""
        return float(not self.goal and not self.script.outputs)

    @metric
    def records_right(self) -> float:
        """Share of the records that were or should be changed that are as they should be."""
        changed = self.store.changes()
        touched = changed.keys() | self.goal.keys()
        right = sum(changed.get(key) == self.goal.get(key) for key in touched)
        return right / len(touched) if touched else 1.0

    def oracle(self) -> str:
        """The first step of service by the book that is not taken yet; it opens with the plan."""
        steps, done = list(self._by_the_book()), set(self.log)
        kind, text = next((step for step in steps if step not in done), steps[-1])
        action = text if kind == "agent" else f"<tool_call>{text}</tool_call>"
        if self.num_steps:
            return action
        plan = "; ".join(("find the customer", *map(_words, self.script.actions)))
        return f"plan: {plan}\n{action}"

    def floor(self, rng: np.random.Generator) -> str:
        """Look up or cancel a random order, or say something."""
        orders = list(self.store.tables.orders)
        order_id: Json = orders[int(rng.integers(len(orders)))]
        return (
            "Can I help you?",
            render_call("get_order_details", {"order_id": order_id}),
            render_call(
                "cancel_pending_order", {"order_id": order_id, "reason": "ordered by mistake"}
            ),
        )[int(rng.integers(3))]

    def _by_the_book(self) -> Iterator[tuple[str, str]]:
        """What the policy asks for: identify, look, have each change confirmed, make it, tell."""
        yield "agent", "Could you tell me your email, or your name and zip code?"
        yield "tool", self._lookup()
        actions = self.script.actions
        ids = [each.arguments["order_id"] for each in actions if "order_id" in each.arguments]
        for order_id in dict.fromkeys(map(str, ids)):
            yield "tool", _written("get_order_details", {"order_id": order_id})
        for action in actions:
            yield "agent", f"I am about to {_words(action)}. Do you confirm (yes/no)?"
            yield "tool", _written(action.name, action.arguments)
        outputs = "".join(f" {output}." for output in self.script.outputs)
        yield "agent", f"All of that is done.{outputs} Is there anything else?"

    def _lookup(self) -> str:
        user = self.store.tables.users[self.script.user_id]
        known = " ".join(self.customer.identity).lower()
        if user["email"].lower() in known:
            return _written("find_user_id_by_email", {"email": user["email"]})
        name, zip_code = user["name"], user["address"]["zip"]
        return _written(
            "find_user_id_by_name_zip",
            {"first_name": name["first_name"], "last_name": name["last_name"], "zip": zip_code},
        )

    def _has_said_all(self) -> bool:
        said = [text.lower().replace(",", "") for who, text in self.log if who == "agent"]
        return all(any(output.lower() in text for text in said) for output in self.script.outputs)


@cache
def read_policy(file: Path) -> str:
    """The rules that the agent works by."""
    return read_text(file, max_bytes=1 << 20).strip()


@cache
def catalogue(file: Path, tables: Tables) -> tuple[Tool, ...]:
    """The shop's tools in the published words. Raises ValueError if the file tells of others."""
    tools = Shop(Store(tables=tables)).tools
    entries = {entry.function.name: entry.function for _, entry in read_rows(file, ToolEntry)}
    if entries.keys() != tools.keys():
        strange = min(entries.keys() ^ tools.keys())
        raise ValueError(f"{file}: it and the shop do not both have the tool {strange!r}")
    try:
        return tuple(
            described(entry, tools[name], is_typed=True, resource="shop")
            for name, entry in entries.items()
        )
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def _written(name: str, arguments: Mapping[str, JsonValue]) -> str:
    call = {"name": name, "arguments": dict(sorted(arguments.items()))}
    return json.dumps(call, ensure_ascii=False)


def _words(action: Action) -> str:
    """An action in words: `cancel pending order (order id #W1, reason no longer needed)`."""
    told = []
    for name, value in action.arguments.items():
        values = value if isinstance(value, list) else [value]
        told.append(f"{name.replace('_', ' ')} {' and '.join(map(str, values))}")
    return f"{action.name.replace('_', ' ')} ({', '.join(told)})"
