"""Rows of tau-bench files as tasks, their own actions tried on the tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from forethought.envs.datasets.described import Description
from forethought.envs.datasets.tau_shop import Shop
from forethought.envs.datasets.tau_store import Store
from forethought.envs.datasets.tau_tables import Tables
from forethought.envs.datasets.tau_user import Customer
from forethought.envs.first_error import first_error
from forethought.envs.task import Task, hidden_of
from forethought.envs.tools import as_tool

Records = Mapping[str, Mapping[str, object]]
"""Changed records by table and id: `orders/#W1`."""


class Action(BaseModel):
    """A call that solves a part of a task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    arguments: dict[str, JsonValue]


class Change(BaseModel):
    """A field that the actions set, `path` being its table, its record and the way into it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Annotated[tuple[str, ...], Field(min_length=3)]
    op: Literal["set", "add"]
    value: JsonValue


class Row(BaseModel):
    """A line of a file of tasks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    user_id: str
    instruction: Annotated[str, Field(min_length=1)]
    gold_actions: tuple[Action, ...]
    required_outputs: tuple[str, ...]
    expected_db_changes: tuple[Change, ...] | None = None
    """What the actions lead to, where the file says it: then they are checked."""


class Script(BaseModel):
    """The hidden part of a task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user_id: str
    instruction: str
    actions: tuple[Action, ...]
    outputs: tuple[str, ...]
    """What the agent has to say, in the case and with the commas of its choice."""


class ToolEntry(BaseModel):
    """An item of the file of tools."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["function"]
    function: Description


def task_of(row: Row, tables: Tables) -> Task:
    """A row as a task; actions that the shop refuses are left out, since they change nothing.

    Raises ValueError if the actions do not lead where the row says.
    """
    if row.user_id not in tables.users:
        raise ValueError(f"user_id: there is no user {row.user_id!r}")
    store = Store(tables=tables)
    actions = [action for action in row.gold_actions if _is_done(action, store)]
    if row.expected_db_changes is not None:
        expected = _expected(row.expected_db_changes, tables)
        if store.changes() != expected:
            wrong = ", ".join({**expected, **store.changes()})
            raise ValueError(f"gold_actions do not lead to expected_db_changes ({wrong})")
    return Task(
        id=row.id,
        prompt=Customer.of(row.instruction).opening,
        data=Script(
            user_id=row.user_id,
            instruction=row.instruction,
            actions=tuple(actions),
            outputs=row.required_outputs,
        ).model_dump(mode="json"),
        traits=("skills", "strategy"),
        horizon=max(1, len(actions)),
    )


def script_of(task: Task) -> Script:
    """The hidden part of a task of `task_of`. Raises ValueError for any other task."""
    return hidden_of(task, Script, told="is none of tau-bench")


def end_state(tables: Tables, actions: Iterable[Action]) -> Records:
    """The records that the actions change, as they are then."""
    store = Store(tables=tables)
    for action in actions:
        _is_done(action, store)
    return store.changes()


def _is_done(action: Action, store: Store) -> bool:
    """Carry an action out; False if the shop refuses."""
    function = Shop(store).tools.get(action.name)
    if function is None:
        raise ValueError(f"gold_actions: there is no tool {action.name!r}")
    try:
        arguments = as_tool(function).arguments.model_validate(action.arguments)
    except ValidationError as error:
        raise ValueError(f"gold_actions: {action.name}: {first_error(error)}") from None
    try:
        function(**vars(arguments))
    except (LookupError, ValueError):
        return False
    return True


def _expected(changes: Iterable[Change], tables: Tables) -> Records:
    found: dict[str, dict[str, JsonValue]] = {}
    for change in changes:
        table, key, *way = change.path
        record = found.setdefault(f"{table}/{key}", _record(table, key, tables))
        for step in way[:-1]:
            inner = record.get(step)
            if not isinstance(inner, dict):
                raise ValueError(f"expected_db_changes: nothing is at {'/'.join(change.path)}")
            record = inner
        record[way[-1]] = change.value
    return found


def _record(table: str, key: str, tables: Tables) -> dict[str, JsonValue]:
    """A copy of a record."""
    kept: dict[str, Mapping[str, object]] = {"orders": tables.orders, "users": tables.users}
    if key not in kept.get(table, {}):
        raise ValueError(f"expected_db_changes: there is no {table}/{key}")
    copied: dict[str, JsonValue] = json.loads(json.dumps(kept[table][key]))
    return copied
