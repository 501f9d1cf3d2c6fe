from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import anyio
import numpy as np
import pytest

from forethought.envs import Card, Env, Task, reward, tool
from forethought.envs.calls import render_call
from forethought.envs.check import Finding, Report, check_env


class Echo(Env):
    """Say the word."""

    card: ClassVar[Card] = Card(traits=("skills",), horizon_unit="words", horizons=(1, 3))
    state_fields = ()

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        word = "".join(rng.choice(list("abcdefgh"), size=6))
        return Task(id=word, prompt=f"Say {word}.", answer=word, horizon=horizon)

    @reward
    def said(self) -> float:
        return float(self.submitted is not None and self.submitted.answer == self.task.answer)

    def oracle(self) -> str:
        return str(self.task.answer)


class Constant(Echo):
    """Always the same word."""

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        return Task(id="w", prompt="Say w.", answer="w", horizon=horizon)


class Unseeded(Echo):
    """Draws from a generator of its own."""

    rng = np.random.default_rng(0)

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        return super().make_task(self.rng, horizon=horizon)


class Overlapping(Echo):
    """Ignores the split."""

    def _draw(self, seed: int | None) -> Task:
        return self.make_task(self.np_random, horizon=1)


class Silent(Echo):
    """Asks nothing."""

    async def begin(self) -> str:
        return ""


class Wordy(Echo):
    """Asks at length."""

    async def begin(self) -> str:
        return "word " * 4000


class Wrong(Echo):
    """Its oracle errs."""

    def oracle(self) -> str:
        return "w"


class Drawless(Echo):
    """Its floor takes no generator."""

    def floor(self) -> str:  # type: ignore[override]
        return "w"


class Generous(Echo):
    """Everyone wins."""

    @reward
    def said(self) -> float:
        return 1.0


class Forgetful(Echo):
    """Its observations do not follow from seed and actions."""

    noise = np.random.default_rng(0)

    async def reply(self, text: str) -> str:
        return super().submit(text) + str(self.noise.random())


class Shared(Echo):
    """All instances count in one place."""

    count = 0

    async def begin(self) -> str:
        type(self).count = 0
        return self.task.prompt

    async def reply(self, text: str) -> str:
        type(self).count += 1
        if self.num_steps == 3:
            self.submit(text)
        return str(type(self).count)


class Leaking(Echo):
    """Opens a file in every step that nobody closes."""

    files: ClassVar[list[Any]] = []

    async def reply(self, text: str) -> str:
        self.files.append(Path(__file__).open())  # noqa: SIM115
        await anyio.sleep(0.001)
        return self.submit(text)


class Lingering(Echo):
    """Starts a task in every step that nobody ends."""

    tasks: ClassVar[list[Any]] = []

    async def reply(self, text: str) -> str:
        import asyncio

        self.tasks.append(asyncio.ensure_future(asyncio.sleep(600)))
        return self.submit(text)


class Unclosable(Echo):
    """Cannot be closed twice."""

    is_closed = False

    async def aclose(self) -> None:
        if self.is_closed:
            raise RuntimeError("closed already")
        self.is_closed = True


class Crashing(Echo):
    """Fails from the first step."""

    async def reply(self, text: str) -> str:
        raise ZeroDivisionError("a bug")


class Handless(Echo):
    """Has no oracle."""

    oracle = Env.oracle


class BadSpace(Echo):
    """Observes what is not text."""

    async def begin(self) -> Any:
        return 7


class Unplugged(Echo):
    """Its expert calls two tools at once that both lose the sandbox."""

    @tool
    def unplug(self) -> str:
        """lose the sandbox"""
        raise ConnectionError("the engine is down")

    def oracle(self) -> str:
        return render_call("unplug", {}) * 2


def broken(report: Report) -> dict[str, str]:
    return {finding.name: finding.detail for finding in report.findings if finding.ok is False}


def test_a_sound_environment_keeps_all_promises() -> None:
    report = check_env(Echo)
    assert broken(report) == {}
    assert report.ok
    assert all(finding.ok for finding in report.findings)
    assert str(report).splitlines()[0] == "Echo: ok"
    assert len(str(report).splitlines()) == 1 + len(report.findings)


