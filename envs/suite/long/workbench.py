"""Workbench: read an archive, compute with code, leave a table in a file and submit its path.

Every row takes three readings that depend on each other (a station's page, a search for the code
that it names, the log that is found) and figures that must be added up exactly; rows are the
horizon. Sixty-four of them outgrow one context: notes belong in files then, or rows in the hands
of sub-agents, who share the sandbox.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from contextlib import AbstractAsyncContextManager
from decimal import Decimal, InvalidOperation
from typing import ClassVar

import numpy as np

from forethought.envs.base import Env
from forethought.envs.card import Card
from forethought.envs.granted import MIND_TOOLS, SANDBOX_TOOLS, plan
from forethought.envs.lazy import LazySandbox
from forethought.envs.lines import without_plan
from forethought.envs.rewards import brier
from forethought.envs.scoring import metric, reward
from forethought.envs.search.retrieval import SqliteIndex
from forethought.envs.suite.long import clerk
from forethought.envs.suite.long.stations import HEADER, Archive, archive_of
from forethought.envs.task import Split, Task
from forethought.envs.tools import tool
from forethought.sandbox import (
    ArtefactRefused,
    Backend,
    Sandbox,
    SandboxSpec,
    collect,
    open_sandbox,
    require_backend,
)

MAX_TABLE = 64 << 10
"""Bytes of a table that is read for checking."""
_PATH = re.compile(r"(?:[\w-]+/)*[\w-]+\.csv")
_MAX_PATH = 100
_SNIPPET = 60
_MAX_HITS = 5


class Workbench(Env):
    """Search, code, files, a plan and sub-agents on one task; see the module.

    `backend` says where code runs; "auto" is the best sandbox there is. The expert reads about
    `oracle_rows` stations at a time, or has `oracle_children` sub-agents do it.
    """

    card: ClassVar[Card] = Card(
        traits=("skills", "calibration", "strategy", "abstraction"),
        horizon_unit="rows",
        horizons=(1, 64),
        floor=0.0,
        needs_sandbox=True,
    )
    grants = (*SANDBOX_TOOLS, plan, *MIND_TOOLS)
    state_fields = ("read",)
    instructions = "Code and files live in one sandbox, without network; sub-agents share it."
    archive: Archive
    pages: SqliteIndex

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        backend: Backend = "auto",
        oracle_rows: int = 3,
        oracle_children: int = 0,
    ) -> None:
        super().__init__(horizon=horizon, split=split)
        require_backend(backend)
        if oracle_rows < 1 or oracle_children < 0:
            raise ValueError(
                f"the expert reads at least one row at a time and has no fewer than 0 sub-agents, "
                f"not oracle_rows={oracle_rows}, oracle_children={oracle_children}"
            )
        self.backend: Backend = backend
        self.oracle_rows = oracle_rows
        self.oracle_children = oracle_children
        self.read: set[str] = set()
        """Titles that were opened, by sub-agents too."""
        self.table: list[list[str]] | None = None
        """Cells of the submitted file, once it has been read."""

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """An archive with `horizon` stations to ask about; the seed in the data stands for it."""
        return task_of(int(rng.integers(1 << 31)), num_rows=horizon)

    async def begin(self) -> str:
        """Build the archive. Raises ValueError if the task's answer is not what it gives."""
        seed, num_rows = self.task.data.get("archive_seed"), self.task.data.get("num_rows")
        if not isinstance(seed, int) or not isinstance(num_rows, int):
            raise ValueError(f"task {self.task.id!r} needs archive_seed and num_rows in its data")
        self.archive = archive_of(seed, num_rows)
        if self.task.answer != _as_csv(self.archive):
            raise ValueError(f"task {self.task.id!r}: its archive no longer gives its answer")
        self.pages = SqliteIndex(self.archive.documents())
        self.resources.callback(self.pages.close)
        self.read = set()
        self.table = None
        return self.task.prompt

    def open_sandbox(self) -> AbstractAsyncContextManager[Sandbox]:
        """A sandbox of the backend that was asked for."""
        return open_sandbox(SandboxSpec(), backend=self.backend)

    async def reply(self, text: str) -> str:
        """A path alone is the submission; other text does nothing."""
        path = without_plan(text)
        if _is_path(path):
            return self.submit(path)
        self.info["format_error"] = True
        return "Call a tool; submit ends the task with the path of the table."

    @tool
    def search(self, query: str) -> str:
        """find pages by any words"""
        found = self.pages.search(query, _MAX_HITS)
        lines = [f"{document.title}: {document.text[:_SNIPPET]}..." for document in found]
        return "\n".join(lines) or f"nothing found for {query[:60]!r}"

    @tool
    def open(self, title: str) -> str:
        """read a page"""
        document = self.pages.open(title)
        self.read.add(document.title)
        return f"{document.title}: {document.text}"

    @tool
    def find(self, title: str, pattern: str) -> str:
        """list the lines of a page that contain a word"""
        document = self.pages.open(title)
        lines = self.pages.find(document.title, pattern)
        if lines:
            self.read.add(document.title)
        return "\n".join(lines) or f"{document.title}: nothing about {pattern[:60]!r}"

    @tool
    def submit(self, answer: str, confidence: float | None = None) -> str:
        """end with the path of the table and, from 0 to 1, how sure you are that it is right"""
        if not _is_path(answer):
            raise ValueError(f"not the path of a .csv file in the sandbox: {answer[:60]!r}")
        return super().submit(answer, confidence)

    @reward
    async def correct(self) -> float:
        """1 if header and all rows are right, in order."""
        lines = await self._submitted()
        wanted = [list(HEADER), *map(list, self.archive.table)]
        return float(len(lines) == len(wanted) and all(map(_same, lines, wanted)))

    @metric
    async def rows_right(self) -> float:
        """Share of the rows that are right, whatever the header and the order."""
        lines = await self._submitted()
        found = [row for row in self.archive.table if any(_same(line, row) for line in lines)]
        return len(found) / len(self.archive.table)

    @metric
    def documents_opened(self) -> float:
        """Different pages read, by sub-agents too."""
        return float(len(self.read))

    @metric
    def recall(self) -> float:
        """Share of the needed pages and logs that were read."""
        needed = {title for s in self.archive.asked for title in (s.name, s.log.title)}
        return len(needed & self.read) / len(needed)

    @metric
    async def calibration(self) -> float | None:
        """Brier score of the stated confidence; None if none was stated."""
        if self.submitted is None or self.submitted.confidence is None:
            return None
        return brier(await self.correct() == 1.0, self.submitted.confidence)

    def oracle(self) -> str:
        """The expert's next turn; it must have taken the turns before."""
        if self.oracle_children:
            turns = clerk.leading(self.archive, num_parts=self.oracle_children)
        else:
            turns = clerk.alone(self.archive, at_a_time=self.oracle_rows)
        return turns[min(self.num_steps, len(turns) - 1)]

    def child_oracle(self, child: Env) -> str:
        """The next turn of a sub-agent on one of the parts that the expert hands out."""
        turns = clerk.helping(
            self.archive,
            child.task.prompt,
            num_parts=self.oracle_children,
            at_a_time=self.oracle_rows,
        )
        return turns[min(child.num_steps, len(turns) - 1)]

    def floor(self, rng: np.random.Generator) -> str:
        """Open a random page, or submit a table that nobody wrote."""
        stations = (*self.archive.asked, *self.archive.others)
        name = stations[int(rng.integers(len(stations)))].name
        return clerk.TABLE if rng.random() < 0.2 else clerk.opening(name)

    async def _submitted(self) -> list[list[str]]:
        """Cells of the submitted table; none if there is no such plain file.

        It is read once, so that every reward and metric is about the same table.
        """
        if self.submitted is not None and self.table is None:
            self.table = await self._read(self.submitted.answer)
        return self.table or []

    async def _read(self, path: str) -> list[list[str]]:
        sandbox = self.context.sandbox
        if sandbox is None or (isinstance(sandbox, LazySandbox) and sandbox.is_untouched):
            return []
        try:
            files = await collect(sandbox, [path], max_bytes=MAX_TABLE)
            return list(csv.reader(io.StringIO(files[path].decode())))
        except (ArtefactRefused, UnicodeDecodeError, csv.Error):
            return []


def task_of(archive_seed: int, *, num_rows: int) -> Task:
    """The task of the archive drawn from a seed."""
    archive = archive_of(archive_seed, num_rows)
    prompt = clerk.prompt_of(archive)
    return Task(
        id=f"workbench-{hashlib.sha256(prompt.encode()).hexdigest()[:12]}",
        prompt=prompt,
        answer=_as_csv(archive),
        data={"archive_seed": archive_seed, "num_rows": num_rows},
        traits=Workbench.card.traits,
        horizon=num_rows,
    )


def _as_csv(archive: Archive) -> str:
    return "".join(",".join(row) + "\n" for row in (HEADER, *archive.table))


def _is_path(text: str) -> bool:
    return len(text) <= _MAX_PATH and _PATH.fullmatch(text) is not None


def _same(line: list[str], row: list[str] | tuple[str, ...]) -> bool:
    """Whether cells are equal, numbers by value and texts without the space around them."""
    return len(line) == len(row) and all(map(_equal, line, row))


def _equal(cell: str, wanted: str) -> bool:
    if cell.strip() == wanted:
        return True
    try:
        return Decimal(cell.strip()) == Decimal(wanted)
    except InvalidOperation:
        return False
