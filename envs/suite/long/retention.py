"""Retention: a working day in which what is said early is needed late.

Slip after slip comes in and is filed. Some of the first say a fact, a rule or a thing to do at the
end; long after a small context has lost them each is needed once: a question to answer, a slip to
file by the rule, an errand to run. What a scheme of context compression keeps is what comes right.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import JsonValue

from forethought.envs.base import Env
from forethought.envs.card import Card
from forethought.envs.lines import first_command, without_plan
from forethought.envs.rewards import normalise
from forethought.envs.scoring import metric, reward
from forethought.envs.suite.long.retention_expert import Expert
from forethought.envs.suite.long.slips import CLOSING, SHELVES, Kind, Script, Slip, script_of
from forethought.envs.task import Split, Task
from forethought.envs.tools import tool

_RULES = (
    "Slips come in one at a time; file each where it says. Some say what you will need later: "
    "facts, rules, things to do at the end."
)
_LINES = "Reply with one line: file SHELF, answer WORDS, do ERRAND, or finish."
_CALLS = (
    "Call a tool a turn, or reply with one line: file SHELF, answer WORDS, do ERRAND, or finish."
)
_NUMBER = re.compile(r"\d+")
_SPARE_ERRANDS = 2
"""Errands that may be run beside those that there are; then the day is over."""


class Retention(Env):
    """Facts, rules and open errands among ordinary work, each needed once and late.

    There are `rounds` of checks with `gap` slips of `words` words before each. A reply that cannot
    be read leaves its slip undone and the next one comes. `terse` leaves the tools out of the
    prompt, for small models and small contexts.
    """

    card: ClassVar[Card] = Card(
        traits=("abstraction", "skills"),
        horizon_unit="things to remember",
        horizons=(3, 18),
        usual_horizons=(3, 6, 9),
        floor=0.01,
    )
    state_fields = ("at", "right", "errands_run", "told")

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        rounds: int = 2,
        gap: int = 6,
        words: int = 40,
        terse: bool = False,
    ) -> None:
        super().__init__(horizon=horizon, split=split)
        if rounds < 1 or gap < 1 or words < 0:
            raise ValueError(
                f"there is at least one round with one slip before it, of no fewer than 0 words; "
                f"not rounds={rounds}, gap={gap}, words={words}"
            )
        self.measures = {"rounds": rounds, "gap": gap, "words": words}
        self.instructions = f"{_RULES} {_LINES if terse else _CALLS}"
        if terse:
            self.tools = {}
        self.script = Script(facts=(), rules=(), errands=(), slips=())
        self.at = 0
        """Slips done; the day's closing is after the last."""
        self.right: list[bool] = []
        """Of each slip done, whether it was done as wanted."""
        self.errands_run: list[str] = []
        self.told: list[str] = []
        """All that was ever shown."""

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """A day with `horizon` things to remember."""
        return task_of(int(rng.integers(1 << 31)), things=horizon, **self.measures)

    async def begin(self) -> str:
        """Write the script. Raises ValueError if the task's answer is not what it gives."""
        self.script = _script(self.task)
        if self.task.answer != _answer(self.script):
            raise ValueError(f"task {self.task.id!r}: its script no longer gives its answer")
        self.at, self.right, self.errands_run, self.told = 0, [], [], []
        return self._tell(f"{self.task.prompt}\n\n{self.script.slips[0].text}")

    async def reply(self, text: str) -> str:
        """Do what the first line that is an action says; other text does nothing."""
        command = first_command(text, ("file", "answer", "do"))
        if command is None:
            lines = without_plan(text).splitlines()
            is_end = any(line.strip().lower().rstrip(".") == "finish" for line in lines)
            return self._do("finish" if is_end else "", "")
        return self._do(*command)

    @tool
    def file(self, shelf: int) -> str:
        """file the slip under a shelf"""
        return self._do("file", str(shelf))

    @tool
    def answer(self, text: str) -> str:
        """answer the question of the slip"""
        return self._do("answer", text)

    @tool
    def do(self, errand: str) -> str:
        """run an errand that is still to be done, when the slips are done"""
        return self._do("do", errand)

    @tool
    def finish(self) -> str:
        """end the day, when nothing is left to be done"""
        return self._do("finish", "")

    def max_steps(self) -> int:
        """Several turns a slip, for tools that help to remember."""
        return 6 * (len(self.script.slips) + len(self.script.errands)) + 16

    def _do(self, verb: str, rest: str) -> str:
        if self.at < len(self.script.slips):
            self.right.append(_is_right(self.script.slips[self.at], verb, rest))
            self.at += 1
            if self.at < len(self.script.slips):
                return self._tell(self.script.slips[self.at].text)
            return self._tell(CLOSING)
        if verb == "do":
            self.errands_run.append(rest)
        if verb == "finish" or self._num_closing() > len(self.script.errands) + _SPARE_ERRANDS:
            return self.submit("finished")
        return self._tell(f"Noted. {CLOSING}")

    def _num_closing(self) -> int:
        return sum(CLOSING in text for text in self.told)

    def _tell(self, text: str) -> str:
        self.told.append(text)
        return text

    @reward
    def kept(self) -> float:
        """Share of the facts, rules and errands that came right."""
        shares = {
            "facts": (self.facts(), len(self.script.facts)),
            "rules": (self.rules(), len(self.script.rules)),
            "errands": (self.errands(), self._num_open()),
        }
        total = sum(count for _, count in shares.values())
        return sum((share or 0.0) * count for share, count in shares.values()) / total

    @metric
    def facts(self) -> float | None:
        """Share of the questions answered right."""
        return self._share("fact")

    @metric
    def rules(self) -> float | None:
        """Share of the slips filed by a rule set long before."""
        return self._share("rule")

    @metric
    def errands(self) -> float | None:
        """Open errands run, less those run that were none or called off, of all that were open."""
        wanted = Counter(normalise(e.what) for e in self.script.errands if not e.is_off)
        if not wanted:
            return None
        run = Counter(map(normalise, self.errands_run))
        right = (run & wanted).total()
        return max(0, right - (run.total() - right)) / wanted.total()

    @metric
    def filed(self) -> float | None:
        """Share of the ordinary slips filed where they say."""
        return self._share("work")

    @metric
    def first_round(self) -> float | None:
        """Share of the checks of the first round that came right."""
        return self._share_of_round(1)

    @metric
    def last_round(self) -> float | None:
        """Share of the checks of the last round that came right."""
        return self._share_of_round(max(slip.round for slip in self.script.slips))

    def _num_open(self) -> int:
        return sum(not errand.is_off for errand in self.script.errands)

    def _share(self, kind: Kind) -> float | None:
        return self._right_of([i for i, s in enumerate(self.script.slips) if s.kind == kind])

    def _share_of_round(self, number: int) -> float | None:
        return self._right_of([i for i, s in enumerate(self.script.slips) if s.round == number])

    def _right_of(self, indices: Sequence[int]) -> float | None:
        """Share that was done right; what the episode did not come to was not."""
        done = [self.right[index] for index in indices if index < len(self.right)]
        return sum(done) / len(indices) if indices else None

    def oracle(self) -> str:
        """The next action of an expert who remembers everything that was shown."""
        return Expert(frozenset()).act("\n".join([*self.told[:-1], *self._run(), self.told[-1]]))

    def oracle_seeing(self, prompt: str) -> str:
        """The next action of an expert who knows only what the prompt shows."""
        return Expert(frozenset(self.tools)).act(prompt)

    def oracle_retelling(self, prompt: str) -> str:
        """All in a prompt that will be needed, in as few words as it was told."""
        return Expert(frozenset(self.tools)).retell(prompt)

    def floor(self, rng: np.random.Generator) -> str:
        """File under any shelf, answer any number, run no errand."""
        if self.at >= len(self.script.slips):
            return "finish"
        if self.script.slips[self.at].kind == "fact":
            return f"answer {rng.integers(1000, 10_000)}"
        return f"file {rng.integers(1, SHELVES + 1)}"

    def _run(self) -> list[str]:
        """Errands that were run, in the words in which a reply says so."""
        return [f"do {errand}" for errand in self.errands_run]


