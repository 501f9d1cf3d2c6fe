"""Dataset: an environment whose tasks are the rows of a file that somebody else made.

    class Sums(Dataset):
        folder, files = "sums", {"train": "train.jsonl", "eval": "test.jsonl"}
        origin = "https://example.org/sums"

        @classmethod
        def load(cls, file: Path) -> Iterable[Task]:
            for where, row in read_rows(file, Row):
                yield Task(...)

No data is shipped. `path` is a file, or the folder with the set's files; without it they are looked
for in `$FORETHOUGHT_DATA/<folder>`. Consecutive seeds walk through all tasks of a split in an order
that is mixed but fixed, so `-n` as large as the split evaluates every task exactly once.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import ClassVar

import numpy as np

from forethought.envs.base import Env
from forethought.envs.datasets.rows import required
from forethought.envs.needs import DATA, Need, data, data_folder
from forethought.envs.task import Split, Task, split_of

Loader = Callable[[Path], Iterable[Task]]


class DataMissing(ValueError):
    """The files of a dataset are not where they were looked for."""


class Dataset(Env):
    """Base of environments over data; see the module for what a subclass says.

    Where the set's own file of each split is there, a split is its file. A single file is split by
    content (`split_of`). `whole` takes every task of the split's file, or of the single one, for
    either split: what the scores of a published test set are about.
    """

    folder: ClassVar[str]
    """Below `$FORETHOUGHT_DATA`."""
    files: Mapping[Split, str]
    """Names of the set's own files; one that has no training set gives only "eval"."""
    origin: ClassVar[str]
    """Where the data can be had, for who has none."""

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        path: str | None = None,
        whole: bool = False,
    ) -> None:
        super().__init__(horizon=horizon, split=split)
        if not isinstance(whole, bool):
            raise ValueError(f"whole is true or false, not {whole!r}")
        self.path = path
        self.whole = whole

    @classmethod
    @abstractmethod
    def load(cls, file: Path) -> Iterable[Task]:
        """All tasks of one file, in its order. Raises ValueError naming the row that is broken."""

    @classmethod
    def needs(cls) -> tuple[Need, ...]:
        """The set's files, beside what the card says."""
        return (*super().needs(), cls._data())

    def tasks(self) -> tuple[Task, ...]:
        """Every task of this split, and of this horizon if one was asked for, as seeds give them.

        Raises DataMissing, and ValueError for a file that is broken or has no such task.
        """
        file, is_own = self._file()
        split = None if is_own or self.whole else self.split
        found = _chosen(self.load, file, split, self.horizon)
        if not found:
            horizons = {task.horizon for task in _loaded(self.load, file)}
            raise ValueError(
                f"{file} has no task of horizon {self.horizon or 'any'} in split {self.split!r}; "
                f"its horizons are {min(horizons)} to {max(horizons)} ({self.card.horizon_unit}), "
                "and whole=true does not split it"
            )
        return found

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """Any task of `tasks`, each as likely; they have horizons of their own."""
        tasks = self.tasks()
        return tasks[int(rng.integers(len(tasks)))]

    def beside(self, name: str) -> Path:
        """Another file of the set, in the same folder as the tasks. Raises DataMissing."""
        return self.require(self._file()[0].with_name(name))

    @classmethod
    def require(cls, file: Path) -> Path:
        """The file, or `file.gz` in its place. Raises DataMissing."""
        try:
            return required(file)
        except FileNotFoundError as error:
            raise DataMissing(cls._advice(str(error))) from None

    def _draw(self, seed: int | None) -> Task:
        if seed is None:
            task = self.make_task(self.np_random, horizon=1)
        else:
            tasks = self.tasks()
            task = tasks[seed % len(tasks)]
        return task.model_copy(update={"split": self.split, "seed": seed})

    def _file(self) -> tuple[Path, bool]:
        """The file of this split, and whether the set has one of its own for each."""
        root = self._root()
        if root.is_file():
            return root, False
        found: dict[Split, Path] = {}
        for split, name in self.files.items():
            try:
                found[split] = required(root / name)
            except FileNotFoundError:
                continue
        if len(found) == 2:
            return found[self.split], True
        if found:
            return next(iter(found.values())), False
        names = " or ".join(self.files.values())
        raise DataMissing(self._advice(f"no file {names} in {root}"))

    def _root(self) -> Path:
        root = data_folder(self.folder) if self.path is None else Path(self.path).expanduser()
        if root is None:
            raise DataMissing(self._advice(f"no path was given and {DATA} is not set"))
        if not root.exists():
            raise DataMissing(self._advice(f"no file or folder {root}"))
        return root

    @classmethod
    def _data(cls) -> Need:
        return data(cls.folder, files=cls.files.values(), origin=cls.origin)

    @classmethod
    def _advice(cls, problem: str) -> str:
        return f"{cls.__name__}: {problem}; {cls._data().get}"


@cache
def _loaded(load: Loader, file: Path) -> tuple[Task, ...]:
    """The tasks of a file, read once a process."""
    tasks = tuple(load(file))
    if not tasks:
        raise ValueError(f"{file}: it holds no task")
    seen: set[str] = set()
    for task in tasks:
        if task.id in seen:
            raise ValueError(f"{file}: id {task.id!r} occurs twice")
        seen.add(task.id)
    return tasks


@cache
def _chosen(load: Loader, file: Path, split: Split | None, horizon: int | None) -> tuple[Task, ...]:
    """In an order that has nothing to do with that of the file, and is the same every time."""
    found = [
        task
        for task in _loaded(load, file)
        if split in (None, split_of(task)) and horizon in (None, task.horizon)
    ]
    return tuple(sorted(found, key=lambda task: hashlib.sha256(task.id.encode()).digest()))
