"""Schema of verifiers' traces: what a line of `traces.jsonl` holds, as far as it is used.

From verifiers/v1/trace.py and graph.py of verifiers 0.4.0 (MIT,
github.com/PrimeIntellect-ai/verifiers).
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from forethought.agents.templates.template import Role


class Part(BaseModel):
    """What we do not use is let pass."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ToolCall(Part):
    """A call that an assistant's message makes."""

    id: str
    name: str
    arguments: str


class Content(Part):
    """A message."""

    role: Role
    content: str | list[dict[str, JsonValue]] | None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None


class Node(Part):
    """A message in the graph, and the tokens that it added."""

    parent: int | None = None
    message: Content
    sampled: bool = False
    token_ids: list[int] = Field(default_factory=list)
    mask: list[bool] = Field(default_factory=list)
    logprobs: list[float] = Field(default_factory=list)
    timestamp: float = 0.0


class ModelCall(Part):
    """What is told of a call beside its node."""

    node: int | None = None
    model: str | None = None
    finish_reason: str | None = None


class TraceReward(Part):
    """A reward and its weight."""

    score: float
    weight: float = 1.0


class TaskData(Part):
    """What the task was about."""

    name: str | None = None
    prompt: str | list[Content] | None = None


class TraceTask(Part):
    """The task as it stands on the trace."""

    type: str
    data: TaskData
    key: str | None = None


class TraceError(Part):
    """Something that went wrong."""

    type: str
    message: str


class Trace(Part):
    """One rollout."""

    version: Literal[1]
    id: str
    task: TraceTask
    nodes: list[Node] = Field(default_factory=list)
    calls: list[ModelCall] = Field(default_factory=list)
    rewards: dict[str, TraceReward | None] = Field(default_factory=dict)
    metrics: dict[str, float | None] = Field(default_factory=dict)
    ok: bool = False
    stop_condition: str | None = None
    is_timeout: bool = False
    errors: list[TraceError] = Field(default_factory=list)
