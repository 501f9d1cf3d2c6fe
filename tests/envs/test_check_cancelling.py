"""A step is cancelled wherever it waits, in its own code and in the tasks that it starts."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import anyio
import numpy as np
import pytest

from forethought.envs import Card, Env, Task, reward, tool
from forethought.envs.calls import render_call
from forethought.envs.check import check_env
from forethought.envs.check.waits import cancelled_at
from forethought.envs.context import Context
from forethought.sandbox import Sandbox, open_sandbox


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Waiting(Env):
    """Looks things up, which takes two waits; a sound one."""

    card: ClassVar[Card] = Card(traits=("skills",), horizon_unit="words", horizons=(1, 3))
    kept: ClassVar[list[Any]] = []

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        word = "".join(rng.choice(list("abcdefgh"), size=6))
        return Task(id=word, prompt=f"Say {word}.", answer=word, horizon=horizon)

    @tool
    async def look(self) -> str:
        """look twice"""
        await anyio.sleep(0)
        await anyio.sleep(0)
        return "seen"

    @reward
    def said(self) -> float:
        return float(self.submitted is not None and self.submitted.answer == self.task.answer)

    def oracle(self) -> str:
        return str(self.task.answer) if self.num_steps else render_call("look", {}) * 2


class Careless(Waiting):
    """Closes a file only if nothing comes between its two waits."""

    @tool
    async def look(self) -> str:
        """look twice"""
        await anyio.sleep(0)
        file = Path(__file__).open()  # noqa: SIM115
        self.kept.append(file)
        await anyio.sleep(0)
        file.close()
        return "seen"


class Spawning(Waiting):
    """Leaves a process behind when it is cancelled."""

    kept: ClassVar[list[Any]] = []

    @tool
    async def look(self) -> str:
        """look twice"""
        process = subprocess.Popen(["sleep", "60"])
        self.kept.append(process)
        await anyio.sleep(0)
        process.kill()
        process.wait()
        return "seen"


class Running(Waiting):
    """Looks in a sandbox, and shows in which folder that was."""

    folders: ClassVar[set[str]] = set()
    num_looks: ClassVar[list[int]] = []
    card: ClassVar[Card] = replace(Waiting.card, needs_sandbox=True)

    def open_sandbox(self) -> AbstractAsyncContextManager[Sandbox]:
        return open_sandbox(backend="local")

    @tool
    async def look(self, context: Context) -> str:
        """look where"""
        assert context.sandbox is not None
        found = await context.sandbox.exec(["pwd"])
        self.folders.add(found.stdout.decode())
        self.num_looks.append(1)
        return "seen"


class Hoarding(Running):
    """Opens a sandbox of its own in a step and never closes it."""

    @tool
    async def look(self, context: Context) -> str:
        """look where"""
        opening = self.open_sandbox()
        self.kept.append(opening)
        await (await opening.__aenter__()).exec(["true"])
        return "seen"


class Threading(Waiting):
    """Leaves a thread behind."""

    gate: ClassVar[threading.Event] = threading.Event()

    @tool
    async def look(self) -> str:
        """look twice"""
        thread = threading.Thread(target=self.gate.wait, name="looking")
        self.kept.append(thread)
        thread.start()
        return "seen"


class Stubborn(Waiting):
    """Goes on when it is cancelled."""

    @tool
    async def look(self) -> str:
        """look twice"""
        with contextlib.suppress(BaseException):
            await anyio.sleep(0)
        return "seen"

    def oracle(self) -> str:
        return str(self.task.answer) if self.num_steps else render_call("look", {})


class Marked(Waiting):
    """Begins another episode after a step that was cancelled."""

    is_busy = False

    async def begin(self) -> str:
        return self.task.prompt + " Hurry." * self.is_busy

    @tool
    async def look(self) -> str:
        """look twice"""
        self.is_busy = True
        await anyio.sleep(0)
        self.is_busy = False
        return "seen"


def cancelling(env: type[Env]) -> tuple[bool | None, str]:
    (found,) = (item for item in check_env(env).findings if item.name == "cancelling cleans up")
    return found.ok, found.detail


def test_a_sound_environment_is_cancelled_at_several_waits() -> None:
    ok, detail = cancelling(Waiting)
    assert ok, detail
    assert int(detail.split()[2]) >= 4


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_is_left_by_a_cancellation_between_two_waits_is_found() -> None:
    ok, detail = cancelling(Careless)
    assert ok is False
    assert "files stay open after a step" in detail
    for file in Careless.kept:
        file.close()


def test_a_process_that_outlives_its_step_is_found() -> None:
    ok, detail = cancelling(Spawning)
    for process in Spawning.kept:
        process.kill()
        process.wait()
    assert ok is False
    assert "processes go on after a step" in detail


def test_the_episodes_of_a_check_are_played_in_few_sandboxes() -> None:
    ok, detail = cancelling(Running)
    assert ok, detail
    assert len(Running.num_looks) > 30
    assert len(Running.folders) <= 12


def test_a_sandbox_that_outlives_its_step_is_found() -> None:
    ok, detail = cancelling(Hoarding)
    assert ok is False
    assert "sandboxes stay open after a step" in detail


def test_a_thread_that_is_about_to_end_is_waited_for() -> None:
    class Ending(Threading):
        """Its threads end a moment later."""

        @tool
        async def look(self) -> str:
            """look twice"""
            threading.Timer(0.2, self.kept.clear).start()
            return "seen"

    ok, detail = cancelling(Ending)
    assert ok, detail


def test_a_thread_that_outlives_its_step_is_found() -> None:
    ok, detail = cancelling(Threading)
    Threading.gate.set()
    assert ok is False
    assert "threads still run (looking) after a step" in detail


def test_a_step_that_does_not_let_itself_be_cancelled_is_found() -> None:
    ok, detail = cancelling(Stubborn)
    assert ok is False
    assert detail.startswith("seed 1: a step that is cancelled goes on to its end; let the cancel")


def test_an_environment_that_cannot_begin_again_is_found() -> None:
    assert cancelling(Marked) == (
        False,
        "seed 1 starts another episode after a cancelled step; let begin set up all that steps "
        "change",
    )


@pytest.mark.anyio
@pytest.mark.parametrize(("wait", "done"), [(0, 3), (1, 0), (2, 1), (3, 2)])
async def test_a_coroutine_is_cancelled_at_the_wait_that_is_asked_for(wait: int, done: int) -> None:
    steps: list[int] = []

    async def work() -> None:
        for number in range(3):
            await anyio.sleep(0)
            steps.append(number)

    waits = await cancelled_at(work(), wait)
    assert len(steps) == done
    assert waits.num >= (wait or 3)
    assert not waits.was_swallowed


@pytest.mark.anyio
async def test_what_is_shielded_goes_on_to_its_end() -> None:
    done: list[str] = []

    async def work() -> None:
        try:
            await anyio.sleep(60)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0)
                done.append("closed")

    await cancelled_at(work(), 1)
    assert done == ["closed"]


@pytest.mark.anyio
async def test_waits_of_tasks_that_a_step_starts_count() -> None:
    seen: list[str] = []

    async def child(name: str) -> None:
        await anyio.sleep(0)
        seen.append(name)

    async def work() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(child, "a")
            group.start_soon(child, "b")

    whole = (await cancelled_at(work(), 0)).num
    assert whole >= 3
    assert seen == ["a", "b"]
    for wait in range(1, whole + 1):
        await cancelled_at(work(), wait)


@pytest.mark.anyio
async def test_an_error_of_the_step_rises() -> None:
    async def work() -> None:
        await anyio.sleep(0)
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        await cancelled_at(work(), 0)
