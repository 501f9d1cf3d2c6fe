"""Harbor: task directories of Harbor and Terminal-Bench 2, in our sandboxes.

The agent works in the task's container by our tools. What it leaves in the working directory is
brought into a fresh container, and tests/test.sh is run there: nothing that it left running, and
nothing that it wrote elsewhere, a planted reward among it, is present. The reward is what test.sh
writes to /logs/verifier/reward.txt or reward.json. It is written where the agent's code may run if
the tests run that code, so a task that does can be cheated by such code, as everywhere (Harbor
#1779); where reward.json holds several, `reward` counts, else their mean.

Without a reward the work is to blame if the tests give one for the untouched directory; if they do
not, they are broken, and the episode is unscored. Commands have no root and no network unless the
task names hosts: tasks that install packages when they are tested need an image that has them.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import ClassVar

import anyio.to_thread
import numpy as np

from forethought.envs.adapters.harbor_image import TMP, spec_of
from forethought.envs.adapters.harbor_task import (
    FILE,
    HarborTask,
    find_tasks,
    read_instruction,
    read_task,
    resolved,
)
from forethought.envs.adapters.harbor_tests import main_reward, run_tests
from forethought.envs.base import Env
from forethought.envs.calls import render_call
from forethought.envs.card import Card
from forethought.envs.context import Context
from forethought.envs.granted import FILE_TOOLS, MAX_OUTPUT, plan, python, shown
from forethought.envs.lazy import LazySandbox
from forethought.envs.lines import without_plan
from forethought.envs.needs import DOCKER, given
from forethought.envs.scoring import metric, reward
from forethought.envs.task import Split, Task, split_of
from forethought.envs.tools import tool
from forethought.sandbox import Sandbox, SandboxSpec, open_sandbox
from forethought.sandbox.judging.fresh import in_fresh

MAX_STEPS = 64
AGENT_S = 900.0
"""Harbor's own limit where the task sets none; here one for each command."""
MAX_SOLUTION = 100_000
"""Linux allows 128 KiB in one argument."""


class Harbor(Env):
    """A folder of Harbor tasks, or one; see the module.

    `path` is the folder. `bases` says what to build upon where no registry answers, as
    "ubuntu:24.04=default" or a mapping; "default" is the default image. `max_turns` bounds the
    agent's steps, which the format does not. One task is taken for either split; of several one in
    five is for evaluation, by content, unless `whole` takes them all. Consecutive seeds walk
    through them in a mixed order that is always the same.
    """

    card: ClassVar[Card] = Card(
        traits=("skills", "strategy"),
        horizon_unit="tasks",
        horizons=(1, 1),
        licence="the task's own",
        needs_sandbox=True,
        source="Harbor, harborframework.com",
        needs=(
            DOCKER,
            given("path", what="a folder of Harbor tasks"),
        ),
    )
    grants = (python, *FILE_TOOLS, plan)
    state_fields = ()
    instructions = (
        "You work in a container by the tools; hidden tests look at the files in the working "
        "directory when you submit."
    )

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        path: str = "",
        bases: str | Mapping[str, str] = "",
        max_turns: int = MAX_STEPS,
        whole: bool = False,
    ) -> None:
        super().__init__(horizon=horizon, split=split)
        self.path = path
        self.bases = _bases(bases) if isinstance(bases, str) else dict(bases)
        self.max_turns = max_turns
        self.whole = whole
        self.harbor: HarborTask | None = None
        """What the present episode is about."""
        self.kind: SandboxSpec | None = None
        """Of its sandboxes, once the image is there."""
        self.rewards: dict[str, float] | None = None
        """What the tests gave, once they have run and given something."""
        self.was_judged = False

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """One of `directories`, each as likely. Raises ValueError for one that is broken."""
        found = self.directories()
        return task_of(read_task(found[int(rng.integers(len(found)))]))

    def directories(self) -> list[Path]:
        """Those of the split's tasks, as seeds give them. Raises ValueError if there is none."""
        known = find_tasks(self._folder())
        is_whole = self.whole or len(known) == 1
        found = [each for each in known if is_whole or split_of_directory(each) == self.split]
        if not found:
            raise ValueError(
                f"none of the {len(known)} tasks in {self.path!r} is of split {self.split!r}; "
                "whole=true takes all of them for either"
            )
        return sorted(found, key=lambda each: hashlib.sha256(each.name.encode()).digest())

    def _draw(self, seed: int | None) -> Task:
        found = self.directories()
        place = int(self.np_random.integers(len(found))) if seed is None else seed % len(found)
        task = task_of(read_task(found[place]))
        return task.model_copy(update={"split": self.split, "seed": seed})

    async def begin(self) -> str:
        """Read the task's directory. Raises ValueError where it is not there."""
        name = self.task.data.get("name")
        known = {found.name: found for found in find_tasks(self._folder())}
        if name not in known:
            raise ValueError(
                f"task {self.task.id!r} names the directory {name!r}, not in {self.path!r}"
            )
        self.harbor = read_task(known[str(name)])
        self.kind, self.rewards, self.was_judged = None, None, False
        return self.task.prompt

    def max_steps(self) -> int:
        """`max_turns`."""
        return self.max_turns

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Sandbox]:
        async with open_sandbox(await self._spec(), backend="docker") as sandbox:
            yield sandbox

    def open_sandbox(self) -> AbstractAsyncContextManager[Sandbox]:
        """A container of the task's image, which is built at first use."""
        return self._opened()

    async def reply(self, text: str) -> str:
        """The word submit is the submission; other text does nothing."""
        if without_plan(text).lower() == "submit":
            return self.submit()
        self.info["format_error"] = True
        return "Call a tool; submit ends the task."

    @tool(resource="sandbox")
    async def bash(self, command: str, context: Context, seconds: float = 60.0) -> str:
        """run a shell command, for so many seconds at most"""
        assert self.harbor is not None
        assert context.sandbox is not None
        most = self.harbor.config.agent.timeout_sec or AGENT_S
        if not 0 < seconds <= most:
            raise ValueError(f"a command may take up to {most:g} seconds, not {seconds:g}")
        result = await context.sandbox.exec(
            ["bash", "-c", command], timeout_s=seconds, max_output=MAX_OUTPUT
        )
        return shown(result)

    @tool
    def submit(self, answer: str = "done", confidence: float | None = None) -> str:
        """end with the working directory as it is"""
        return super().submit(answer, confidence)

    @reward
    async def tests(self) -> float | None:
        """What tests/test.sh gives; None if it gives nothing for the untouched directory either."""
        given = await self._judged()
        if given is not None:
            return main_reward(given)
        return 0.0 if await self._pristine_reward() is not None else None

    @metric
    async def lost_reward(self) -> float:
        """1 if the tests came to no reward at all with the agent's files."""
        return float(await self._judged() is None)

    def oracle(self) -> str:
        """The task's own solution, one file a turn, then solve.sh, then the end.

        Raises ValueError where none is published.
        """
        assert self.harbor is not None
        turns = solution_turns(self.harbor)
        return turns[min(self.num_steps, len(turns) - 1)]

    def floor(self, rng: np.random.Generator) -> str:
        """Look around, or submit at once."""
        looking = render_call("bash", {"command": "ls -a"})
        return looking if rng.random() < 0.5 else render_call("submit", {})

    async def _judged(self) -> dict[str, float] | None:
        """Rewards by name of what the agent left, judged once."""
        sandbox = self.context.sandbox
        if not self.was_judged and sandbox is not None:
            self.was_judged = True
            if isinstance(sandbox, LazySandbox):
                left = await sandbox.kept()
            else:
                left = await sandbox.snapshot()
            self.rewards = await self._verify(left)
        return self.rewards

    async def _pristine_reward(self) -> dict[str, float] | None:
        return await self._verify(None)

    async def _verify(self, files: bytes | None) -> dict[str, float] | None:
        """Rewards that the tests give for these files, by default the image's own."""
        assert self.harbor is not None
        return await in_fresh(self._opened, partial(run_tests, self.harbor, files))

    async def _spec(self) -> SandboxSpec:
        assert self.harbor is not None
        if self.kind is None:
            build = partial(spec_of, self.harbor, bases=self.bases)
            self.kind = await anyio.to_thread.run_sync(build)
        return self.kind

    def _folder(self) -> Path:
        if not self.path:
            raise ValueError("harbor-v0 needs a folder of tasks: --option path=FOLDER")
        return Path(self.path)


