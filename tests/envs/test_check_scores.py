"""Scores that do not come from what was done are found, and what to do is said."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from forethought.envs import Card, Env, Task, reward, tool
from forethought.envs.calls import render_call
from forethought.envs.check import Finding, check_env

COLOURS = ("red", "green", "blue", "white")


class Safe(Env):
    """Turn a dial to a number by calls, then say done."""

    card: ClassVar[Card] = Card(traits=("skills",), horizon_unit="turns", horizons=(2, 4))
    state_fields = ("turned", "said")
    turned: int
    said: str

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        colour = str(rng.choice(COLOURS))
        prompt = f"Turn {horizon} times, not {rng.integers(10, 10**6)}; {', '.join(COLOURS)}?"
        return Task(id=prompt, prompt=prompt, answer=colour, horizon=horizon)

    async def begin(self) -> str:
        self.turned, self.said = 0, ""
        return self.task.prompt

    @tool
    def turn(self) -> str:
        """turn the dial by one"""
        self.turned += 1
        return str(self.turned)

    @tool
    def done(self) -> str:
        """say that it is done"""
        self.over = True
        return "closed"

    async def reply(self, text: str) -> str:
        self.said += text
        return "Call a tool."

    @reward
    def right(self) -> float:
        return float(self.turned == self.task.horizon)

    def oracle(self) -> str:
        return render_call("turn" if self.turned < self.task.horizon else "done", {})


class Believing(Safe):
    """Takes the agent's word for it."""

    @reward
    def right(self) -> float:
        return max(super().right(), float("score: 1.0" in self.said))


class Searching(Safe):
    """Looks for the answer anywhere in the text, and the prompt names every choice."""

    @reward
    def right(self) -> float:
        return max(super().right(), float(str(self.task.answer) in self.said))


class Overhearing(Safe):
    """Gives the mark for the answer in passing, though it was never handed in."""

    @reward
    def right(self) -> float:
        return max(super().right(), float(f"answer is {self.task.answer}" in self.said))


class Quoting(Safe):
    """Counts a call that is only talked about."""

    @reward
    def right(self) -> float:
        return max(super().right(), float("I call turn" in self.said))


class Easy(Safe):
    """Content with the first turn."""

    @reward
    def right(self) -> float:
        return float(self.turned >= 1)


class Coin(Safe):
    """Most of its tasks are solved as they are, and the card says so."""

    card: ClassVar[Card] = Card(
        traits=("skills",), horizon_unit="turns", horizons=(2, 4), floor=0.75
    )

    @reward
    def right(self) -> float:
        return float(self.task.horizon < 4 or self.turned == self.task.horizon)


class Unstated(Coin):
    """The same, and the card does not say so."""

    card: ClassVar[Card] = Safe.card


def broken(env: type[Env]) -> dict[str, str]:
    return {found.name: found.detail for found in check_env(env).broken}


def finding(env: type[Env], name: str) -> Finding:
    return next(found for found in check_env(env).findings if found.name == name)


class Losing(Safe):
    """Its expert does not know the way."""

    def oracle(self) -> str:
        return "nowhere"


class Unrewarded(Env):
    """Nothing of it is scored."""

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        return Task(id="x", prompt=f"Say {rng.integers(1 << 30)}.")


def test_an_environment_that_never_scores_is_told_to_mark_a_reward() -> None:
    assert "no method is marked @reward" in broken(Unrewarded)["there is a reward"]
    assert finding(Safe, "there is a reward").detail == "right"


def test_an_expert_that_loses_says_nothing_about_its_last_step() -> None:
    assert finding(Losing, "the oracle wins").ok is False
    assert finding(Losing, "the last step matters").ok is None


def test_an_expert_may_end_with_a_step_that_only_says_that_all_is_done() -> None:
    assert broken(Safe) == {}


@pytest.mark.parametrize(
    ("env", "what"),
    [
        (Believing, "saying 'Done. All tests passed: '"),
        (Searching, "repeating the prompt"),
        (Overhearing, "printing the answer where tools submit it"),
        (Quoting, "printing the expert's calls as text"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_talk_that_is_paid_is_found(env: type[Env], what: str) -> None:
    told = broken(env)["talk is worth nothing"]
    assert told.startswith(what)
    assert told.endswith("score what the agent did or submitted, not what stands in its text")


def test_work_that_may_be_left_undone_is_found() -> None:
    assert broken(Easy) == {
        "the last step matters": "8 of 8 episodes score 1 without the expert's last steps; let the "
        "reward ask for all of the work, and the expert stop when it is done"
    }


def test_a_floor_that_is_stated_is_no_fault() -> None:
    assert broken(Coin) == {}
    assert (
        "; 0.75 is stated, of which luck makes at most 1" in finding(Coin, "the floor loses").detail
    )
    assert "state the floor on the card" in broken(Unstated)["the floor loses"]


def test_a_prompt_may_be_as_long_as_the_card_says() -> None:
    class Terse(Safe):
        """Said to be short."""

        card = Card(traits=("skills",), horizon_unit="turns", horizons=(2, 4), prompt_chars=20)

    assert "at most 20 are stated" in broken(Terse)["prompts are there and short"]


def test_a_split_may_come_from_files_of_its_own() -> None:
    class Filed(Safe):
        """Its rows have the split that their file has."""

        def _draw(self, seed: int | None) -> Task:
            number = 2 * (seed or 0) + (self.split == "eval")
            prompt = f"Turn {2 + number % 3} times, row {number}."
            return Task(
                id=prompt, prompt=prompt, answer="x", split=self.split, horizon=2 + number % 3
            )

    assert broken(Filed) == {}


def test_what_cannot_be_made_is_one_finding() -> None:
    class Impossible(Safe):
        """Fails to be made."""

        def __init__(self, *, split: str = "train") -> None:
            raise KeyError("no such thing")

    assert broken(Impossible) == {"it begins": "KeyError: 'no such thing'"}
