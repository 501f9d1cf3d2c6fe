"""Repository: a real package from PyPI with bugs in it, found by tests that stay hidden.

The agent gets the whole package and the names of the tests that fail, and nothing of the tests
themselves. They run in a fresh sandbox on the files that it leaves, and every test that the whole
package passes has to pass again. SWE-smith (arXiv 2504.21798) makes its tasks so: bugs planted by
changes of the syntax tree, kept where the tests notice. The horizon is the number of bugs.

Packages are source distributions that hold their tests, in a folder; nothing is shipped:

    pip download --no-deps --no-binary :all: -d sdists toolz inflection boltons

Tests run in one process with the judged package: see `forethought.sandbox.judging.suites` for what
that can be trusted with.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import anyio.to_thread
import numpy as np
from pydantic import BaseModel, ConfigDict

from forethought.envs.calls import render_call
from forethought.envs.card import Card
from forethought.envs.context import Context
from forethought.envs.needs import DATA, DOCKER, Need, data_folder
from forethought.envs.scoring import metric
from forethought.envs.suite.code import mender
from forethought.envs.suite.code.judged import Judged, work_of
from forethought.envs.suite.code.sdist import Sdist, read_sdist
from forethought.envs.suite.code.seeding import Seeded, seeded
from forethought.envs.task import Split, Task
from forethought.sandbox import (
    Backend,
    Judge,
    Suite,
    Verdict,
    build_image,
    known_from_reference,
)
from forethought.sandbox.judging.fresh import Factory

logger = logging.getLogger(__name__)

FOLDER = "sdists"
MAX_SHOWN = 8
"""Names of failing tests that the agent is told."""
TEST_S = 120.0
MAX_KEPT = 64
"""Packages with their bugs that a process remembers."""


class Bug(BaseModel):
    """What a task of the repository holds in its data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sdist: str
    digest: str
    seed: int
    bugs: int


class Repository(Judged):
    """Bugs in packages whose source distributions lie in the folder `path`; see the module."""

    card: ClassVar[Card] = Card(
        traits=("skills", "strategy", "abstraction"),
        horizon_unit="bugs",
        horizons=(1, 8),
        usual_horizons=(1, 2),
        licence="each package's own",
        source="SWE-smith, arXiv 2504.21798",
        needs_sandbox=True,
        needs=(
            Need(
                what="source distributions from PyPI",
                get=f"pip download --no-deps --no-binary :all: -d FOLDER toolz inflection, and "
                f"pass path=FOLDER, or put them into ${DATA}/{FOLDER}",
                is_here=lambda: bool(_archives(data_folder(FOLDER))),
                option="path",
            ),
        ),
    )
    instructions = (
        "The package is in a sandbox without network, without its tests. They run elsewhere, on "
        "the files that you leave; every one has to pass."
    )

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        path: str = "",
        backend: Backend = "auto",
        image: str | None = None,
    ) -> None:
        super().__init__(horizon=horizon, split=split, backend=backend, image=image)
        self.path = path
        self.planted: Planted | None = None
        """The package of the present task."""

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """A package of the folder, and a seed for its bugs."""
        files = self._files()
        sdist = read_sdist(files[int(rng.integers(len(files)))])
        seed = int(rng.integers(1 << 31))
        bug = Bug(sdist=sdist.name, digest=sdist.digest, seed=seed, bugs=horizon)
        return Task(
            id=f"repository-{sdist.name}-{horizon}-{seed}",
            prompt=f"Mend the package in {sdist.name}.",
            data=bug.model_dump(mode="json"),
            traits=self.card.traits,
            horizon=horizon,
        )

    def starting_files(self) -> Mapping[str, bytes]:
        """The package with its bugs, once they are planted."""
        return {} if self.planted is None else _encoded(self.planted.seeded.modules)

    def artefacts(self) -> Sequence[str]:
        """All modules of the package."""
        return sorted(self.starting_files())

    async def prepare(self, task: Task, context: Context, *, files: bytes | None = None) -> str:
        """Plant the bugs, which takes seconds the first time, then begin.

        Raises ValueError for a task of another kind or another archive, and where the tests notice
        no such bugs.
        """
        bug = work_of(task, Bug)
        if self.image is None and self.backend in ("auto", "docker") and DOCKER.is_here():
            image = await anyio.to_thread.run_sync(build_image, ["pytest"])
            self.image = image.reference
        sdist = await anyio.to_thread.run_sync(self._archive, bug)
        self.planted = await _planted(bug, sdist, fresh=self.open_sandbox)
        return await super().prepare(task, context, files=files)

    async def begin(self) -> str:
        """The package, and which tests fail."""
        await super().begin()
        assert self.planted is not None
        failing = self.planted.seeded.failing
        shown = "\n".join(failing[:MAX_SHOWN])
        more = f"\nand {len(failing) - MAX_SHOWN} more" if len(failing) > MAX_SHOWN else ""
        count = "a bug" if self.task.horizon == 1 else f"{self.task.horizon} bugs"
        modules = ", ".join(self.artefacts())
        return (
            f"{self.task.prompt} It has {count}. Files: {modules}\nTests that fail:\n{shown}{more}"
        )

    def judge(self) -> Judge:
        """The package's own tests, in a fresh sandbox."""
        assert self.planted is not None
        return dataclasses.replace(self.planted.suite, fresh=self.open_sandbox)

    @metric
    async def tests_mended(self) -> float:
        """Share of the failing tests that pass now."""
        verdict = await self.judged()
        if verdict is None or self.planted is None:
            return 0.0
        failed = {outcome.case for outcome in verdict.outcomes if outcome.cause is not None}
        failing = self.planted.seeded.failing
        return sum(test not in failed for test in failing) / len(failing)

    def max_steps(self) -> int:
        """A long search and a short change, for each bug."""
        return 20 + 30 * self.task.horizon

    def oracle(self) -> str:
        """The expert's next turn: look for each bug where it was planted, mend it, submit."""
        assert self.planted is not None
        turns = [
            turn
            for path in self.planted.seeded.paths
            for turn in _mending(self.planted.seeded.modules[path], self.planted.sdist, path)
        ]
        plan = f"plan: mend {len(self.planted.seeded.paths)} files by what the tests say; submit"
        turns = [f"{plan}\n{turns[0]}", *turns[1:], mender.SUBMITTING]
        return turns[min(self.num_steps, len(turns) - 1)]

    def floor(self, rng: np.random.Generator) -> str:
        """Look at a file, or submit the package as it is."""
        paths = self.artefacts()
        if rng.random() < 0.5:
            return mender.reading(paths[int(rng.integers(len(paths)))])
        return mender.SUBMITTING

    def _archive(self, bug: Bug) -> Sdist:
        for file in self._files():
            if file.name == f"{bug.sdist}.tar.gz":
                sdist = read_sdist(file)
                if sdist.digest != bug.digest:
                    raise ValueError(f"{file}: not the archive that the task was made from")
                return sdist
        raise ValueError(f"the task is about {bug.sdist}.tar.gz, which is not in {self._folder()}")

    def _files(self) -> list[Path]:
        folder = self._folder()
        files = _archives(folder)
        if not files:
            raise ValueError(f"no source distribution (*.tar.gz) in {str(folder)!r}")
        return files

    def _folder(self) -> Path:
        if self.path:
            return Path(self.path)
        folder = data_folder(FOLDER)
        if folder is None:
            raise ValueError(f"a folder is needed: --option path=FOLDER, or ${DATA}/{FOLDER}")
        return folder


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Planted:
    """A package, its tests, and its bugs."""

    sdist: Sdist
    suite: Suite
    seeded: Seeded


