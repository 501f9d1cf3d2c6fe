"""Episode: what all agents of one episode share, and the record they write."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import anyio

from forethought.agents.budget import Limits
from forethought.agents.compress.context import Compressor
from forethought.agents.engines.engine import Engine
from forethought.agents.engines.prices import FREE, Price
from forethought.agents.past import Diverged, Past
from forethought.agents.record.events import Event
from forethought.agents.record.log import EventLog
from forethought.envs.base import Env


@dataclass(kw_only=True, slots=True)
class Episode:
    """One run of a task, sub-agents included."""

    id: str
    log: EventLog
    limits: Limits
    compressor: Compressor | None
    engine_for: Callable[[Env], Engine]
    """The engine of an agent that acts in this environment."""
    nudge: bool = True
    """Whether an agent that goes in circles is told before it is stopped."""
    temperature: float = 1.0
    seed: int | None = None
    group: str = ""
    model_name: str = ""
    attempt: int = 0
    minds: Mapping[str, Engine] = field(default_factory=dict)
    """Other models that an agent may ask, by name; never trained on."""
    prices: Mapping[str, Price] = field(default_factory=dict)
    """By the name of a mind, or of the model itself; what is not named is free."""
    effort: int | None = None
    """Tokens that each reply is asked to take."""
    events: list[Event] = field(default_factory=list)
    num_calls: int = 0
    clock: Callable[[], float] = field(init=False)
    """Seconds of the clock by which its time limit is kept too."""
    began: float = field(init=False)
    past: Past | None = None
    """What is on record of it already, until all of that has happened again."""
    time_limit: anyio.CancelScope | None = None
    """What ends the main agent when its time is up."""
    _new: list[Event] = field(default_factory=list, init=False)
    """Events that the past did not hold, before it was over."""

    def __post_init__(self) -> None:
        self.clock = asyncio.get_running_loop().time
        self.began = self.clock()
        if self.past is not None:
            self.num_calls = self.past.num_calls

    @property
    def t(self) -> float:
        """Seconds since the episode began, to the microsecond; catching up takes none."""
        if self.past is not None:
            return self.past.t
        return round(self.clock() - self.began, 6)

    def record(self, *events: Event) -> None:
        """Add events to the record and to the log. Raises LogUnwritable, Diverged."""
        if self.past is not None:
            self._meet(self.past, events)
            return
        self.events += events
        self.log.record_all(self.id, events)

    def price(self, mind: str) -> Price:
        """What a mind costs; "" is the model itself."""
        return self.prices.get(mind or self.model_name, FREE)

    def take_call_id(self, agent: str, thread: str) -> int:
        """The next call's id, which is that on record if it is."""
        if self.past is not None and (known := self.past.call_id(agent, thread)) is not None:
            return known
        self.num_calls += 1
        return self.num_calls - 1

    def sampling_seed(self, agent: str, number: int) -> int | None:
        """Seed of an agent's n-th draw.

        It depends on nothing that timing could change, so an episode reproduces, and on the
        episode's id, so the siblings of a group differ. 31 bits are what every server takes.
        """
        if self.seed is None:
            return None
        key = f"{self.seed}/{self.id}/{agent}/{number}".encode()
        return int.from_bytes(hashlib.blake2b(key, digest_size=4).digest()) >> 1

    def _meet(self, past: Past, events: Sequence[Event]) -> None:
        """Take events that are on record from there, and keep the others until all have been.

        Being cancelled is no event of the past; it goes on instead of the error.
        """
        for event in events:
            try:
                recorded = past.meet(event)
            except Diverged:
                if anyio.current_effective_deadline() == -math.inf:
                    return
                raise
            self.events.append(event if recorded is None else recorded)
            if recorded is None:
                self._new.append(event)
        if past.is_over:
            self._catch_up(past)

    def _catch_up(self, past: Past) -> None:
        """Go on from where the record ends: its order, its time, what is new after it."""
        self.past = None
        self.events[:] = [*past.events, *self._new]
        self.began = self.clock() - past.t
        if self.time_limit is not None:
            self.time_limit.deadline = self.clock() + self.limits.seconds - past.t
        self.log.record_all(self.id, self._new)
