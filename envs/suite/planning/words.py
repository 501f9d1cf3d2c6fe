"""The words in which a blocks world is told: plain ones, or ones that give nothing away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from forethought.envs.suite.planning.blocks import TABLE, bottom_up, holding, supports
from forethought.envs.suite.planning.strips import Atom, Operator, State


class Words(NamedTuple):
    """Names of the four actions, the two relations and the table."""

    pick_up: str = "pick-up"
    put_down: str = "put-down"
    stack: str = "stack"
    unstack: str = "unstack"
    on: str = "on"
    holding: str = "holding"
    table: str = "table"

    @property
    def example(self) -> str:
        """A move to show how moves are written."""
        return f"{self.unstack} b a"

    @property
    def brief(self) -> str:
        """The actions, for those who know what the words mean."""
        return (
            f"{self.pick_up} X, {self.put_down} X, {self.stack} X Y, {self.unstack} X Y "
            f"(X {self.on} Y, nothing {self.on} X)"
        )

    @property
    def rules(self) -> str:
        """The actions with all that they need and do, one a line."""
        free = f"nothing {self.on} X, {self.holding} nothing"
        return "\n".join(
            (
                f"{self.pick_up} X: needs X {self.on} {self.table}, {free}; gives {self.holding} X",
                f"{self.put_down} X: needs {self.holding} X; gives X {self.on} {self.table}",
                f"{self.stack} X Y: needs {self.holding} X, nothing {self.on} Y; "
                f"gives X {self.on} Y",
                f"{self.unstack} X Y: needs X {self.on} Y, {free}; gives {self.holding} X",
            )
        )

    def action(self, verb: str) -> str:
        """The action's name in the domain. Raises KeyError for another word."""
        return self._actions[verb]

    @property
    def verbs(self) -> tuple[str, ...]:
        """The words that are actions."""
        return tuple(self._actions)

    def move(self, action: Operator) -> str:
        """`unstack b a`."""
        verb = next(word for word, name in self._actions.items() if name == action.name)
        return " ".join((verb, *action.arguments))

    def atom(self, atom: Atom) -> str:
        """`b on a`, `b on table` or `holding b`."""
        if atom[0] == "holding":
            return f"{self.holding} {atom[1]}"
        return f"{atom[1]} {self.on} {atom[2] if atom[0] == 'on' else self.table}"

    def state(self, state: State) -> str:
        """`a c on table; b on a; holding d`; towers from the table up, alphabetically."""
        support, held = supports(state), holding(state)
        order = list(bottom_up(support))
        bottoms = " ".join(block for block in order if support[block] == TABLE)
        parts = [f"{bottoms} {self.on} {self.table}"] if bottoms else []
        parts += [f"{b} {self.on} {support[b]}" for b in order if support[b] != TABLE]
        return "; ".join(parts if held is None else [*parts, f"{self.holding} {held}"])

    def goal(self, goal: State) -> str:
        """`a on c; b on a`, each tower from below, which is the order to build it in."""
        wanted = supports(goal)
        return "; ".join(
            f"{block} {self.on} {self.table if wanted[block] == TABLE else wanted[block]}"
            for block in bottom_up(wanted)
        )

    def plan(self, moves: Sequence[Operator]) -> str:
        """`plan: b down; a on c`: where each block goes, in order."""
        down = "down" if self == PLAIN else self.table
        steps = [
            f"{move.arguments[0]} {down}"
            if move.name == "put-down"
            else f"{move.arguments[0]} {self.on} {move.arguments[1]}"
            for move in moves
            if move.name in ("put-down", "stack")
        ]
        return f"plan: {'; '.join(steps)}"

    def why_not(self, state: State, missing: Atom) -> str:
        """What stands against a move whose precondition `missing` does not hold."""
        held = holding(state)
        if missing[0] == "handempty" or (missing[0] == "clear" and held == missing[1]):
            return f"{self.holding} {held}"
        if missing[0] == "clear":
            above = next(a[1] for a in state if a[0] == "on" and a[2] == missing[1])
            return self.atom(("on", above, missing[1]))
        return f"not {self.atom(missing)}"

    @property
    def _actions(self) -> dict[str, str]:
        return {
            self.pick_up: "pick-up",
            self.put_down: "put-down",
            self.stack: "stack",
            self.unstack: "unstack",
        }


PLAIN = Words()

MYSTERY = (
    "amber",
    "bell",
    "cedar",
    "coral",
    "crave",
    "dusk",
    "ember",
    "feast",
    "fern",
    "flint",
    "frost",
    "glow",
    "harbour",
    "hum",
    "ivory",
    "jade",
    "lantern",
    "maple",
    "meadow",
    "mist",
    "moon",
    "myrtle",
    "oak",
    "onyx",
    "pearl",
    "pine",
    "prism",
    "raven",
    "reed",
    "ripple",
    "river",
    "sage",
    "shell",
    "sky",
    "slate",
    "song",
    "spark",
    "storm",
    "tide",
    "vine",
    "willow",
)


def draw_words(rng: np.random.Generator) -> Words:
    """Seven different words that have nothing to do with blocks."""
    picks = rng.permutation(len(MYSTERY))[: len(Words._fields)]
    return Words(*(MYSTERY[int(pick)] for pick in picks))