_suites: dict[str, Suite] = {}
"""By the digest of their archive."""
_plantings: dict[Bug, Planted] = {}
"""The last MAX_KEPT of them: the episodes of a group come one after the other."""


async def _planted(bug: Bug, sdist: Sdist, *, fresh: Factory) -> Planted:
    """Worked out once a process."""
    if bug not in _plantings:
        if bug.digest not in _suites:
            _suites[bug.digest] = await suite_of_package(sdist, fresh=fresh)
        suite = dataclasses.replace(_suites[bug.digest], fresh=fresh)

        async def judge(modules: Mapping[str, str]) -> Verdict:
            return await suite.judge(_encoded(modules))

        found = await seeded(sdist.modules, num_bugs=bug.bugs, seed=bug.seed, judge=judge)
        if len(_plantings) >= MAX_KEPT:
            del _plantings[next(iter(_plantings))]
        _plantings[bug] = Planted(sdist=sdist, suite=suite, seeded=found)
    return _plantings[bug]


async def suite_of_package(sdist: Sdist, *, fresh: Factory) -> Suite:
    """The test files that run wholly on the package, as one suite of all that pass on it.

    Raises ValueError if there are none.
    """
    passing: list[str] = []
    files: dict[str, str] = {}
    for name, text in sdist.tests.items():
        alone = Suite(files={name: text}, passing=("any",), fresh=fresh, total_s=TEST_S)
        try:
            known = await known_from_reference(alone, _encoded(sdist.modules))
        except ValueError as error:
            logger.info("%s: %s is left out: %s", sdist.name, name, error)
            continue
        if not known.failing:
            files[name] = text
            passing += known.passing
    if not passing:
        raise ValueError(f"{sdist.name}: none of its test files runs by itself on the package")
    return Suite(files=files, passing=passing, fresh=fresh, total_s=TEST_S)


def _mending(broken: str, sdist: Sdist, path: str) -> list[str]:
    """Turns that find and undo the change to a file."""
    finding = render_call("bash", {"command": f"grep -n 'def ' {path} | head -60"})
    return [finding, *mender.turns(broken, sdist.modules[path], path=path)[1:-2]]


def _encoded(modules: Mapping[str, str]) -> dict[str, bytes]:
    return {path: text.encode() for path, text in modules.items()}


def _archives(folder: Path | None) -> list[Path]:
    return sorted(folder.glob("*.tar.gz")) if folder else []
