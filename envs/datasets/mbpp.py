"""MBPP, sanitized: small Python functions from a sentence (Austin et al., arXiv 2108.07732).

Trains skills. The horizon is the number of lines of the reference. The paper shows all tests in the
prompt; here only the first stands there, for the name and the form of the answer, so that a table
of the shown answers is no solution. All 427 references are right; number 123 computes for seconds
and on slow machines longer than a limit of ten. Data: `sanitized-mbpp.json` of
github.com/google-research/google-research (mbpp).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from forethought.envs.card import Card
from forethought.envs.datasets.claims import FILE, assertion_tests
from forethought.envs.datasets.programs import Programs, num_lines
from forethought.envs.datasets.rows import located, read_rows
from forethought.envs.task import Split, Task

MODULE = "solution"


class Row(BaseModel):
    """An item of the sanitized file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source_file: str
    task_id: int
    prompt: str
    code: str
    test_imports: tuple[str, ...]
    test_list: tuple[str, ...] = Field(min_length=1)


class MBPP(Programs):
    """Write `solution.py` so that all assertions hold, of which one is shown."""

    card: ClassVar[Card] = Card(
        traits=("skills", "calibration"),
        horizon_unit="lines of the reference",
        horizons=(1, 256),
        usual_horizons=(2, 4, 6, 8),
        floor=0.0,
        licence="CC BY 4.0 (Austin et al. 2021)",
        source="Austin et al., arXiv 2108.07732",
        needs_sandbox=True,
    )
    folder = "mbpp"
    files: Mapping[Split, str] = {"eval": "sanitized-mbpp.json"}
    origin = "https://github.com/google-research/google-research/tree/master/mbpp"

    @classmethod
    def load(cls, file: Path) -> Iterable[Task]:
        """All problems. Raises ValueError for one whose tests are no assertions."""
        return _read(file)


def _read(file: Path) -> Iterator[Task]:
    for where, row in read_rows(file, Row):
        with located(where):
            tests = assertion_tests(
                row.test_list, imports=row.test_imports, reference=row.code, module=MODULE
            )
        yield Task(
            id=f"mbpp-{row.task_id}",
            prompt=f"{row.prompt}\nWrite {MODULE}.py, for which holds, among others:\n"
            f"{row.test_list[0]}",
            answer=row.code,
            data={
                "path": f"{MODULE}.py",
                "test_file": FILE,
                "tests": tests.source,
                "passing": [*tests.passing],
                "failing": [*tests.failing],
            },
            traits=MBPP.card.traits,
            horizon=num_lines(row.code),
        )
