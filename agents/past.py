"""Past: what an unfinished episode has on record, so that a new run of it can catch up.

The episode is run from its start with the same task and seed and its actions are taken again, but
a model call that is on record is answered from there. So environment, budgets and context come to
stand where they stood. Whatever happens again is compared with the record: either it is the same,
or the past is of no use.

An agent's events have an order of their own: its conversation, and each thread, vote and join
beside it. Between these a call is answered only once all that was recorded before it has happened
again, and the engine is asked only once all of the record has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio
from anyio.lowlevel import checkpoint

from forethought.agents.engines.engine import ContextOverflow
from forethought.agents.record.events import (
    Call,
    Edit,
    End,
    Event,
    Join,
    Limit,
    Message,
    Vote,
)
from forethought.agents.record.stop import STOP_CAUSE, Cause, Stop

_NOT_COMPARED = {"t", "wall_s", "notes"}
"""What the clock says, and what tools noted beside their results."""
_SHOWN = 100
"""Characters of a value that an error shows."""


class Diverged(Exception):
    """A record cannot be gone on with; the episode has to be tried anew."""


@dataclass(slots=True)
class _Lane:
    """Events of one agent that follow each other, as places in the record."""

    places: list[int] = field(default_factory=list)
    num_met: int = 0
    num_given: int = 0
    """Leading ones up to the last call that was given; it is met when its reply is complete."""
    num_named: int = 0
    """Leading ones up to the last call whose id was taken."""

    @property
    def is_done(self) -> bool:
        return self.num_met == len(self.places)


class Past:
    """The record of an unfinished episode, taken off event by event.

    Raises Diverged for a record that would not come out the same: an agent of it was lost to the
    world or broken off by the operator.
    """

    def __init__(self, events: Sequence[Event]) -> None:
        _check(events)
        self.events = list(events)
        self.t = events[-1].t
        """Seconds that the episode had taken."""
        self.num_calls = 1 + max((e.id for e in events if isinstance(e, Call)), default=-1)
        self.why_not = ""
        """How it came apart, once it has."""
        self._lanes: dict[tuple[str, str], _Lane] = {}
        for place, event in enumerate(self.events):
            lane = self._lanes.setdefault((event.agent, _lane_of(event)), _Lane())
            lane.places.append(place)
        self._settled = [False] * len(self.events)
        self._num_settled = 0
        """Leading events that have happened again, or are calls that were given."""
        self._num_met = 0
        self._moved = anyio.Event()

    @property
    def is_over(self) -> bool:
        """Whether all that is on record has happened again."""
        return self._num_met == len(self.events)

    def meet(self, event: Event) -> Event | None:
        """The record of what has just happened again; None for what is not on record.

        Raises Diverged if something else is.
        """
        if self.why_not:
            raise Diverged(self.why_not)
        name = _lane_of(event)
        lane = self._lane(event.agent, name)
        if lane.is_done:
            if isinstance(event, End):
                self._check_asides(event.agent, before=len(self.events))
            return None
        place = lane.places[lane.num_met]
        recorded = self.events[place]
        if (difference := _difference(recorded, event)) is not None:
            raise self.apart(f"agent {event.agent}: {difference}")
        lane.num_met += 1
        if name and lane.is_done:
            del self._lanes[event.agent, name]
        self._num_met += 1
        self._settle(place)
        return recorded

    async def call(self, agent: str, thread: str) -> Call | None:
        """The agent's next call on a thread, in its turn; None if the engine has to be asked.

        Does not return for a call that was given up: the same will give it up again. Raises
        ContextOverflow where the record shows that the engine did, and Diverged.
        """
        name = _lane_of_thread(thread)
        lane = self._lane(agent, name)
        at = max(lane.num_met, lane.num_given)
        place = lane.places[at] if at < len(lane.places) else len(self.events)
        if not name:
            self._check_asides(agent, before=place)
        if place == len(self.events):
            # Its turn came to an end without it: the engine refused the prompt, and will again.
            was_refused = name and not self._lane(agent, "").is_done
            await self._until(0 if was_refused else place)
            return None
        recorded = self.events[place]
        if not isinstance(recorded, Call) or recorded.thread != thread:
            if _shows_overflow(recorded):
                raise ContextOverflow("the prompt did not fit the engine when it was made first")
            raise self.apart(
                f"agent {agent}: on record is a {recorded.kind}, but now the model was asked"
            )
        lane.num_given = at + 1
        await self._until(place)
        self._settle(place)
        if recorded.finish == "cancelled":
            await anyio.sleep_forever()
        return recorded

    def call_id(self, agent: str, thread: str) -> int | None:
        """Id of the agent's next call on a thread that is about to be recorded, if it has one."""
        lane = self._lane(agent, _lane_of_thread(thread))
        for at in range(max(lane.num_met, lane.num_named), len(lane.places)):
            event = self.events[lane.places[at]]
            if isinstance(event, Call):
                lane.num_named = at + 1
                return event.id
        return None

    def apart(self, why: str) -> Diverged:
        """The error for a record that is of no use, from now on."""
        self.why_not = self.why_not or why
        return Diverged(self.why_not)

    def _lane(self, agent: str, name: str) -> _Lane:
        return self._lanes.get((agent, name)) or _Lane()

    def _check_asides(self, agent: str, *, before: int) -> None:
        """What an agent did beside its conversation is done before that goes on or ends."""
        for (owner, name), lane in self._lanes.items():
            if owner == agent and name and lane.places[lane.num_met] < before:
                recorded = self.events[lane.places[lane.num_met]]
                raise self.apart(f"agent {agent}: a {recorded.kind} on {name} did not come again")

    def _settle(self, place: int) -> None:
        self._settled[place] = True
        while self._num_settled < len(self.events) and self._settled[self._num_settled]:
            self._num_settled += 1
        self._moved.set()
        self._moved = anyio.Event()

    async def _until(self, place: int) -> None:
        """Wait for all that was recorded before."""
        while self._num_settled < place:
            await self._moved.wait()
        # Also where nothing has to be waited for, an episode has to give way.
        await checkpoint()


