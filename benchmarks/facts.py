"""Facts: what statistics need to know about one episode, read off its trajectory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from forethought.agents.record.events import Call, Edit, Event, Nudge, ToolEvent
from forethought.agents.record.repeats import num_repeats
from forethought.agents.record.stop import STOP_CAUSE, Cause, Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.benchmarks.ballots import Ballot, voted
from forethought.benchmarks.planning import done_in_order, followed, num_replans
from forethought.envs.rewards import length_error

FOLLOWED = 0.25
"""A reply follows the effort that was asked if its length is off by no more than this share."""
PASSED = 1.0 - 1e-9
"""An episode succeeds when its reward is 1; partial credit counts in the mean reward alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """One finished episode, flattened; `reward` None is missing data, never a failure."""

    id: str
    task: str
    """Episodes of the same task carry the same name; it pairs runs of two models."""
    horizon: int
    traits: tuple[str, ...]
    stop: Stop
    reward: float | None
    confidence: float | None
    turns: int
    tokens: int
    """Sampled by all agents."""
    prompt_tokens: int
    """Of all calls together: what the model had to read."""
    plan_tokens: int
    think_tokens: int
    answer_tokens: int
    num_agents: int
    num_edits: int
    num_tools: int
    num_tool_errors: int
    num_repeats: int
    """Turns that repeated a mistake; see `forethought.agents.record.repeats`."""
    num_nudges: int
    num_drifts: int
    """Breaks of the context that no edit explains; 0 in a sound record."""
    num_trainable: int
    """Sampled tokens with log-probabilities."""
    num_trained: int
    """Such tokens in training segments, as often as they stand there."""
    seconds: float
    error: str | None
    """What went wrong, where the infrastructure ended it."""
    metrics: dict[str, float | None]
    task_id: str = ""
    """Of the task that was drawn: two seeds of a small data set may draw the same one."""
    answer: str | None = None
    num_calls: int = 0
    num_critical_calls: int = 0
    """Model calls on the longest chain of calls that waited for each other."""
    num_critical_turns: int = 0
    first_token_s: float | None = None
    """Mean over the calls whose tokens were seen to come."""
    cost: float = 0.0
    num_replans: int = 0
    plan_done: float | None = None
    """Share of the plan's items done in order; None without a plan."""
    plan_followed: float | None = None
    """Share of the tool calls that the plan's present item names; None where none can be judged."""
    effort: int | None = None
    """Tokens that each reply was asked to take."""
    effort_error: float | None = None
    """Mean over replies of |taken - asked| / asked; `effort_bias` is the same with its sign."""
    effort_bias: float | None = None
    effort_followed: float | None = None
    """Share of the replies that took what was asked, give or take a quarter."""
    ballots: tuple[Ballot, ...] = ()
    """Votes on the task itself."""

    @property
    def has_plan(self) -> bool:
        """Whether the main agent wrote a plan down."""
        return self.plan_done is not None

    @property
    def cause(self) -> Cause:
        """Who is to answer for how it ended."""
        return STOP_CAUSE[self.stop]

    @property
    def success(self) -> bool | None:
        """Whether the reward is 1; None where there is none."""
        return None if self.reward is None else self.reward >= PASSED

    @property
    def is_correct(self) -> bool:
        """Whether the answer is right: by the metric `correct`, where the reward says more."""
        correct = self.metrics.get("correct")
        return self.success is True if correct is None else correct >= PASSED


def facts_of(trajectory: Trajectory) -> Facts | None:
    """The facts of an episode; None while it is open."""
    end = trajectory.end
    if end is None:
        return None
    start, calls, events = trajectory.start, trajectory.calls, trajectory.events
    segments = trajectory.segments()
    tools = [event for event in events if isinstance(event, ToolEvent)]
    errors = length_errors(calls, start.effort)
    waits = [call.first_token_s for call in calls if call.first_token_s is not None]
    return Facts(
        id=trajectory.id,
        task=start.group or start.task.id,
        task_id=start.task.id,
        horizon=start.task.horizon,
        traits=start.task.traits,
        stop=end.stop,
        reward=trajectory.reward,
        confidence=end.confidence,
        turns=trajectory.num_turns,
        tokens=trajectory.num_sampled,
        prompt_tokens=sum(call.shared + len(call.prompt) for call in calls),
        plan_tokens=sum(call.plan_tokens for call in calls),
        think_tokens=sum(call.think_tokens for call in calls),
        answer_tokens=sum(call.answer_tokens for call in calls),
        num_agents=len(trajectory.agents),
        num_edits=_count_edits(events),
        num_tools=len(tools),
        num_tool_errors=sum(tool.error is not None for tool in tools),
        num_repeats=num_repeats(trajectory),
        num_nudges=sum(isinstance(event, Nudge) for event in events),
        num_drifts=sum(segment.drifted for segment in segments),
        num_trainable=sum(len(call.completion) for call in calls if call.trainable),
        num_trained=sum(
            span.end - span.start
            for segment in segments
            for span in segment.spans
            if span.trainable
        ),
        seconds=max(event.t for event in events),
        error=end.error,
        metrics=trajectory.metrics,
        answer=end.answer,
        num_calls=len(calls),
        num_critical_calls=trajectory.num_critical_calls,
        num_critical_turns=trajectory.num_critical_turns,
        first_token_s=fmean(waits) if waits else None,
        cost=trajectory.cost,
        num_replans=num_replans(events),
        plan_done=done_in_order(events),
        plan_followed=followed(events),
        effort=start.effort,
        effort_error=fmean(map(abs, errors)) if errors else None,
        effort_bias=fmean(errors) if errors else None,
        effort_followed=fmean(abs(e) <= FOLLOWED for e in errors) if errors else None,
        ballots=tuple(voted(trajectory)),
    )


def reply_lengths(calls: Sequence[Call]) -> list[int]:
    """Sampled tokens of each reply; one that was sampled in parts is one."""
    lengths: list[int] = []
    begun: defaultdict[str, int] = defaultdict(int)
    for call in calls:
        if call.purpose == "act":
            begun[call.agent] += len(call.completion)
            if call.message is not None:
                lengths.append(begun.pop(call.agent))
    return lengths


def length_errors(calls: Sequence[Call], effort: int | None) -> list[float]:
    """(taken - asked) / asked of each reply; none where nothing was asked."""
    if effort is None:
        return []
    return [length_error(length, effort) for length in reply_lengths(calls)]


def _count_edits(events: list[Event]) -> int:
    return sum(isinstance(event, Edit) for event in events)
