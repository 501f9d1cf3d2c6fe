"""Episodes that were broken off: cut anywhere, they go on and end as if they never had been."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import anyio
import pytest
from crew import WIDE, Cast, Crew, call, kinds, spawn
from hypothesis import given, settings
from hypothesis import strategies as st

from forethought.agents.budget import Limits
from forethought.agents.engines.engine import Completion, ContextOverflow, Sampling
from forethought.agents.engines.prices import Price
from forethought.agents.loop import run_episode
from forethought.agents.past import Diverged, Past
from forethought.agents.record.events import Call, Edit, End, Event, Start, Vote
from forethought.agents.record.log import EventLog, read_log
from forethought.agents.record.stop import Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.envs import Card, Context, Env, tool
from forethought.sandbox import Sandbox, open_sandbox

PRICES = {"": Price(prompt=1.0, completion=2.0)}


@dataclass(frozen=True, kw_only=True)
class Play:
    """An episode by script: what each agent says, and the window that the engine really has."""

    scripts: dict[str, Sequence[str | float]]
    limits: Limits = WIDE
    window: int = 1 << 30


class Rest(Cast):
    """Says only what a record does not hold yet."""

    def __init__(self, play: Play, done: Sequence[Event] = ()) -> None:
        super().__init__(**play.scripts)
        self.window = play.window
        self.num_asked = 0
        tasks = {event.agent: event.task.prompt for event in done if isinstance(event, Start)}
        for each in done:
            if isinstance(each, Call):
                name = tasks[each.agent].removeprefix("part ") if "." in each.agent else "main"
                self._forget("aside" if each.purpose != "act" else name)

    async def generate(self, prompt: Sequence[int], sampling: Sampling) -> Completion:
        if len(prompt) > self.window:
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
    return anyio.run(partial(live, cast, limits=limits, log=log, past=past, env=env))


def timeless(events: Sequence[Event]) -> list[tuple[str, str]]:
    """Each agent's events in its order, without what the clock said, calls by thread and message.

    Which of two agents comes first, and so gets which call id, is a matter of the clock too.
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
        found.append((event.agent, str(shown)))
    return sorted(found, key=lambda item: item[0])


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


def wordy(number: int) -> str:
    return f"{'x' * 150} {call('echo', text=str(number) * 20)}"


PLAYS = {
    "compression": Play(
        scripts={"main": [*map(wordy, range(10)), "42"], "aside": ["so far", "further"]},
        limits=Limits(context=3000, tokens=1 << 20, reply_tokens=300, turns=40),
    ),
    "overflow": Play(
        scripts={"main": [*map(wordy, range(6)), "42"], "aside": ["so far", "further"]},
        limits=Limits(context=9000, tokens=1 << 20, reply_tokens=300, turns=40),
        window=2200,
    ),
    "votes": Play(
        scripts={
            "main": [
                call("ask", prompts=["one?", "two?"], n=3, reduce="majority"),
                call("plan", items=["a", "b"]),
                call("ask", prompts=["three?"], n=2, reduce="best_of") + call("echo", text="too"),
                "42",
            ],
            "aside": ["41", "42", "42", "x", "y", "y", "7", "8", "2"],
        }
    ),
    "phases": Play(
        scripts={
            "main": [
                f"<think>{'a' * 90}",
                call("echo", text="one"),
                f"<think>{'b' * 90}",
                "42",
            ]
        },
        limits=Limits(context=1 << 20, tokens=1 << 20, reply_tokens=200, think_tokens=40),
    ),
    "sub-agents": Play(
        scripts={
            "main": [spawn("a", "b", wait=True), spawn("c", fork=True), call("wait"), "42"],
            "a": [call("echo", text="hi"), call("echo", text="ho"), "from a"],
            "b": [call("ask", prompts=["?"], n=2, reduce="merge"), "from b"],
            "c": [call("echo", text="late"), "from c"],
            "aside": ["x", "y", "xy"],
        }
    ),
}


@cache
def uncut(name: str) -> Trajectory:
    """The episode of a play without interruption."""
    return run(Rest(PLAYS[name]), limits=PLAYS[name].limits)


@pytest.mark.parametrize("name", PLAYS)
def test_cut_after_any_event_it_ends_as_if_it_had_not_been(name: str, tmp_path: Path) -> None:
    whole = uncut(name)
    assert whole.stop is Stop.SUBMITTED
    for cut in range(1, len(whole.events)):
        check_gone_on(PLAYS[name], whole, cut, tmp_path / f"{cut}.jsonl")


def test_the_plays_are_what_they_are_called() -> None:
    edits = [event for event in uncut("compression").events if isinstance(event, Edit)]
    assert {edit.trigger for edit in edits} == {"threshold"}
    edits = [event for event in uncut("overflow").events if isinstance(event, Edit)]
    assert {edit.trigger for edit in edits} == {"overflow"}
    assert len(kinds(uncut("votes"), Vote)) == 3
    assert len(uncut("phases").calls) > uncut("phases").num_turns
    assert uncut("sub-agents").agents == ["0", "0.0", "0.1", "0.2"]


