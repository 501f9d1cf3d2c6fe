"""What a tool is given to work with: randomness, a sandbox, the model, the budget, the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from pydantic import JsonValue

from forethought.envs.canary import Canary
from forethought.sandbox import Sandbox

Reduction = Literal["first", "majority", "best_of", "merge", "all"]
WaitMode = Literal["all", "any"]
ItemStatus = Literal["open", "doing", "done"]
RUNNING = "running"
"""Status of a sub-agent that has not ended."""


@dataclass(kw_only=True, slots=True)
class PlanItem:
    """One line of the agent's plan."""

    text: str
    status: ItemStatus = "open"


@dataclass(kw_only=True, slots=True)
class Plan:
    """The agent's own plan; pinned by code when the context is compressed."""

    items: list[PlanItem] = field(default_factory=list)

    @property
    def open(self) -> Plan:
        """What is not done yet."""
        return Plan(items=[item for item in self.items if item.status != "done"])

    def __str__(self) -> str:
        marks = {"open": "[ ]", "doing": "[~]", "done": "[x]"}
        return "\n".join(f"{marks[item.status]} {item.text}" for item in self.items)


@dataclass(kw_only=True, slots=True)
class Branch:
    """A part of the work that leaves only its result in the context, once it is done."""

    call_id: str
    """Tool call that began it."""
    description: str
    message: str | None = None
    """What it came to; None while it is open."""


@dataclass(kw_only=True, slots=True)
class Notes:
    """What an agent has beside its context; see `forethought.envs.remember`."""

    memory: dict[str, str] = field(default_factory=dict)
    """Its own files, by path."""
    kept: dict[str, str] = field(default_factory=dict)
    """Old results that were taken out of its context, by path."""
    branch: Branch | None = None
    """The branch it is in, or has just returned from."""


@dataclass(kw_only=True, slots=True)
class Spent:
    """Tokens that an agent has sampled in its own replies so far, by phase."""

    plan: int = 0
    think: int = 0
    answer: int = 0
    """What lies in neither a plan nor a thought."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.plan + self.think + self.answer


class BudgetExhausted(ValueError):
    """The agent's budget does not allow the act; `what` says which part of it.

    A tool that wants more than there is tells the agent and nobody else.
    """

    def __init__(self, what: str, used: float, limit: float, *, hint: str = "") -> None:
        spent = f"{used:.10g} of {limit:.10g} spent"
        super().__init__(f"the {what} budget leaves too little: {spent}{hint}")
        self.what, self.used, self.limit = what, used, limit


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What is known of a sub-agent."""

    name: str
    status: str
    """"running", or why it ended: "submitted", "turn_limit", "dropped" ..."""
    answer: str | None = None
    turns: int = 0
    tokens: int = 0
    """Taken and sampled by it and its own sub-agents."""

    @property
    def text(self) -> str:
        """Its answer, or why there is none."""
        if self.answer is not None:
            return self.answer
        if self.status == RUNNING:
            return "(no answer yet: the sub-agent is still at work)"
        return f"(no answer: the sub-agent ended by {self.status.replace('_', ' ')})"


class Minds(Protocol):
    """More thought on request: sub-agents and parallel calls, provided by the agent loop.

    All raise ValueError for what cannot be asked for. `spawn` and `ask` raise BudgetExhausted
    before anything is started.
    """

    async def spawn(
        self,
        tasks: Sequence[str],
        *,
        context: Context,
        budget: int | None = None,
        wait: bool = True,
        fork: bool = False,
        own_sandbox: bool = False,
    ) -> list[Report]:
        """Run one sub-agent a task, in parallel; a report each, in order, failures included.

        Each may sample `budget` tokens, by default an equal share of what there is. Without `wait`
        they go on in the background, at most until the agent itself ends. With `fork` they begin
        with the agent's own conversation, and with `own_sandbox` with a copy of its files.
        """
        ...

    async def wait(
        self,
        names: Sequence[str] = (),
        *,
        context: Context,
        mode: WaitMode = "all",
        timeout_s: float | None = None,
    ) -> list[Report]:
        """Wait until all or any of the named sub-agents have ended, or for so long; reports.

        Without names it is about all that have not been reported yet.
        """
        ...

    async def cancel(self, names: Sequence[str], *, context: Context) -> list[Report]:
        """End sub-agents, their own included; reports of how they ended."""
        ...

    async def ask(
        self,
        prompts: Sequence[str],
        *,
        n: int,
        reduce: Reduction,
        context: Context,
        deadline_s: float | None = None,
        mind: str = "",
    ) -> list[str]:
        """`n` parallel model calls a prompt, reduced to one answer each.

        Calls that are not done after `deadline_s` seconds are given up; what there is by then is
        reduced. `mind` names another model to ask.
        """
        ...


@dataclass(kw_only=True, slots=True)
class Context:
    """Given to every tool that asks for it by annotating a parameter with `Context`."""

    rng: np.random.Generator
    sandbox: Sandbox | None = None
    minds: Minds | None = None
    plan: Plan = field(default_factory=Plan)
    notes: Notes = field(default_factory=Notes)
    spent: Spent | None = None
    """Kept by the agent loop; None where nobody counts tokens, as in plain Gymnasium code."""
    canary: Canary | None = None
    """Tells how much of the task's answer stands in a text from outside."""
    call_id: str = ""
    """Id of the tool call being run."""
    record: dict[str, JsonValue] = field(default_factory=dict)
    """What the call wants recorded beside its result; the agent does not see it."""
