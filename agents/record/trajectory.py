"""Trajectory: all events of one episode, and what can be read off them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from forethought.agents.record.critical import critical_path, is_turn
from forethought.agents.record.events import Call, Edit, End, Event, Message, Purpose, Reward, Start
from forethought.agents.record.stop import STOP_CAUSE, Cause, Stop


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Sampled tokens within a segment: `ids[start:end]` came from one model call."""

    call: int
    """Id of the call in its episode; (episode, call, position) names a draw."""
    start: int
    end: int
    purpose: Purpose
    logprobs: tuple[float, ...] | None
    version: int
    trainable: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A maximal run of calls, each prompt beginning with all the tokens before it."""

    episode: str
    agent: str
    ids: tuple[int, ...]
    spans: tuple[Span, ...]
    drifted: bool = False
    """The break before this segment is not explained by an Edit: the template changed history."""


class Trajectory:
    """The events of one episode, in order."""

    def __init__(self, id: str, events: list[Event]) -> None:
        self.id = id
        self.events = events

    @cached_property
    def start(self) -> Start:
        """Start of the main agent. Raises ValueError if the record lacks it."""
        for event in self.events:
            if isinstance(event, Start) and event.agent == "0":
                return event
        raise ValueError(f"episode {self.id}: no start in its record")

    @cached_property
    def end(self) -> End | None:
        """End of the main agent; None while the episode is open."""
        ends = (event for event in self.events if isinstance(event, End) and event.agent == "0")
        return next(ends, None)

    @property
    def stop(self) -> Stop | None:
        """Why the main agent ended; None while the episode is open."""
        return self.end.stop if self.end else None

    @property
    def reward(self) -> float | None:
        """The score; None when the episode is open, failed for infrastructure or is unscored."""
        if self.end is None or STOP_CAUSE[self.end.stop] is not Cause.POLICY:
            return None
        scores = [event.value for event in self.events if isinstance(event, Reward)]
        return scores[-1] if scores else None

    @property
    def metrics(self) -> dict[str, float | None]:
        """Metrics of the environment, by name."""
        found = [event for event in self.events if isinstance(event, Reward)]
        return {**found[-1].rewards, **found[-1].metrics} if found else {}

    @property
    def agents(self) -> list[str]:
        """Paths of all agents, in the order they began."""
        return [event.agent for event in self.events if isinstance(event, Start)]

    @property
    def calls(self) -> list[Call]:
        """All model calls, in the order they were finished."""
        return [event for event in self.events if isinstance(event, Call)]

    @property
    def num_sampled(self) -> int:
        """Tokens sampled by all agents, and by the other models that they asked."""
        return sum(len(call.completion) for call in self.calls)

    @property
    def num_turns(self) -> int:
        """Turns of all agents."""
        return sum(is_turn(call) for call in self.calls)

    @property
    def num_critical_calls(self) -> int:
        """Model calls on the longest chain of calls that had to wait for each other."""
        return critical_path(self.events, weight=lambda _: 1)

    @property
    def num_critical_turns(self) -> int:
        """Turns on the longest chain of turns that had to wait for each other."""
        return critical_path(self.events, weight=is_turn)

    @property
    def cost(self) -> float:
        """Money that all calls cost at the run's prices."""
        return sum(call.cost for call in self.calls)

    def messages(self, agent: str = "0") -> list[Message]:
        """All messages that ever were in an agent's context."""
        return [e for e in self.events if isinstance(e, Message) and e.agent == agent]

    def segments(self) -> list[Segment]:
        """Training rows: every token of the policy stands in exactly one span of one segment.

        Calls of other models and calls that were given up are in none. A sub-agent that began with
        its parent's conversation has that as context.
        """
        return list(_segments(self))

    @property
    def num_drifts(self) -> int:
        """Segment breaks that no Edit explains; 0 in a sound record."""
        return sum(segment.drifted for segment in self.segments())


@dataclass(slots=True)
class _Open:
    ids: list[int]
    spans: list[Span]
    drifted: bool = False
    call: int = -1
    """The last one."""

    def add(self, call: Call) -> None:
        """Take over what followed the shared tokens."""
        self.ids.extend(call.prompt)
        start = len(self.ids)
        self.ids.extend(call.completion)
        self.call = call.id
        self.spans.append(
            Span(
                call=call.id,
                start=start,
                end=len(self.ids),
                purpose=call.purpose,
                logprobs=call.logprobs,
                version=call.version,
                trainable=call.trainable,
            )
        )


def _segments(trajectory: Trajectory) -> Iterator[Segment]:
    """Cut each thread of calls where a prompt does not begin with all that came before."""
    threads: dict[tuple[str, str], _Open] = {}
    edited: set[str] = set()
    for event in trajectory.events:
        if isinstance(event, Edit):
            edited.add(event.agent)
        elif isinstance(event, Start) and event.forked_from is not None:
            threads[event.agent, ""] = _forked(trajectory.id, event, threads)
        if not isinstance(event, Call) or event.model or event.finish == "cancelled":
            continue
        key = (event.agent, event.thread)
        current = threads.setdefault(key, _Open([], []))
        _check_shared(trajectory.id, event, held=len(current.ids))
        if event.shared < len(current.ids):
            if current.spans:
                yield _closed(trajectory.id, event.agent, current)
            drifted = event.thread == "" and event.agent not in edited
            current = threads[key] = _Open(current.ids[: event.shared], [], drifted)
        if event.thread == "":
            edited.discard(event.agent)
        current.add(event)
    for (agent, _), current in threads.items():
        if current.spans:
            yield _closed(trajectory.id, agent, current)


def _check_shared(episode: str, call: Call, *, held: int) -> None:
    if call.shared > held:
        raise ValueError(
            f"episode {episode}: call {call.id} shares {call.shared} tokens with the call before "
            f"it on its thread, which has {held}"
        )


def _forked(episode: str, start: Start, threads: Mapping[tuple[str, str], _Open]) -> _Open:
    """What a sub-agent begins with that goes on from its parent's last call: context only."""
    parent = threads.get((start.agent.rpartition(".")[0], ""))
    if parent is None or parent.call != start.forked_from:
        raise ValueError(
            f"episode {episode}: agent {start.agent} goes on from call {start.forked_from}, which "
            "is not the last one of its parent"
        )
    return _Open(list(parent.ids), [])


def _closed(episode: str, agent: str, current: _Open) -> Segment:
    return Segment(
        episode=episode,
        agent=agent,
        ids=tuple(current.ids),
        spans=tuple(current.spans),
        drifted=current.drifted,
    )