_ACTS = [
    call("echo", text="a"),
    call("echo", text="b") + call("echo", text="c"),
    call("plan", items=["one", "two"]),
    call("ask", prompts=["?"], n=3, reduce="majority"),
    call("ask", prompts=["?", "!"], n=2, reduce="merge"),
    call("ask", prompts=["?"], n=2, reduce="best_of") + call("ask", prompts=["!"]),
    spawn("a", "b", wait=True),
    call("no_such_tool"),
]
_BACKGROUND = [spawn("b"), spawn("a", fork=True), call("wait", mode="any"), call("cancel")]


def of_acts(acts: Sequence[str]) -> Play:
    """An episode of some acts, with enough to say for everybody."""
    parts = {
        "a": [call("echo", text="x"), "from a"] * 5,
        "b": [call("ask", prompts=["?"], n=2, reduce="all"), "from b"] * 5,
    }
    return Play(scripts={"main": [*acts, "42"], **parts, "aside": ["same"] * 99})


@settings(max_examples=20, deadline=None)
@given(acts=st.lists(st.sampled_from(_ACTS), max_size=5), share=st.floats(0, 1))
def test_whatever_it_did_it_can_be_gone_on_with(acts: list[str], share: float) -> None:
    whole = run(Rest(of_acts(acts)))
    check_gone_on(of_acts(acts), whole, 1 + int(share * (len(whole.events) - 2)))


@settings(max_examples=15, deadline=None)
@given(acts=st.lists(st.sampled_from(_ACTS + _BACKGROUND), max_size=5), share=st.floats(0, 1))
def test_work_in_the_background_goes_on_in_a_sound_record(acts: list[str], share: float) -> None:
    whole = run(Rest(of_acts(acts)))
    done = whole.events[: 1 + int(share * (len(whole.events) - 2))]
    try:
        past = Past(done)
    except Diverged as error:
        assert "was being given up" in str(error)  # noqa: PT017 - one of two ways that are right
        return
    found = run(Rest(of_acts(acts), done), past=past)
    assert found.events[: len(done)] == done
    assert found.num_drifts == 0
    assert sorted(call.id for call in found.calls) == list(range(len(found.calls)))
    spans = [span.call for segment in found.segments() for span in segment.spans]
    assert sorted(spans) == [call.id for call in found.calls if call.finish != "cancelled"]
    ended = [event for event in found.events if isinstance(event, End)]
    assert sorted(end.agent for end in ended) == sorted(found.agents)
    assert ended[-1].tokens == found.num_sampled


def test_an_episode_is_cut_off_again_while_it_goes_on() -> None:
    whole = uncut("sub-agents")
    found = whole.events[:5]
    for cut in range(10, len(whole.events), 10):
        cast = Rest(PLAYS["sub-agents"], found)
        found = run(cast, past=Past(found)).events[:cut]
    check_gone_on(PLAYS["sub-agents"], whole, len(found))


LATE = Play(
    scripts={
        "main": [call("ask", prompts=["?"], n=2, reduce="majority", deadline_s=0.05), "42"],
        "aside": ["in time", 9.0, "late"],
    }
)


def test_a_call_that_was_late_is_late_again() -> None:
    whole = run(Rest(LATE))
    (vote,) = kinds(whole, Vote)
    assert isinstance(vote, Vote)
    assert len(vote.late) == 1
    first = whole.events.index(vote) + 1
    for cut in range(first, len(whole.events)):
        check_gone_on(LATE, whole, cut)
    with pytest.raises(Diverged, match="call 2 of agent 0 was being given up"):
        Past(whole.events[: first - 1])


DROPPED = Play(
    scripts={
        "main": [spawn("a"), call("rest", seconds=0.01), call("cancel", names=["0.0"]), "42"],
        "a": [call("echo", text="hi"), 9.0, "never"],
    }
)


def test_a_sub_agent_that_was_cancelled_is_cancelled_again() -> None:
    whole = run(Rest(DROPPED))
    assert next(each.stop for each in whole.events if isinstance(each, End)) is Stop.DROPPED
    given_up = next(e for e in whole.calls if e.finish == "cancelled")
    place = whole.events.index(given_up)
    for cut in range(place + 2, len(whole.events)):
        check_gone_on(DROPPED, whole, cut)
    with pytest.raises(Diverged, match=f"call {given_up.id} of agent 0.0 was being given up"):
        Past(whole.events[: place + 1])


