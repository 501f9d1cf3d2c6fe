"""Cutting: episodes by script that are broken off, gone on with and compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from crew import WIDE, Cast, Crew
from jumping import run_for

from forethought.agents.budget import Limits
from forethought.agents.engines.engine import Completion, ContextOverflow, Sampling
from forethought.agents.engines.prices import Price
from forethought.agents.loop import run_episode
from forethought.agents.past import Past
from forethought.agents.record.events import Call, Event, Start, Vote
from forethought.agents.record.log import EventLog, read_log
from forethought.agents.record.trajectory import Trajectory
from forethought.envs import Env

PRICES = {"": Price(prompt=1.0, completion=2.0)}


@dataclass(frozen=True, kw_only=True)
class Play:
    """An episode by script: what each agent says, and the window that the engine really has."""

    scripts: dict[str, Sequence[str | float]]
    limits: Limits = WIDE
    window: int = 1 << 30
    aside_window: int = 1 << 30


class Rest(Cast):
    """Says only what a record does not hold yet."""

    def __init__(self, play: Play, done: Sequence[Event] = ()) -> None:
        super().__init__(**play.scripts)
        self.windows = {True: play.window, False: play.aside_window}
        self.num_asked = 0
        tasks = {event.agent: event.task.prompt for event in done if isinstance(event, Start)}
        for each in done:
            if isinstance(each, Call):
                name = tasks[each.agent].removeprefix("part ") if "." in each.agent else "main"
                self._forget("aside" if each.purpose != "act" else name)

    async def generate(self, prompt: Sequence[int], sampling: Sampling) -> Completion:
        if len(prompt) > self.windows[sampling.purpose == "act"]:
            raise ContextOverflow("too long")
        self.num_asked += 1
        return await super().generate(prompt, sampling)

    def _forget(self, name: str) -> None:
        if isinstance(self.scripts[name].pop(0), float):
            self.scripts[name].pop(0)


async def live(
    cast: Cast,
    *,
    limits: Limits = WIDE,
    log: EventLog | None = None,
    past: Past | None = None,
    env: Env | None = None,
) -> Trajectory:
    """One episode that the cast plays."""
    return await run_episode(
        env or Crew(),
        cast,
        id="e",
        log=log or EventLog(None),
        limits=limits,
        seed=1,
        compressor="summarise",
        prices=PRICES,
        past=past,
    )


def run(
    cast: Cast,
    *,
    limits: Limits = WIDE,
    log: EventLog | None = None,
    past: Past | None = None,
    env: Env | None = None,
) -> Trajectory:
    """`live`, waited for."""
    return run_for(env, partial(live, cast, limits=limits, log=log, past=past, env=env))


def timeless(events: Sequence[Event]) -> list[tuple[str, str]]:
    """Each agent's events in its order, without what the clock said, calls by thread and message.

    Which of two agents or tools comes first, and gets which call id, is a matter of the clock too.
    """
    calls = [event for event in events if isinstance(event, Call)]
    names = {call.id: f"{call.agent} {call.thread} {call.message}" for call in calls}
    found = []
    for event in events:
        shown = event.model_dump(exclude={"t", "wall_s"})
        if isinstance(event, Call):
            shown["id"] = names[event.id]
        elif isinstance(event, Vote):
            shown["calls"] = [names[each] for each in event.calls]
            shown["late"] = [names[each] for each in event.late]
        elif isinstance(event, Start) and event.forked_from is not None:
            shown["forked_from"] = names[event.forked_from]
        found.append((f"{event.agent} {beside(event)}", str(shown)))
    return sorted(found, key=lambda item: item[0])


def beside(event: Event) -> str:
    """What of an agent's work beside its conversation an event belongs to; "" is that itself."""
    match event:
        case Call():
            return "" if event.purpose == "summarise" else event.thread
        case Vote():
            return f"vote {event.call_id}"
        case _:
            return ""


def check_gone_on(play: Play, uncut: Trajectory, cut: int, path: Path | None = None) -> None:
    """Cut an episode after some events, go on, and compare with what it was without the cut."""
    done = uncut.events[:cut]
    cast = Rest(play, done)
    with EventLog(path) as log:
        log.record_all("e", done)
        found = run(cast, limits=play.limits, log=log, past=Past(done))
    if path is not None:
        assert read_log(path)["e"].events == found.events
    assert found.events[:cut] == done
    assert timeless(found.events) == timeless(uncut.events)
    num_left = sum(isinstance(event, Call) for event in uncut.events[cut:])
    assert cast.num_asked == num_left
    assert found.num_drifts == 0
    assert drawn(found) == drawn(uncut)
    assert (found.num_sampled, found.cost) == (uncut.num_sampled, pytest.approx(uncut.cost))


def drawn(trajectory: Trajectory) -> list[tuple[str, tuple[int, ...], list[tuple[int, int]]]]:
    """What would be trained on: rows, and where in them the sampled tokens stand."""
    return sorted(
        (segment.agent, segment.ids, [(span.start, span.end) for span in segment.spans])
        for segment in trajectory.segments()
    )