def test_what_several_tools_of_a_turn_failed_of_is_told_and_not_that_they_were_several() -> None:
    detail = broken(check_env(Unplugged))["the oracle wins"]
    assert detail.startswith("ConnectionError: the engine is down (test_check.py:")


def test_an_environment_is_checked_by_its_id() -> None:
    report = check_env("blocksworld-v0", num_seeds=4)
    assert report.ok, str(report)
    assert report.env == "blocksworld-v0"


@pytest.mark.parametrize(
    ("env", "name", "detail"),
    [
        (Drawless, "it begins", "write it as def floor(self, rng)"),
        (Silent, "prompts are there and short", "a prompt is empty"),
        (Wordy, "prompts are there and short", "a prompt has 20000 characters; at most 8000"),
        (Unseeded, "seeds reproduce", "seed 0 gave two different episodes"),
        (Overlapping, "train and eval are disjoint", "belongs to the other one"),
        (Wrong, "the oracle wins", "it scores 0.0 on seed 0"),
        (Generous, "the floor loses", "scores 1.00, doing nothing 1.00; at most 0.2 is expected"),
        (Forgetful, "replay is identical", "seed 0 with the same actions: other observations"),
        (Shared, "instances are isolated", "seed 0 beside another instance: other observations"),
        (Leaking, "cancelling cleans up", "files stay open after a step"),
        (Lingering, "cancelling cleans up", "tasks still run (Task-"),
        (Unclosable, "cancelling cleans up", "RuntimeError: closed already"),
        (Crashing, "the oracle wins", "ZeroDivisionError: a bug"),
        (BadSpace, "it begins", "BadSpace.begin gives 7; what an agent reads is text"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_broken_promise_is_found(env: Callable[..., Env], name: str, detail: str) -> None:
    report = check_env(env)
    assert not report.ok
    assert detail in broken(report)[name]
    for file in Leaking.files:
        file.close()
    for task in Lingering.tasks:
        task.get_loop().call_soon_threadsafe(task.cancel)
    Lingering.tasks.clear()


def test_one_instance_for_all_seeds_is_found() -> None:
    def ignoring_split(**options: Any) -> Env:
        env = Constant()
        env._draw = lambda seed: env.make_task(env.np_random, horizon=1)  # type: ignore[method-assign]
        return env

    found = broken(check_env(ignoring_split))
    assert found["seeds vary"].startswith("8 seeds gave one and the same instance; let make_task")


def test_a_missing_oracle_is_not_held_against_an_environment() -> None:
    report = check_env(Handless)
    (finding,) = (item for item in report.findings if item.name == "the oracle wins")
    assert finding.ok is None
    assert report.ok, str(report)


def test_wrong_use_is_refused() -> None:
    with pytest.raises(ValueError, match="no environment named 'nosuch-v0'"):
        check_env("nosuch-v0")
    with pytest.raises(ValueError, match=r"num_seeds is at least 2, .* not 1"):
        check_env(Echo, num_seeds=1)


def test_a_report_shows_every_finding_in_a_line() -> None:
    findings = (
        Finding(name="seeds vary", ok=True, detail="8 of 8"),
        Finding(name="the oracle", ok=None, detail="none"),
        Finding(name="replay", ok=False, detail="differs"),
    )
    assert str(Report(env="x", findings=findings)) == (
        "x: NOT ok\nok   seeds vary  8 of 8\n-    the oracle  none\nFAIL replay      differs"
    )


def test_a_check_takes_few_steps() -> None:
    class Counted(Echo):
        """Of which every step is counted; at a millisecond each a check takes two seconds."""

        card: ClassVar[Card] = Card(
            traits=("skills",), horizon_unit="words", horizons=(1, 256), usual_horizons=(2, 4, 8)
        )
        state_fields = ("at",)
        num_taken = 0

        async def begin(self) -> str:
            self.at = 0
            return self.task.prompt

        async def reply(self, text: str) -> str:
            type(self).num_taken += 1
            self.at += text == self.task.answer
            return super().submit(text) if self.at == self.task.horizon else "on"

    report = check_env(Counted)
    assert report.ok, str(report)
    assert 500 < Counted.num_taken < 2500
