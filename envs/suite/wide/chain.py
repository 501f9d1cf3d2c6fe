"""Chain: machines that turn one word into another, applied one after the other.

What a machine makes of a word can only be found by asking it, and the next question needs the
answer, so that no two steps can be taken at once and nothing can be handed out: a control, on
which an agent that spawns has not understood why. It has the same tools as the tasks that can be
cut. The horizon is the number of steps.
"""

from __future__ import annotations

import hashlib
from typing import ClassVar

import numpy as np

from forethought.envs.base import Env
from forethought.envs.calls import render_call
from forethought.envs.card import Card
from forethought.envs.granted import MIND_TOOLS, plan
from forethought.envs.lines import without_plan
from forethought.envs.scoring import metric, reward
from forethought.envs.suite.wide.pages import draw_seed
from forethought.envs.task import Task
from forethought.envs.tools import tool

MACHINES = ["amber", "brass", "cedar", "drift", "ember", "flint", "grove", "heron"]
_LETTERS = "bdfgklmnprstvz"
_VOWELS = "aeiou"


class Chain(Env):
    """As many machines in a row as the horizon says."""

    card: ClassVar[Card] = Card(
        traits=("strategy", "abstraction"),
        horizon_unit="dependent steps",
        horizons=(1, 256),
        usual_horizons=(2, 4, 8, 16),
        floor=0.0,
    )
    grants = (*MIND_TOOLS, plan)
    state_fields = ("found",)
    instructions = "A machine turns a word into another one. Answer with the last word alone."

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """A first word and the machines to put it through."""
        seed = draw_seed(rng)
        names = [MACHINES[int(n)] for n in rng.integers(len(MACHINES), size=horizon)]
        first = made(seed, "first", "word")
        last = first
        for name in names:
            last = made(seed, name, last)
        return Task(
            id=f"chain-{horizon}-{seed}",
            prompt=f"Put the word {first} through these machines, each on the word that the one "
            f"before it gave: {', '.join(names)}",
            answer=last,
            data={"seed": seed, "machines": list(names), "first": first},
            traits=self.card.traits,
            horizon=horizon,
        )

    async def begin(self) -> str:
        """No machine has been asked yet. Raises ValueError for a task of another kind."""
        machines = self.task.data.get("machines")
        if not isinstance(machines, list) or not isinstance(self.task.data.get("seed"), int):
            raise ValueError(f"task {self.task.id!r} is none of the chain")
        self.machines = [str(name) for name in machines]
        self.found = 0
        return self.task.prompt

    def max_steps(self) -> int:
        """Room to ask every machine twice."""
        return 2 * self.task.horizon + 12

    @tool
    def apply(self, machine: str, word: str) -> str:
        """what a machine makes of a word"""
        if machine not in MACHINES:
            raise LookupError(f"no machine {machine[:40]!r}; there are: {', '.join(MACHINES)}")
        given = " ".join(word.split()).casefold()
        if len(self._words()) > self.found and self._is_next(machine, given):
            self.found += 1
        return made(self._seed(), machine, given)

    @tool
    def submit(self, answer: str, confidence: float | None = None) -> str:
        """give the last word and, from 0 to 1, how sure you are that it is right"""
        return super().submit(answer, confidence)

    async def reply(self, text: str) -> str:
        """Text without a call is the answer."""
        return self.submit(without_plan(text))

    @reward
    def right(self) -> float:
        """1 for the last word."""
        given = "" if self.submitted is None else self.submitted.answer
        return float(given.strip().casefold() == self.task.answer)

    @metric
    def steps_right(self) -> float:
        """Share of the machines that were asked about the right word, in order."""
        return self.found / len(self.machines)

    def oracle(self) -> str:
        """The next machine, or the answer."""
        words = self._words()
        if self.found == len(words):
            return render_call("submit", {"answer": str(self.task.answer)})
        step = {"machine": self.machines[self.found], "word": words[self.found]}
        action = render_call("apply", {**step})
        if self.num_steps == 0:
            return f"plan: {len(words)} machines, one after the other, alone; answer\n{action}"
        return action

    def floor(self, rng: np.random.Generator) -> str:
        """Ask some machine about the first word, or answer with it."""
        first = str(self.task.data["first"])
        if rng.random() < 0.3:
            return render_call("submit", {"answer": first})
        machine = MACHINES[int(rng.integers(len(MACHINES)))]
        return render_call("apply", {"machine": machine, "word": first})

    def _is_next(self, machine: str, word: str) -> bool:
        return (machine, word) == (self.machines[self.found], self._words()[self.found])

    def _words(self) -> list[str]:
        """What each machine is to be asked about."""
        words = [str(self.task.data["first"])]
        for name in self.machines[:-1]:
            words.append(made(self._seed(), name, words[-1]))
        return words

    def _seed(self) -> int:
        return int(str(self.task.data["seed"]))


def made(seed: int, machine: str, word: str) -> str:
    """A word of six letters that depends on all three and shows nothing of them."""
    digest = hashlib.sha256(f"{seed} {machine} {word}".encode()).digest()
    letters = [
        (_VOWELS if place % 2 else _LETTERS)[byte % (5 if place % 2 else 14)]
        for place, byte in enumerate(digest[:6])
    ]
    return "".join(letters)
