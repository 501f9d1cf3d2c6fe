"""Task: what to solve, together with what only the checker may see."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from forethought.envs.first_error import first_error

Trait = Literal["skills", "calibration", "strategy", "abstraction"]
Split = Literal["train", "eval"]
Hidden = TypeVar("Hidden", bound=BaseModel)


class Task(BaseModel):
    """One instance of an environment; a line of a task file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    prompt: str
    """What the agent reads first."""
    answer: JsonValue = None
    """Hidden: the expected answer, where there is one."""
    data: dict[str, JsonValue] = Field(default_factory=dict)
    """Hidden: whatever else the environment needs to set itself up and to check."""
    traits: tuple[Trait, ...] = ()
    horizon: int = Field(default=1, ge=1)
    """Dependent steps that the shortest solution needs."""
    difficulty: float | None = None
    human_minutes: float | None = None
    split: Split = "train"
    seed: int | None = None


def split_of(task: Task) -> Split:
    """The split a task belongs to by its content: one in five is for evaluation.

    The hash covers what the agent sees and what is checked, not id or seed, so two seeds that give
    the same instance land in the same split and the splits are disjoint by construction.
    """
    content = json.dumps([task.prompt, task.answer, task.data], sort_keys=True)
    return "eval" if hashlib.sha256(content.encode()).digest()[0] % 5 == 0 else "train"


def hidden_of(task: Task, model: type[Hidden], *, told: str, advice: str = "") -> Hidden:
    """The `data` of a task as its environment knows it.

    Raises ValueError for a task of another environment: `told` says what it is not, `advice` what
    to do.
    """
    try:
        return model.model_validate(task.data)
    except ValidationError as error:
        reason = f"task {task.id!r} {told}: {first_error(error)}"
        raise ValueError(f"{reason}; {advice}" if advice else reason) from None


def load_tasks(path: Path) -> list[Task]:
    """Read a JSONL file of tasks. Raises ValueError naming the line that is broken."""
    return list(_read(path))


def save_tasks(path: Path, tasks: Iterable[Task]) -> None:
    """Write tasks as JSONL, one a line."""
    path.write_text("".join(task.model_dump_json() + "\n" for task in tasks), encoding="utf-8")


def _read(path: Path) -> Iterator[Task]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield Task.model_validate_json(line)
            except ValidationError as error:
                raise ValueError(
                    f"{path}:{number}: not a task: {first_error(error, whole='line')}; "
                    "each line is one JSON object with id and prompt"
                ) from None