@pytest.mark.parametrize("stop", [Stop.PROVIDER_ERROR, Stop.CANCELLED, Stop.TIME_LIMIT])
def test_what_the_world_ended_is_not_gone_on_with(stop: Stop) -> None:
    lost = End(agent="0.0", t=1.0, stop=stop)
    with pytest.raises(Diverged, match=rf"agent 0\.0 had ended by {stop.value}"):
        Past([*uncut("votes").events[:4], lost])


class Shelf(Crew):
    """Has files."""

    card = Card(traits=("skills",), horizon_unit="files", needs_sandbox=True)

    def open_sandbox(self) -> AbstractAsyncContextManager[Sandbox]:
        return open_sandbox(backend="local")

    @tool
    async def add(self, line: str, context: Context) -> str:
        """add a line to the file and read all of it"""
        assert context.sandbox is not None
        command = 'echo "$0" >> file; cat file'
        return (await context.sandbox.exec(["sh", "-c", command, line])).stdout


def test_commands_are_run_again_in_a_fresh_sandbox() -> None:
    play = Play(scripts={"main": [*(call("add", line=line) for line in "abc"), "42"]})
    done = run(Rest(play), env=Shelf()).events[:-5]
    found = run(Rest(play, done), env=Shelf(), past=Past(done))
    assert found.reward == 1.0
    assert [each.text for each in found.messages() if each.call_id is not None][-1] == "a\nb\nc\n"


class Moody(Crew):
    """Says something else each time that it is made."""

    def __init__(self, mood: str) -> None:
        super().__init__()
        self.mood = mood
        self.is_asleep = anyio.Event()

    @tool
    async def feel(self) -> str:
        """how it is"""
        if self.mood == "gone":
            raise ConnectionError("the sandbox is gone")
        if self.mood == "asleep":
            self.is_asleep.set()
            await anyio.sleep_forever()
        return self.mood


@pytest.mark.parametrize(
    ("mood", "why"),
    [
        ("glad", "agent 0: the message on record has text 'sad', but now it is 'glad'"),
        ("gone", "agent 0: the tool on record has error 'None', but now it is 'cancelled'"),
    ],
)
def test_a_world_that_has_changed_is_told_and_nothing_written(
    mood: str, why: str, tmp_path: Path
) -> None:
    play = Play(scripts={"main": [call("feel"), call("feel"), "42"]})
    done = run(Rest(play), env=Moody("sad")).events[:-4]
    with EventLog(tmp_path / "log") as log, pytest.raises(Diverged) as error:
        run(Rest(play, done), env=Moody(mood), log=log, past=Past(done))
    assert str(error.value) == why
    assert (tmp_path / "log").read_bytes() == b""


def test_another_model_or_another_task_is_not_gone_on_with() -> None:
    done = uncut("votes").events[:5]
    start = done[0]
    assert isinstance(start, Start)
    other = start.model_copy(update={"model": "another"})
    with pytest.raises(Diverged, match="the start on record has model 'another', but now it is ''"):
        run(Rest(PLAYS["votes"], done), past=Past([other, *done[1:]]))


def test_what_the_record_has_and_the_episode_does_not_do_again_is_told() -> None:
    whole = uncut("votes")
    place = whole.events.index(next(each for each in whole.calls[1:] if each.thread == ""))
    strange = whole.calls[1].model_copy(update={"thread": "ask.7.0.0", "id": 99})
    done = [*whole.events[:place], strange, *whole.events[place : place + 2]]
    with pytest.raises(Diverged, match=r"agent 0: a call on ask\.7\.0\.0 did not come again"):
        run(Rest(PLAYS["votes"], done), past=Past(done))


def test_time_that_was_spent_counts_and_catching_up_takes_none() -> None:
    first = call("rest", seconds=0.3)
    quick, slow = (Play(scripts={"main": [first, *rest, "42"]}) for rest in ([], [60.0]))
    limits = Limits(context=1 << 20, reply_tokens=2000, tokens=1 << 20, seconds=600)
    done = run(Rest(quick), limits=limits).events[:6]
    done[-1] = done[-1].model_copy(update={"t": limits.seconds - 0.1})
    found = run(Rest(slow, done), limits=limits, past=Past(done))
    assert found.stop is Stop.TIME_LIMIT
    assert found.end is not None
    assert limits.seconds <= found.end.t < limits.seconds + 30


def test_being_interrupted_while_catching_up_leaves_the_record_as_it_was(tmp_path: Path) -> None:
    play = Play(scripts={"main": [call("feel"), call("feel"), "42"]})
    done = run(Rest(play), env=Moody("sad")).events[:8]
    asleep = Moody("asleep")

    async def main() -> None:
        with EventLog(tmp_path / "log") as log:
            async with anyio.create_task_group() as group:
                going_on = partial(live, log=log, past=Past(done), env=asleep)
                group.start_soon(going_on, Rest(play, done))
                await asleep.is_asleep.wait()
                group.cancel_scope.cancel()

    anyio.run(main)
    assert (tmp_path / "log").read_bytes() == b""
