"""BFCL multi-turn: a user's requests, one after the other, on simulated services that keep state.

The multi-turn categories of the Berkeley Function Calling Leaderboard (Patil et al., ICML 2025;
github.com/ShishirPatil/gorilla, Apache-2.0), with the data, the services and the checks of the
package `bfcl-eval` and a caller of our own. Trains skills (which calls, in which order, with which
arguments) and strategy: what is done in one turn is built upon in the next, and in two categories
the right thing is to say what is missing. The horizon is the number of calls in the known solution.
Beside the reward stands the share of turns that passed.

A turn is over when the agent replies without a call. It passes, as upstream has it, if the services
are in the state that the solution leaves and all that the solution's calls answered has been
answered to the agent; a turn without a solution always passes. More than 20 steps in a turn end
the episode, which is worth nothing then.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import ClassVar, Literal, get_args

import numpy as np
from pydantic import JsonValue

from forethought.envs.calls import render_call
from forethought.envs.card import Card
from forethought.envs.datasets.bfcl_rows import (
    Script,
    described_by,
    functions,
    read_tasks,
    script_of,
)
from forethought.envs.datasets.bfcl_world import (
    INSTALL,
    Service,
    World,
    contains,
    data_folder,
    method_of,
)
from forethought.envs.datasets.dataset import DataMissing, Dataset
from forethought.envs.datasets.described import described
from forethought.envs.needs import Need
from forethought.envs.scoring import metric, reward
from forethought.envs.task import Split, Task
from forethought.envs.tools import Tool

Category = Literal["base", "miss_func", "miss_param", "long_context"]
MAX_STEPS_PER_TURN = 20
"""Upstream's MAXIMUM_STEP_LIMIT: a step more ends the episode."""
MORE_FUNCTIONS = "I have updated some more functions you can choose from. What about now?"
"""Upstream's words for a turn in which functions are added."""
_RULES = (
    "At each turn, do your best to complete the tasks requested by the user within that turn. "
    "Go on calling functions until the request is fulfilled as well as you can. A reply without a "
    "call ends the turn. If no function can be used, or a parameter is not known, say so."
)
_NOT_POSSIBLE = "I cannot do that yet: a function or a value that it needs is missing."
_DONE = "That is done."
_GOODBYE = "Thank you, that was all."
PACKAGE = Need(
    what="the package bfcl-eval",
    get=f"run: {INSTALL}",
    is_here=lambda: importlib.util.find_spec("bfcl_eval") is not None,
)


