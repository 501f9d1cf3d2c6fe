"""Rows of BFCL's multi-turn files as tasks, the calls of their solutions read and never run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from forethought.envs.datasets.bfcl_world import MODULES, Service
from forethought.envs.datasets.described import Description
from forethought.envs.datasets.rows import located, read_rows, required
from forethought.envs.pythonic import call_at
from forethought.envs.task import Task, hidden_of

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class Said(BaseModel):
    """A message of the user."""

    model_config = _FROZEN

    role: Literal["user"]
    content: str


class Question(BaseModel):
    """A line of a file of tasks."""

    model_config = _FROZEN

    id: str
    question: Annotated[tuple[tuple[Said, ...], ...], Field(min_length=1)]
    initial_config: dict[str, JsonValue]
    path: tuple[str, ...]
    """Functions that its makers had in mind; upstream does not use it."""
    involved_classes: tuple[Service, ...]
    missed_function: dict[int, tuple[str, ...]] = {}
    """Functions that are not offered before a turn."""
    excluded_function: tuple[str, ...] = ()
    """Upstream offers them all the same."""


class Answer(BaseModel):
    """A line of a file of solutions: calls of each turn, in Python."""

    model_config = _FROZEN

    id: str
    ground_truth: tuple[tuple[str, ...], ...]


class Call(BaseModel):
    """A call of a solution."""

    model_config = _FROZEN

    name: str
    arguments: dict[str, JsonValue]


class Script(BaseModel):
    """The hidden part of a task."""

    model_config = _FROZEN

    services: tuple[Service, ...]
    config: dict[str, JsonValue]
    is_long: bool
    turns: tuple[str, ...]
    """What the user says in each; empty where functions are added instead."""
    added: dict[int, tuple[str, ...]]
    """Functions that are offered from a turn on."""
    solution: tuple[tuple[Call, ...], ...]
    """Calls of each turn."""

    @property
    def held_back(self) -> frozenset[str]:
        """Functions that are not offered at first."""
        return frozenset(name for names in self.added.values() for name in names)


def read_tasks(file: Path) -> Iterator[Task]:
    """The tasks of a file, with the solutions and descriptions from the folders beside it.

    Raises ValueError naming the row that is broken, FileNotFoundError.
    """
    folder = file.parent
    answers = read_rows(required(folder / "possible_answer" / file.name), Answer)
    for where, question in read_rows(file, Question):
        answer_where, answer = next(answers, ("", None))
        if answer is None or answer.id != question.id:
            raise ValueError(f"{where}: {answer_where or 'no row'} is not its solution")
        with located(where):
            script = _script(question, answer, functions(folder, question.involved_classes))
        yield Task(
            id=question.id,
            prompt=script.turns[0],
            data=script.model_dump(mode="json"),
            traits=("skills", "strategy"),
            horizon=max(1, sum(map(len, script.solution))),
            split="eval",
        )


def script_of(task: Task) -> Script:
    """The hidden part of a task of `read_tasks`. Raises ValueError for any other task."""
    return hidden_of(task, Script, told="is none of BFCL's")


@cache
def functions(
    folder: Path, services: tuple[Service, ...]
) -> Mapping[str, tuple[Service, Description]]:
    """What can be called in a task, by name; of two services with a function the last has it."""
    return {
        each.name: (service, each) for service in services for each in described_by(folder, service)
    }


@cache
def described_by(folder: Path, service: Service) -> tuple[Description, ...]:
    """The functions of a service. Raises ValueError and FileNotFoundError."""
    file = required(folder / "multi_turn_func_doc" / f"{MODULES[service]}.json")
    return tuple(row for _, row in read_rows(file, Description))


def _script(
    question: Question, answer: Answer, known: Mapping[str, tuple[Service, Description]]
) -> Script:
    turns = tuple("\n".join(said.content for said in turn) for turn in question.question)
    if len(answer.ground_truth) != len(turns):
        raise ValueError(f"{len(turns)} turns, but {len(answer.ground_truth)} in its solution")
    for turn, text in enumerate(turns):
        if (turn in question.missed_function) == bool(text):
            raise ValueError(f"turn {turn}: the user speaks, or functions are added; one of both")
    for name in (each for names in question.missed_function.values() for each in names):
        if name not in known:
            raise ValueError(f"missed_function: there is no function {name!r}")
    solution = tuple(tuple(_call(text, known) for text in calls) for calls in answer.ground_truth)
    return Script(
        services=question.involved_classes,
        config=question.initial_config,
        is_long="long_context" in question.id,
        turns=turns,
        added=_added(question, solution),
        solution=solution,
    )


def _added(
    question: Question, solution: tuple[tuple[Call, ...], ...]
) -> dict[int, tuple[str, ...]]:
    """Functions that are held back until a turn; what the solution needs before is not.

    multi_turn_miss_func_49 holds `tail` back until turn 3 and needs it in turn 1: upstream, which
    runs what was never offered, does not notice.
    """
    return {
        turn: tuple(
            name
            for name in names
            if all(call.name != name for calls in solution[:turn] for call in calls)
        )
        for turn, names in question.missed_function.items()
    }


def _call(text: str, known: Mapping[str, tuple[Service, Description]]) -> Call:
    """A call in Python, whose arguments are given their names if they have none."""
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"solution: {text[:80]!r} is no call") from None
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise ValueError(f"solution: {text[:80]!r} is no call")
    if node.func.id not in known:
        raise ValueError(f"solution: there is no function {node.func.id!r}")
    names = list(known[node.func.id][1].parameters.properties)
    if len(node.args) > len(names):
        raise ValueError(f"solution: {text[:80]!r} has too many arguments")
    named = [ast.keyword(arg=names[at], value=value) for at, value in enumerate(node.args)]
    node.keywords, node.args = [*named, *node.keywords], []
    found = call_at(ast.unparse(node))
    if found is None or found.error is not None:
        reason = found.error if found is not None else "no call"
        raise ValueError(f"solution: {text[:80]!r}: {reason}")
    return Call.model_validate(found.value)
