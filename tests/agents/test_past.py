"""Episodes that were broken off: cut anywhere, they go on and end as if they never had been."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import anyio
import pytest
from crew import WIDE, Cast, Crew, call, ends, kinds, spawn
from hypothesis import given, settings
from hypothesis import strategies as st

from forethought.agents.budget import Limits
from forethought.agents.engines.engine import Completion, Sampling
from forethought.agents.engines.models import ScriptedModel, SharedModel
from forethought.agents.engines.prices import Price
from forethought.agents.loop import run_episode
from forethought.agents.past import Diverged, Past
from forethought.agents.record.events import Call, Edit, End, Event, Start, Vote
from forethought.agents.record.log import EventLog, read_log, standing
from forethought.agents.record.stop import Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.rollout import Job, run_jobs
from forethought.envs import Env, registry, tool

Scripts = dict[str, Sequence[str | float]]
SMALL = Limits(context=5000, tokens=1 << 20, reply_tokens=300, turns=40)
PRICES = {"": Price(prompt=1.0, completion=2.0)}


def _wordy(number: int) -> str:
    return f"{'x' * 150} {call('echo', text=str(number) * 20)}"


ALONE: Scripts = {"main": [*(_wordy(number) for number in range(12)), "42"], "aside": ["so far"] * 9}
VOTES: Scripts = {
    "main": [
        call("ask", prompts=["one?", "two?"], n=3, reduce="majority"),
        call("plan", steps=["a", "b"]),
        call("ask", prompts=["three?"], n=2, reduce="best_of")
        + call("echo", text="beside the question"),
        "42",
    ],
    "aside": ["41", "42", "42", "x", "y", "y", "7", "8", "2"],
}
HANDS: Scripts = {
    "main": [spawn("a", "b", wait=True), spawn("c", fork=True), call("wait", names=[]), "42"],
    "a": [call("echo", text="hi"), call("echo", text="ho"), "from a"],
    "b": [call("ask", prompts=["?"], n=2, reduce="merge"), "from b"],
    "c": [call("echo", text="late"), "from c"],
    "aside": ["x", "y", "xy"],
}
CASES = {"compression": (ALONE, SMALL), "votes": (VOTES, WIDE), "sub-agents": (HANDS, WIDE)}


def staged(
    cast: Cast,
    limits: Limits,
    *,
    log: EventLog | None = None,
    past: Past | None = None,
    env: Env | None = None,
) -> Trajectory:
    """Run one episode that the cast plays."""

    async def main() -> Trajectory:
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

    return anyio.run(main)


def played(scripts: Scripts, limits: Limits, *, log: EventLog | None = None) -> Trajectory:
    """The episode without interruption."""
    return staged(Cast(**scripts), limits, log=log)


@cache
def whole(name: str) -> Trajectory:
    """The episode of a case, without interruption."""
    return played(*CASES[name])


class Rest(Cast):
    """Says only what the record does not hold, and counts what it was asked."""

    def __init__(self, scripts: Scripts, done: Sequence[Event]) -> None:
        super().__init__(**scripts)
        self.num_asked = 0
        tasks = {e.agent: e.task.prompt for e in done if isinstance(e, Start)}
        for each in done:
            if isinstance(each, Call):
                name = tasks[each.agent].removeprefix("part ") if "." in each.agent else "main"
                self.scripts["aside" if each.purpose != "act" else name].pop(0)

    async def generate(self, prompt: Sequence[int], sampling: Sampling) -> Completion:
        self.num_asked += 1
        return await super().generate(prompt, sampling)


def resumed(
    scripts: Scripts, limits: Limits, done: Sequence[Event], log: EventLog | None = None
) -> tuple[Trajectory, int]:
    """The episode gone on with from what was done, and how often the engine was asked."""
    cast = Rest(scripts, done)
    return staged(cast, limits, log=log, past=Past(done)), cast.num_asked


def timeless(events: Sequence[Event]) -> list[str]:
    """Each agent's events in its order, without what the clock said and without call ids."""
    ids: dict[int, str] = {}
    for event in events:
        if isinstance(event, Call):
            ids[event.id] = f"{event.agent} {event.thread} {event.message}"
    lines = []
    for event in events:
        shown = event.model_dump(exclude={"t", "wall_s"})
        if isinstance(event, Call):
            shown["id"] = ids[event.id]
        elif isinstance(event, Vote):
            shown["calls"] = sorted(ids[each] for each in event.calls)
        elif isinstance(event, Start) and event.forked_from is not None:
            shown["forked_from"] = ids[event.forked_from]
        lines.append((event.agent, str(shown)))
    return [line for _, line in sorted(lines, key=lambda item: item[0])]


@pytest.mark.parametrize("name", CASES)
def test_cut_at_any_event_it_ends_as_if_it_had_not_been(name: str, tmp_path: Path) -> None:
    scripts, limits = CASES[name]
    uncut = whole(name)
    num_calls = len(uncut.calls)
    assert uncut.reward == 1.0
    for cut in range(1, len(uncut.events)):
        done = uncut.events[:cut]
        path = tmp_path / f"{cut}.jsonl"
        with EventLog(path) as log:
            log.record_all("e", done)
            found, num_asked = resumed(scripts, limits, done, log)
        assert found.events[:cut] == done
        assert timeless(found.events) == timeless(uncut.events), cut
        assert num_asked == num_calls - sum(isinstance(event, Call) for event in done)
        assert read_log(path)["e"].events == found.events
        assert found.num_drifts == 0
        spans = [span for segment in found.segments() for span in segment.spans]
        assert sorted(span.call for span in spans) == list(range(num_calls))