class BfclMultiTurn(Dataset):
    """Several requests of a user, to be served with the functions of simulated services.

    `category` is `base`, `miss_func` (a function is held back for a while), `miss_param` (a value
    is told a turn later) or `long_context` (services that answer at length).
    """

    card: ClassVar[Card] = Card(
        traits=("skills", "strategy"),
        horizon_unit="calls of the known solution",
        horizons=(1, 64),
        floor=0.0,
        licence="Apache-2.0 (bfcl-eval)",
        source="Patil et al., ICML 2025; github.com/ShishirPatil/gorilla",
    )
    folder = "bfcl"
    files: Mapping[Split, str] = {"eval": "BFCL_v4_multi_turn_base.json"}
    origin = "https://pypi.org/project/bfcl-eval"
    state_fields = (
        "world",
        "reference",
        "turn",
        "turn_start",
        "num_calls",
        "answers",
        "passed",
        "offered",
    )
    world: World
    reference: World
    """The same services, used by the solution."""
    script: Script

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        path: str | None = None,
        whole: bool = False,
        category: Category = "base",
    ) -> None:
        super().__init__(horizon=horizon, split=split, path=path, whole=whole)
        if category not in get_args(Category):
            raise ValueError(f"category is one of {get_args(Category)}, not {category!r}")
        self.files = {"eval": f"BFCL_v4_multi_turn_{category}.json"}
        self.instructions = _RULES
        self._offered: frozenset[str] = frozenset()
        self.turn, self.turn_start, self.num_calls = 0, 0, 0
        self.answers: list[str] = []
        """Of all calls so far."""
        self.passed: list[bool] = []
        """For each turn that is over."""

    @classmethod
    def needs(cls) -> tuple[Need, ...]:
        """The package, which has the data in it."""
        return (PACKAGE,)

    @classmethod
    def load(cls, file: Path) -> Iterable[Task]:
        """Tasks with their solutions. Raises ValueError and DataMissing."""
        try:
            yield from read_tasks(file)
        except FileNotFoundError as error:
            raise DataMissing(cls._advice(str(error))) from None

    async def begin(self) -> str:
        """Set the services up. Raises ValueError for a task that is none of BFCL's, BfclMissing."""
        script = self.script = script_of(self.task)
        self.world = World.of(script.services, script.config, is_long=script.is_long)
        self.reference = World.of(script.services, script.config, is_long=script.is_long)
        self.turn, self.turn_start, self.num_calls = 0, 0, 0
        self.answers, self.passed = [], []
        self.offered = frozenset(self._known()) - script.held_back
        return self.task.prompt

    def max_steps(self) -> int:
        """The last one that the present turn may have."""
        return self.turn_start + MAX_STEPS_PER_TURN + 1

    async def reply(self, text: str) -> str:
        """End the turn; the user goes on with the next one."""
        self.passed.append(self._passes())
        self.turn, self.turn_start, self.num_calls = self.turn + 1, self.num_steps, 0
        if self.turn == len(self.script.turns):
            self.over = True
            return _GOODBYE
        added = self.script.added.get(self.turn, ())
        self.offered |= frozenset(added)
        if self.script.turns[self.turn]:
            return self.script.turns[self.turn]
        return f"{self.protocol.explain([self.tools[name] for name in added])}\n{MORE_FUNCTIONS}"

    @reward
    def resolved(self) -> float:
        """1 if every turn passed."""
        return float(len(self.passed) == len(self.script.turns) and all(self.passed))

    @metric
    def turns_passed(self) -> float:
        """Share of the turns that passed."""
        return sum(self.passed) / len(self.script.turns)

    def oracle(self) -> str:
        """The next call of the solution, or several where a turn has more than it may have steps.

        Each turn opens with what is planned for it.
        """
        calls = self.script.solution[self.turn]
        if self.num_calls >= len(calls):
            return _DONE if calls else _NOT_POSSIBLE
        at_once = 1 + len(calls) // MAX_STEPS_PER_TURN
        due = calls[self.num_calls : self.num_calls + at_once]
        action = "\n".join(render_call(call.name, {**call.arguments}) for call in due)
        plan = f"plan: {', '.join(each.name for each in calls)}\n" if self.num_calls == 0 else ""
        return f"{plan}{action}"

    def floor(self, rng: np.random.Generator) -> str:
        """Call a random function without arguments, or end the turn."""
        names = sorted(self._known())
        name = names[int(rng.integers(len(names)))]
        return (render_call(name, {}), _DONE)[int(rng.integers(2))]

    def _root(self) -> Path:
        """The package's own data, unless a path was given."""
        return super()._root() if self.path is not None else data_folder()

    def _known(self) -> dict[str, Tool]:
        folder = self._file()[0].parent
        known: dict[str, Tool] = {}
        for service in self.script.services:
            known.update(catalogue(folder, service))
        return known

    @property
    def offered(self) -> frozenset[str]:
        """Functions that the agent has been told of; setting it changes the tools."""
        return self._offered

    @offered.setter
    def offered(self, names: frozenset[str]) -> None:
        others = {name: tool for name, tool in self.tools.items() if name not in self._offered}
        own = {
            name: replace(tool, function=partial(self._call, name))
            for name, tool in self._known().items()
            if name in names
        }
        self._offered, self.tools = names, {**others, **own}

    def _call(self, function_name: str, /, **arguments: JsonValue) -> str:
        self.num_calls += 1
        answer = self._answer(self.world, function_name, arguments)
        self.answers.append(answer)
        return answer

    def _answer(self, world: World, name: str, arguments: Mapping[str, JsonValue]) -> str:
        service, _ = functions(self._file()[0].parent, self.script.services)[name]
        return world.call(service, name, arguments)

    def _passes(self) -> bool:
        solution = self.script.solution[self.turn]
        wanted = [self._answer(self.reference, call.name, call.arguments) for call in solution]
        if not solution:
            return True
        if not self.num_calls:
            return False
        return self.world.equals(self.reference) and contains(self.answers, wanted)


@cache
def catalogue(folder: Path, service: Service) -> Mapping[str, Tool]:
    """The functions of a service as they are described, by name."""
    try:
        return {
            each.name: described(
                each, method_of(service, each.name), is_typed=False, resource="services"
            )
            for each in described_by(folder, service)
        }
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{folder}: {service}: {error}; is it of another version?") from None