def _check(events: Sequence[Event]) -> None:
    """Raise Diverged for events that came from outside and will not come again."""
    given_up: dict[int, Call] = {}
    for event in events:
        if isinstance(event, Call) and event.finish == "cancelled":
            given_up[event.id] = event
        elif isinstance(event, Vote):
            for late in event.late:
                given_up.pop(late, None)
        elif isinstance(event, End):
            if event.stop is Stop.TIME_LIMIT or STOP_CAUSE[event.stop] is not Cause.POLICY:
                raise Diverged(f"agent {event.agent} had ended by {event.stop.value}")
            given_up = {id: call for id, call in given_up.items() if call.agent != event.agent}
        elif isinstance(event, Limit) and event.what == "second":
            raise Diverged(f"its time of {event.limit:g} s was up")
    for call in given_up.values():
        raise Diverged(f"call {call.id} of agent {call.agent} was being given up")


def _lane_of(event: Event) -> str:
    match event:
        case Call():
            return _lane_of_thread(event.thread)
        case Vote() | Join():
            return f"{event.kind} {event.call_id}"
        case _:
            return ""


def _lane_of_thread(thread: str) -> str:
    """Summaries are made between turns, so they have their place in the conversation."""
    return "" if thread.startswith("summary.") else thread


def _shows_overflow(event: Event) -> bool:
    """Whether this, where a call was to come, is how room was made because it did not fit."""
    match event:
        case Message():
            return event.origin in ("harness", "summary")
        case Limit():
            return event.what == "context"
        case Call():
            return event.purpose == "summarise"
        case _:
            return isinstance(event, Edit)


def _difference(recorded: Event, event: Event) -> str | None:
    """How what came again differs from what is on record, in the first field that does."""
    if recorded.kind != event.kind:
        return f"on record is a {recorded.kind}, but now came a {event.kind}"
    old = recorded.model_dump(mode="json", exclude=_NOT_COMPARED)
    new = event.model_dump(mode="json", exclude=_NOT_COMPARED)
    for name, value in old.items():
        if new[name] != value:
            before, now = (str(each)[:_SHOWN] for each in (value, new[name]))
            return f"the {event.kind} on record has {name} {before!r}, but now it is {now!r}"
    return None
