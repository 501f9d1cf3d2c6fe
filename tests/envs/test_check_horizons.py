"""The smallest and the largest horizon of a card are tried."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from forethought.envs import Card, Env, Task, reward
from forethought.envs.check import Finding, check_env


class Spell(Env):
    """Say the letters."""

    card: ClassVar[Card] = Card(
        traits=("skills",), horizon_unit="letters", horizons=(3, 64), prompt_chars=100
    )

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        word = "".join(rng.choice(list("abcdefgh"), size=horizon))
        return Task(id=word, prompt=f"Say {word}.", answer=word)

    @reward
    def said(self) -> float:
        return float(self.submitted is not None and self.submitted.answer == self.task.answer)

    def oracle(self) -> str:
        return str(self.task.answer)


class Short(Spell):
    """Makes no more than ten."""

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        task = super().make_task(rng, horizon=horizon)
        return task.model_copy(update={"horizon": min(horizon, 10)})


class Breaking(Spell):
    """Has a bug at ten."""

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        return super().make_task(rng, horizon=10 if horizon <= 10 else [1][horizon])


class Long(Spell):
    """Says more than it states."""

    async def begin(self) -> str:
        return self.task.prompt * 2


class Tiring(Spell):
    """Its expert forgets after ten."""

    def oracle(self) -> str:
        return str(self.task.answer)[:10]


class Unasked(Spell):
    """Takes no horizon."""

    def __init__(self, *, split: str = "train") -> None:
        super().__init__(split=split)  # type: ignore[arg-type]


def finding(env: type[Env]) -> Finding:
    (found,) = (each for each in check_env(env).findings if each.name.startswith("horizons"))
    return found


def test_both_ends_are_made_and_solved() -> None:
    found = finding(Spell)
    assert (found.ok, found.detail) == (True, "3 and 64 letters: the expert wins at both")


@pytest.mark.parametrize(
    ("env", "detail"),
    [
        (Short, "asked for horizon 64, make_task says 10; leave it out of the task"),
        (Breaking, "IndexError: list index out of range (test_check_horizons.py:"),
        (Long, "at horizon 64 the prompt has 138 characters; at most 100 are stated"),
        (Tiring, "at horizon 64 the expert scores 0.0; mend it, or narrow horizons"),
    ],
)
def test_an_end_that_is_not_as_stated_is_found(env: type[Env], detail: str) -> None:
    found = finding(env)
    assert found.ok is False
    assert found.detail.startswith(detail)


def test_an_environment_without_horizons_of_its_own_has_nothing_to_check() -> None:
    assert (finding(Unasked).ok, finding(Unasked).detail) == (None, "its __init__ takes no horizon")
