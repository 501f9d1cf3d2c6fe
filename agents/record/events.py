"""Events: what can happen in an episode, as it is written to the log.

The log is append-only and holds everything once: evaluation, viewer and trainer read the same
records. Agents are named by path: "0" is the main one, "0.2" its third sub-agent.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, model_validator

from forethought.agents.record.stop import Stop
from forethought.agents.templates.template import Role
from forethought.envs.task import Task

Purpose = Literal["act", "summarise", "judge", "sub_call"]
Origin = Literal["task", "policy", "env", "harness", "summary"]
Trigger = Literal["threshold", "overflow", "requested"]


_FIELDS_SET: set[str] = set()
"""One for all events, and empty."""


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    agent: str
    t: float
    """Seconds since the episode began."""

    def model_post_init(self, _: object) -> None:
        """Forget which fields were given: nobody asks, and it is more than half of an event."""
        object.__setattr__(self, "__pydantic_fields_set__", _FIELDS_SET)


class Start(_Event):
    """An agent begins."""

    kind: Literal["start"] = "start"
    env: str
    task: Task
    seed: int | None = None
    model: str = ""
    group: str = ""
    """Episodes of one group were drawn for the same task and are compared with each other."""
    attempt: int = 0
    """How often the episode was tried before and lost to infrastructure."""
    effort: int | None = None
    """Tokens that each reply was asked to take."""
    parent_call: str | None = None
    """Tool call that spawned this sub-agent."""
    background: bool = False
    """Whether that call returned at once; a Join then says when its report was read."""
    forked_from: int | None = None
    """Call of its parent whose prompt and completion its own conversation begins with."""
    turns: int
    tokens: int
    """Granted turns and sampled tokens."""
    money: float | None = None
    """Granted money, where that is bounded."""


class Message(_Event):
    """A message joins the agent's context, at its end unless an Edit says where."""

    kind: Literal["message"] = "message"
    id: int
    """Counts up from 0 within the agent."""
    role: Role
    text: str
    origin: Origin
    call_id: str | None = None
    """Tool call that this message answers."""
    error: str | None = None


class Call(_Event):
    """A model call, with the exact tokens that went in and came out.

    The prompt is stored against the agent's previous call of the same `thread`: it begins with
    the first `shared` tokens of that call's prompt + completion, followed by `prompt`. A call whose
    `shared` is the whole of the previous call's tokens continues its segment.
    """

    kind: Literal["call"] = "call"
    id: int
    """Counts up from 0 within the episode."""
    purpose: Purpose
    thread: str = ""
    """Calls of one thread follow each other; "" is the agent's main conversation."""
    shared: int = 0
    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    logprobs: tuple[float, ...] | None = None
    finish: Literal["stop", "length", "cancelled"]
    """"cancelled" if it was given up before it gave anything; `completion` is then empty."""
    version: int = 0
    model: str = ""
    """Name of another model that was asked, in whose own ids it is; "" is the policy."""
    message: int | None = None
    """Id of the message that the completion became, or ended; None for the earlier parts of a
    reply that was sampled in several, and for calls beside the conversation."""
    text: str = ""
    """Decoded completion of a call that became no message."""
    plan_tokens: int = 0
    think_tokens: int = 0
    answer_tokens: int = 0
    wall_s: float = 0.0
    first_token_s: float | None = None
    """Seconds to the first token, where the engine can see them come."""
    cost: float = 0.0
    """Money at the run's prices."""
    trainable: bool = True


class ToolEvent(_Event):
    """A tool ran; its output is the message that carries the same call id."""

    kind: Literal["tool"] = "tool"
    call_id: str
    name: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    error: str | None = None
    wall_s: float = 0.0
    truncated_from: int | None = None
    """Characters before the result was capped."""
    untrusted: bool = False
    """Whether the result is text from outside, such as a web page."""
    notes: dict[str, JsonValue] = Field(default_factory=dict)
    """What the tool wanted recorded; the agent did not see it."""


class Edit(_Event):
    """The context changed other than by growing; it must have become smaller."""

    kind: Literal["edit"] = "edit"
    strategy: str
    trigger: Trigger
    drop: tuple[int, ...] = ()
    """Ids of messages taken out."""
    replace: dict[int, int] = Field(default_factory=dict)
    """Message id -> id of the message that takes its place."""
    insert_after: int | None = None
    insert: tuple[int, ...] = ()
    """Ids of messages put in after `insert_after`."""
    tokens_before: int
    tokens_after: int

    @model_validator(mode="after")
    def _shrinks(self) -> Edit:
        if self.tokens_after >= self.tokens_before:
            raise ValueError(
                f"an edit must shrink the context, not {self.tokens_before} -> {self.tokens_after}"
            )
        return self


class Vote(_Event):
    """Parallel model calls were reduced to one answer."""

    kind: Literal["vote"] = "vote"
    call_id: str
    reduce: str
    calls: tuple[int, ...]
    answers: tuple[str, ...]
    """Of the calls that were in time, in their order."""
    chosen: str
    late: tuple[int, ...] = ()
    """Calls among `calls` that were given up at the deadline."""


class Join(_Event):
    """An agent read the reports of sub-agents that run in the background."""

    kind: Literal["join"] = "join"
    call_id: str
    children: tuple[str, ...]
    """Those that had ended by then."""


class PlanEvent(_Event):
    """The agent wrote or changed its plan."""

    kind: Literal["plan"] = "plan"
    items: tuple[str, ...]
    statuses: tuple[str, ...]


class Nudge(_Event):
    """The agent went in circles and was told so."""

    kind: Literal["nudge"] = "nudge"
    pattern: Literal["repeat", "alternation", "errors"]
    times: int
    """How often it came back until then."""
    message: int
    """Id of the message that told the agent."""


class Limit(_Event):
    """A limit was reached."""

    kind: Literal["limit"] = "limit"
    what: str
    used: float
    limit: float


class Snapshot(_Event):
    """The environment's state was kept, for forking."""

    kind: Literal["snapshot"] = "snapshot"
    ref: str
    parent: str | None = None


class Reward(_Event):
    """The episode was scored; `value` None means it could not be."""

    kind: Literal["reward"] = "reward"
    value: float | None
    rewards: dict[str, float | None] = Field(default_factory=dict)
    metrics: dict[str, float | None] = Field(default_factory=dict)


class End(_Event):
    """An agent ended; nothing of it follows."""

    kind: Literal["end"] = "end"
    stop: Stop
    answer: str | None = None
    confidence: float | None = None
    error: str | None = None
    turns: int = 0
    tokens: int = 0
    """Turns taken and tokens sampled by this agent and its sub-agents."""
    cost: float = 0.0
    """Money that they spent."""


Event = Annotated[
    Start
    | Message
    | Call
    | ToolEvent
    | Edit
    | Vote
    | Join
    | PlanEvent
    | Nudge
    | Limit
    | Snapshot
    | Reward
    | End,
    Field(discriminator="kind"),
]
EVENT: TypeAdapter[Event] = TypeAdapter(Event)
