"""Episodes that were broken off: cut anywhere, they go on and end as if they never had been."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from functools import cache
from pathlib import Path

import pytest
from crew import Crew, call, kinds, spawn
from cutting import Play, Rest, check_gone_on, run
from hypothesis import given, settings
from hypothesis import strategies as st

from forethought.agents.budget import Limits
from forethought.agents.past import Diverged, Past
from forethought.agents.record.events import Edit, End, Vote
from forethought.agents.record.stop import Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.envs import Card, Context, tool
from forethought.sandbox import Sandbox, open_sandbox


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
    "a question that is too long": Play(
        scripts={
            "main": [call("ask", prompts=["?", "long" * 50], n=2, reduce="majority"), "42"],
            "aside": ["one", "two"],
        },
        aside_window=100,
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


@settings(max_examples=20)
@given(acts=st.lists(st.sampled_from(_ACTS), max_size=5), share=st.floats(0, 1))
def test_whatever_it_did_it_can_be_gone_on_with(acts: list[str], share: float) -> None:
    whole = run(Rest(of_acts(acts)))
    check_gone_on(of_acts(acts), whole, 1 + int(share * (len(whole.events) - 2)))


@settings(max_examples=15)
@given(acts=st.lists(st.sampled_from(_ACTS + _BACKGROUND), max_size=5), share=st.floats(0, 1))
def test_work_in_the_background_goes_on_in_a_sound_record(acts: list[str], share: float) -> None:
    whole = run(Rest(of_acts(acts)))
    done = whole.events[: 1 + int(share * (len(whole.events) - 2))]
    try:
        found = run(Rest(of_acts(acts), done), past=Past(done))
    except Diverged:  # where work was dropped half-way, by the clock
        assert Stop.DROPPED in {e.stop for e in whole.events if isinstance(e, End)}
        return
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
        "main": [call("ask", prompts=["?"], n=2, reduce="majority", deadline_s=0.5), "42"],
        "aside": ["in time", 9.0, "late"],
    }
)


def test_a_call_that_was_late_is_late_again() -> None:
    whole = run(Rest(LATE))
    (vote,) = kinds(whole, Vote)
    assert isinstance(vote, Vote)
    assert len(vote.late) == 1
    first = whole.events.index(vote) + 1
    for cut in (first, len(whole.events) - 1):
        check_gone_on(LATE, whole, cut)
    with pytest.raises(Diverged, match="call 2 of agent 0 was being given up"):
        Past(whole.events[: first - 1])


DROPPED = Play(
    scripts={
        "main": [spawn("a"), call("rest", seconds=0.3), call("cancel", names=["0.0"]), "42"],
        "a": [call("echo", text="hi"), 9.0, "never"],
    }
)


def test_a_sub_agent_that_was_cancelled_is_cancelled_again() -> None:
    whole = run(Rest(DROPPED))
    assert next(each.stop for each in whole.events if isinstance(each, End)) is Stop.DROPPED
    given_up = next(e for e in whole.calls if e.finish == "cancelled")
    place = whole.events.index(given_up)
    for cut in (place + 2, len(whole.events) - 1):
        check_gone_on(DROPPED, whole, cut)
    with pytest.raises(Diverged, match=f"call {given_up.id} of agent 0.0 was being given up"):
        Past(whole.events[: place + 1])


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
        return (await context.sandbox.exec(["sh", "-c", command, line])).stdout.decode()


def test_commands_are_run_again_in_a_fresh_sandbox() -> None:
    play = Play(scripts={"main": [*(call("add", line=line) for line in "abc"), "42"]})
    done = run(Rest(play), env=Shelf()).events[:-5]
    found = run(Rest(play, done), env=Shelf(), past=Past(done))
    assert found.reward == 1.0
    assert [each.text for each in found.messages() if each.call_id is not None][-1] == "a\nb\nc\n"


def test_time_that_was_spent_counts_and_catching_up_takes_none() -> None:
    first = call("rest", seconds=0.3)
    quick, slow = (Play(scripts={"main": [first, *rest, "42"]}) for rest in ([], [60.0]))
    limits = Limits(context=1 << 20, reply_tokens=2000, tokens=1 << 20, seconds=600)
    done = run(Rest(quick), limits=limits).events[:6]
    done[-1] = done[-1].model_copy(update={"t": limits.seconds - 0.1})
    found = run(Rest(slow, done), limits=limits, past=Past(done))
    assert found.stop is Stop.TIME_LIMIT
    assert found.end is not None
    assert found.end.t == limits.seconds
