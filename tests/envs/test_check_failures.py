"""What an environment raises, or never ends, is told in a line that says where to look."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import anyio
import numpy as np
import pytest

from forethought.envs import Card, Env, Task, reward, tool
from forethought.envs.calls import render_call
from forethought.envs.check import Report, check_env, conformance
from forethought.envs.check.failure import told
from forethought.envs.check.holding import HOLDING
from forethought.envs.check.promise import Broken
from forethought.envs.check.subject import Subject


class Count(Env):
    """Count up to a number by calls, then say it."""

    card: ClassVar[Card] = Card(traits=("skills",), horizon_unit="calls", horizons=(2, 4))
    state_fields: ClassVar[tuple[str, ...] | None] = ("at",)
    at: int

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        word = str(rng.integers(10**6))
        return Task(id=word, prompt=f"Count to {horizon}, then say {word}.", answer=word)

    async def begin(self) -> str:
        self.at = 0
        return self.task.prompt

    @tool
    def count(self) -> str:
        """count up by one"""
        self.at += 1
        return str(self.at)

    @reward
    def right(self) -> float:
        said = self.submitted is not None and self.submitted.answer == self.task.answer
        return float(said and self.at == self.task.horizon)

    def oracle(self) -> str:
        is_done = self.at == self.task.horizon
        return str(self.task.answer) if is_done else render_call("count", {})


class CountedInTheClass(Count):
    """Counts all episodes together; its floor does not get so far."""

    total: ClassVar[list[int]] = []

    @tool
    def count(self) -> str:
        """count up by one"""
        self.at += 1
        self.total.append(1)
        return f"{self.at}, and {len(self.total)} in all"


class KeptByCopying(Count):
    """Does not name what its steps change: a copy has it nonetheless, a snapshot has not."""

    state_fields: ClassVar[tuple[str, ...] | None] = ()


class KeepingAFunction(Count):
    """Names what cannot be pickled."""

    state_fields: ClassVar[tuple[str, ...] | None] = ("at", "more")

    async def begin(self) -> str:
        self.more = lambda: 1
        return await super().begin()


class Faulty(Count):
    """Has a bug in its tool."""

    @tool
    def count(self) -> str:
        """count up by one"""
        return 1 + str(self.at)  # type: ignore[operator, no-any-return]


class Numbers(Count):
    """Puts an array's number into the data of its task."""

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        number: Any = rng.integers(10)
        return Task(id="1", prompt="1", data={"number": number})


class Undrawn(Count):
    """Draws no task."""

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Any:
        return {"prompt": "1"}


class Splitless(Count):
    """Cannot be made for a split."""

    def __init__(self) -> None:
        super().__init__()


class Marked(Count):
    """Marks the few instances that it has, so that each lies in either split."""

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        mark, word = int(rng.integers(10**6)), str(rng.integers(2))
        prompt = f"Count to {horizon}, then say {word}."
        return Task(id=word, prompt=prompt, answer=word, data={"mark": mark})


class Blocking(Count):
    """Sleeps without letting others run."""

    @tool
    def count(self) -> str:
        """count up by one"""
        time.sleep(0.3)
        return super().count()


class Hedged(Count):
    """Pays for the right answer wherever it stands."""

    @reward
    def right(self) -> float:
        said = self.submitted is not None and str(self.task.answer) in self.submitted.answer
        return float(said and self.at == self.task.horizon)


class Endless(Count):
    """No episode ends, and no step waits."""

    async def reply(self, text: str) -> str:
        return "on"

    def max_steps(self) -> int:
        return 10**9

    def floor(self, rng: np.random.Generator) -> str:
        return "?"

    oracle = Env.oracle


def broken(report: Report) -> dict[str, str]:
    return {finding.name: finding.detail for finding in report.findings if finding.ok is False}


def test_a_sound_one_keeps_all_promises() -> None:
    assert broken(check_env(Count)) == {}


def test_state_that_only_the_experts_steps_share_between_instances_is_found() -> None:
    found = broken(check_env(CountedInTheClass))
    assert {"replay is identical", "instances are isolated"} <= set(found)


def test_state_that_a_copy_has_and_a_snapshot_has_not_is_found() -> None:
    assert broken(check_env(KeptByCopying)) == {
        "forks are identical": "seed 0, forked half-way: other observations; name in state_fields "
        "every attribute that steps change"
    }


def test_state_that_cannot_be_kept_is_named() -> None:
    env = KeepingAFunction()
    env.reset(seed=0)
    with pytest.raises(TypeError, match=r"what its state_fields name cannot be kept: .*lambda"):
        env.snapshot()


def test_a_bug_is_told_once_with_its_place() -> None:
    report = check_env(Faulty)
    detail = broken(report)["the oracle wins"]
    assert detail.startswith("TypeError: unsupported operand type(s) for +: 'int' and 'str' (test_")
    assert detail.endswith(" in count)")
    assert str(report).count("unsupported operand") == 1
    assert "the same as of 'the oracle wins'" in str(report)


def test_what_pydantic_refuses_takes_one_line() -> None:
    detail = broken(check_env(Numbers))["it begins"]
    assert detail.startswith("ValidationError: data.number: input was not a valid JSON value (")
    assert detail.endswith(" in make_task)")


def test_colours_of_a_message_are_taken_out() -> None:
    assert told(UserWarning("\x1b[33mWARN:\n the obs\x1b[0m"), None) == "UserWarning: WARN: the obs"


def test_what_is_no_task_is_told() -> None:
    assert broken(check_env(Undrawn)) == {
        "it begins": "TypeError: Undrawn.make_task gives {'prompt': '1'}, not a Task"
    }


def test_an_environment_that_cannot_be_made_for_a_split_is_told_how() -> None:
    assert broken(check_env(Splitless)) == {
        "train and eval are disjoint": "its __init__ takes no split; write it as def __init__(self,"
        " *, horizon=None, split='train') and hand both on to Env"
    }


def test_instances_that_only_hidden_data_keeps_apart_are_found() -> None:
    detail = broken(check_env(Marked))["train and eval are disjoint"]
    assert detail.endswith(
        "is in both splits, kept apart by what no episode shows; leave that out of data"
    )


def test_a_step_that_holds_up_all_others_is_found() -> None:
    subject = Subject(make=Blocking, seeds=range(1), max_seconds=60, is_function=False)
    with pytest.raises(Broken, match=r"seed 0: step \d holds the event loop for 0"):
        anyio.run(HOLDING["steps let others run"], subject)


def test_an_answer_that_may_be_named_among_wrong_ones_is_found() -> None:
    detail = broken(check_env(Hedged))["hedging does not win"]
    assert detail.startswith("8 of 8 episodes score 1 for the answer among wrong ones")


def test_an_episode_without_end_is_given_up_and_no_other_is_tried() -> None:
    report = check_env(Endless, max_seconds=0.5)
    assert list(broken(report).values()) == [
        "not done after 0.5 s; let max_steps end every episode soon, and no step wait for what "
        "may not come"
    ]
    assert report.findings[-1].detail == "not tried, as an earlier one took too long"
    assert report.seconds < conformance.MAX_SECONDS
