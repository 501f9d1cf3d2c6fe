"""Exercism's Python practice track: small modules from a page of instructions.

Trains skills and strategy: the longest references have more than a hundred lines. The horizon is
the number of lines of the reference. The tests lie beside the stub, as they do for who learns
there, since some names and messages stand nowhere else; a table of their answers would pass. Data:
`practice.jsonl`, lines of `slug, difficulty, instructions, stub, tests, editor, example`, made from
the folders of github.com/exercism/python (exercises/practice). Two exercises, markdown and ledger,
ask to tidy up what works: their tests pass from the start, which is the floor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from forethought.envs.card import Card
from forethought.envs.datasets.claims import unit_tests
from forethought.envs.datasets.programs import Programs, num_lines
from forethought.envs.datasets.rows import located, read_rows
from forethought.envs.task import Split, Task

_MAX_DIFFICULTY = 10


class Row(BaseModel):
    """A line of the file: one exercise, each kind of its files by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slug: str = Field(pattern=r"^[a-z0-9-]+$")
    difficulty: int = Field(ge=1, le=_MAX_DIFFICULTY)
    instructions: str
    stub: dict[str, str]
    tests: dict[str, str]
    editor: dict[str, str]
    example: dict[str, str]


class Exercism(Programs):
    """Fill in the stub so that its unit tests pass."""

    card: ClassVar[Card] = Card(
        traits=("skills", "strategy", "calibration"),
        horizon_unit="lines of the reference",
        horizons=(1, 256),
        usual_horizons=(8, 16, 32),
        floor=0.02,
        prompt_chars=12_000,
        licence="MIT (Exercism)",
        source="exercism.org, the Python track",
        needs_sandbox=True,
    )
    folder = "exercism_python"
    files: Mapping[Split, str] = {"eval": "practice.jsonl"}
    origin = "https://github.com/exercism/python (exercises/practice)"

    @classmethod
    def load(cls, file: Path) -> Iterable[Task]:
        """All exercises. Raises ValueError for one without a test, or of several files."""
        return _read(file)


def _read(file: Path) -> Iterator[Task]:
    for where, row in read_rows(file, Row):
        with located(where):
            yield _task(row)


def _task(row: Row) -> Task:
    path, stub = _only(row.stub, "stub")
    test_file, source = _only(row.tests, "tests")
    _, example = _only(row.example, "example")
    tests = unit_tests(source, name=test_file)
    return Task(
        id=f"exercism-{row.slug}",
        prompt=f"{row.instructions.strip()}\n\nFill in {path}; {test_file} is beside it:\n"
        f"```python\n{stub.strip()}\n```",
        answer=example,
        data={
            "path": path,
            "start": stub,
            "shown": {test_file: source},
            "test_file": test_file,
            "tests": tests.source,
            "passing": [*tests.passing],
            "failing": [*tests.failing],
        },
        traits=Exercism.card.traits,
        horizon=num_lines(example),
        difficulty=row.difficulty / _MAX_DIFFICULTY,
    )


def _only(files: Mapping[str, str], what: str) -> tuple[str, str]:
    """The one file there is, at the top of the folder. Raises ValueError."""
    if len(files) != 1:
        raise ValueError(f"one file of {what} is expected, not {len(files)}")
    name, text = next(iter(files.items()))
    if Path(name).name != name or not name.endswith(".py") or not name[:-3].isidentifier():
        raise ValueError(f"{what} is a module in the same folder, not {name!r}")
    return name, text