def task_of(harbor: HarborTask) -> Task:
    """A Harbor task as one of ours; its directory's name leads back to it."""
    minutes = harbor.config.metadata.get("expert_time_estimate_min")
    known = float(minutes) if isinstance(minutes, int | float) else None
    return _task(harbor.name, harbor.instruction).model_copy(update={"human_minutes": known})


def _task(name: str, instruction: str) -> Task:
    return Task(
        id=f"harbor-{name}",
        prompt=instruction,
        data={"name": name},
        traits=Harbor.card.traits,
        horizon=1,
    )


def split_of_directory(directory: Path) -> Split:
    """The split of its task, which may be broken otherwise. Raises ValueError without a prompt."""
    return split_of(_task(directory.name, read_instruction(directory)))


def solution_turns(harbor: HarborTask) -> list[str]:
    """The published solution as actions: write it and run it, submit.

    One command does it all, since nothing outside the working directory outlives a fork. Raises
    ValueError where there is none, or one that a command cannot hold.
    """
    if "solve.sh" not in harbor.solution:
        raise ValueError(f"{harbor.directory}: no solution/solve.sh, so the task has no expert")
    variables = resolved(harbor.config.solution.env, where=harbor.directory / FILE)
    lines = [_written(harbor, name) for name in harbor.solution]
    lines += [f"export {name}={_shell(value)}" for name, value in variables.items()]
    command = "\n".join([*lines, "bash /solution/solve.sh"])
    if len(command.encode()) > MAX_SOLUTION:
        raise ValueError(f"{harbor.directory}/solution is longer than {MAX_SOLUTION} bytes")
    seconds = harbor.config.agent.timeout_sec or AGENT_S
    run = render_call("bash", {"command": command, "seconds": seconds})
    return [f"plan: write the solution and run it; submit\n{run}", "submit"]


def _written(harbor: HarborTask, name: str) -> str:
    """The lines of a command that write one file of the solution."""
    try:
        text = harbor.solution[name].decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{harbor.directory}/solution/{name} is no text") from None
    path = f"{TMP}/solution/{name}"
    end = "END_OF_FILE"
    while end in text:
        end += "_"
    text = text if text.endswith("\n") or not text else text + "\n"
    folder = path.rpartition("/")[0]
    return f"mkdir -p {_shell(folder)} && cat > {_shell(path)} <<'{end}'\n{text}{end}"


def _shell(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"


def _bases(text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in text.split(",") if pair]
    wrong = [name for name, equals, _ in pairs if not equals]
    if wrong:
        raise ValueError(
            f"bases {text!r} should read IMAGE=LOCAL,..., such as ubuntu:24.04=default"
        )
    return {name: local for name, _, local in pairs}