def task_of(seed: int, *, things: int, rounds: int, gap: int, words: int) -> Task:
    """The task of the script drawn from a seed."""
    measures = {"things": things, "rounds": rounds, "gap": gap, "words": words}
    script = script_of(seed, **measures)
    return Task(
        id=f"retention-{seed:08x}-{things}",
        prompt="Here is the first slip of the day.",
        answer=_answer(script),
        data={"script_seed": seed, **measures},
        traits=Retention.card.traits,
        horizon=things,
    )


def _script(task: Task) -> Script:
    names = ("script_seed", "things", "rounds", "gap", "words")
    given = {name: value for name in names if isinstance(value := task.data.get(name), int)}
    if len(given) < len(names):
        raise ValueError(f"task {task.id!r} needs {', '.join(names)} in its data")
    return script_of(given.pop("script_seed"), **given)


def _answer(script: Script) -> list[JsonValue]:
    """The checks' right actions, then the errands."""
    checks = [slip.wanted for slip in script.slips if slip.round]
    return [*checks, *(f"do {errand.what}" for errand in script.errands if not errand.is_off)]


def _is_right(slip: Slip, verb: str, rest: str) -> bool:
    """Whether verb and number are the wanted ones, whatever words stand around the number."""
    wanted, _, value = slip.wanted.partition(" ")
    return verb == wanted and _NUMBER.findall(rest) == [value]
