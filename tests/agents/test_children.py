"""Sub-agents in the background: handles, waiting, dropping, forks, and that none is left over."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from crew import WIDE, Cast, Crew, call, ends, perform, results, spawn, stage
from jumping import run_jumping

from forethought.agents.budget import Limits
from forethought.agents.loop import run_episode
from forethought.agents.record.events import Call, End, Join, Message, Start, ToolEvent
from forethought.agents.record.log import EventLog, read_log
from forethought.agents.record.stop import Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.envs import Task
from forethought.envs.card import Card
from forethought.envs.granted import FILE_TOOLS, MIND_TOOLS

LONG = [call("rest", seconds=60), "never said"]


def check_record(trajectory: Trajectory) -> None:
    """An End for each agent, after its children's, and a result for each call."""
    begun = [e.agent for e in trajectory.events if isinstance(e, Start)]
    ended = [e.agent for e in trajectory.events if isinstance(e, End)]
    assert sorted(begun) == sorted(ended)
    for agent in begun:
        below = [ended.index(other) for other in begun if other.startswith(f"{agent}.")]
        assert all(place < ended.index(agent) for place in below)
        last = max(i for i, e in enumerate(trajectory.events) if e.agent == agent)
        assert isinstance(trajectory.events[last], End)
        tools = [
            e.call_id for e in trajectory.events if isinstance(e, ToolEvent) and e.agent == agent
        ]
        assert Counter(tools) == Counter(set(tools))
        assert Counter(tools) == Counter(m.call_id for m in results(trajectory, agent))
    assert trajectory.end is not None
    assert trajectory.end.tokens == trajectory.num_sampled
    # A turn is charged before the act, which may then fail.
    assert 0 <= trajectory.end.turns - trajectory.num_turns <= len(begun)


def test_a_spawn_that_does_not_wait_returns_names_and_the_parent_goes_on() -> None:
    trajectory = perform(
        left=[0.05, "the left result"],
        right=["the right result"],
        main=[spawn("left", "right"), call("echo", text="meanwhile"), call("wait"), "42"],
    )
    started, meanwhile, waited = [m.text for m in results(trajectory)]
    assert (started, meanwhile) == ("started 0.0, 0.1", "meanwhile")
    assert waited == (
        "0.0 submitted (1 turns, 16 tokens): the left result\n"
        "0.1 submitted (1 turns, 17 tokens): the right result"
    )
    assert trajectory.reward == 1.0
    starts = [e for e in trajectory.events if isinstance(e, Start)]
    assert [s.background for s in starts] == [False, True, True]
    (join,) = [e for e in trajectory.events if isinstance(e, Join)]
    assert (join.call_id, join.children) == ("2.0", ("0.0", "0.1"))
    check_record(trajectory)


def test_waiting_for_any_returns_with_the_first_and_for_the_rest_later() -> None:
    trajectory = perform(
        slow=[0.3, "slow"],
        fast=["fast"],
        main=[spawn("slow", "fast"), call("wait", mode="any"), call("wait"), "42"],
    )
    _, first, rest = [m.text for m in results(trajectory)]
    assert first.splitlines()[0].startswith("0.0 running (1 turns, 0 tokens)")
    assert first.splitlines()[1] == "0.1 submitted (1 turns, 5 tokens): fast"
    assert rest == "0.0 submitted (1 turns, 5 tokens): slow"
    joins = [e.children for e in trajectory.events if isinstance(e, Join)]
    assert joins == [("0.1",), ("0.0",)]


def test_waiting_ends_with_its_timeout_and_says_who_is_still_at_work() -> None:
    waits = call("wait", timeout_s=0.05)
    trajectory = perform(slow=LONG, main=[spawn("slow"), waits, "42"])
    assert results(trajectory)[1].text == (
        "0.0 running (1 turns, 70 tokens): (no answer yet: the sub-agent is still at work)"
    )
    assert ends(trajectory) == {"0.0": Stop.DROPPED, "0": Stop.SUBMITTED}
    assert trajectory.reward == 1.0


def test_a_sub_agent_that_is_cancelled_ends_with_its_own_and_gives_back_what_it_had() -> None:
    trajectory = perform(
        deep=LONG,
        left=[spawn("deep"), *LONG],
        right=["right"],
        main=[
            spawn("left", "right"),
            call("rest", seconds=0.1),
            call("cancel", names=["0.0"]),
            call("wait"),
            spawn("again", wait=True),
            "42",
        ],
        again=["again"],
    )
    texts = [m.text for m in results(trajectory)]
    assert texts[2].startswith("0.0 dropped (3 turns")
    assert texts[2].endswith("(no answer: the sub-agent ended by dropped)")
    assert texts[3] == "0.1 submitted (1 turns, 6 tokens): right"
    assert ends(trajectory) == {
        "0.1": Stop.SUBMITTED,
        "0.0.0": Stop.DROPPED,
        "0.0": Stop.DROPPED,
        "0.2": Stop.SUBMITTED,
        "0": Stop.SUBMITTED,
    }
    again = [e for e in trajectory.events if isinstance(e, Start)][-1]
    sampled = sum(len(c.completion) for c in trajectory.calls[:-2])
    assert again.tokens == (WIDE.tokens - sampled) // 2
    check_record(trajectory)


@pytest.mark.parametrize("last", ["42", "FAIL", call("crash")], ids=["answer", "provider", "bug"])
def test_a_parent_that_ends_ends_its_children_and_then_itself(last: str) -> None:
    trajectory = perform(
        left=LONG,
        right=[spawn("deep"), *LONG],
        deep=LONG,
        main=[spawn("left", "right"), call("rest", seconds=0.1), last],
    )
    stops = ends(trajectory)
    assert list(stops)[-1] == "0"
    below = Stop.DROPPED if last == "42" else Stop.CANCELLED
    assert {stops[name] for name in ("0.0", "0.1", "0.1.0")} == {below}
    check_record(trajectory)


def test_a_parent_that_is_out_of_turns_ends_its_children() -> None:
    trajectory = perform(Limits(turns=3, context=1 << 20), left=LONG, main=[spawn("left")] * 3)
    assert ends(trajectory)["0"] is Stop.TURN_LIMIT
    assert ends(trajectory)["0.0"] is Stop.DROPPED
    check_record(trajectory)


def test_a_child_that_fails_by_its_own_fault_is_a_report_and_its_siblings_are_kept() -> None:
    trajectory = perform(
        Limits(turns=9, context=1 << 20, tokens=1 << 20),
        left=[call("echo", text="still busy")] * 9,
        right=["the right result"],
        main=[spawn("left", "right"), call("wait"), "42"],
    )
    left, right = results(trajectory)[1].text.splitlines()
    assert left.startswith("0.0 turn limit (2 turns")
    assert right == "0.1 submitted (1 turns, 17 tokens): the right result"
    assert trajectory.reward == 1.0


@pytest.mark.parametrize(
    "then",
    [call("wait"), call("rest", seconds=0.1), call("rest", seconds=60)],
    ids=["waited for", "not waited for", "out of time"],
)
def test_a_child_lost_to_the_world_loses_the_episode(then: str) -> None:
    main = [spawn("left", "right"), then, "42"]
    limits = replace(WIDE, seconds=1.0)
    trajectory = perform(limits, left=["FAIL"], right=[0.05, "right"], main=main)
    assert ends(trajectory) == {
        "0.0": Stop.PROVIDER_ERROR,
        "0.1": Stop.SUBMITTED,
        "0": Stop.PROVIDER_ERROR,
    }
    assert trajectory.reward is None
    check_record(trajectory)


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ([call("wait")], "there are no sub-agents to wait for; spawn some with wait=false"),
        ([spawn("left"), call("wait", names=["0.7"])], "no sub-agent named '0.7'; there are: 0.0"),
        ([call("cancel", names=["0.0"])], "no sub-agent named '0.0'; there are: none were spawned"),
        ([call("cancel", names=[])], "no names of sub-agents to cancel"),
        ([call("spawn", tasks=[])], "no tasks to give to sub-agents"),
        ([spawn("left", budget=1 << 30)], "of 1048576 spent; each of 1 can have 1048459 at most"),
        ([spawn("left", own_sandbox=True)], "there is no sandbox here to copy"),
        ([spawn(*["left"] * 4)], "0 sub-agents are at work and 4 more are too many; at most 3"),
        ([spawn("left"), spawn(*["left"] * 3)], "1 sub-agents are at work and 3 more are too many"),
    ],
)
def test_what_cannot_be_done_is_told(actions: list[str], message: str) -> None:
    limits = Limits(context=1 << 20, tokens=1 << 20, reply_tokens=2000, fan_out=3)
    trajectory = stage(Cast(left=LONG * 4, main=[*actions, "42"]), limits=limits)
    assert message in results(trajectory)[-1].text
    assert trajectory.reward == 1.0


def test_a_budget_for_each_child_is_granted_as_asked() -> None:
    trajectory = perform(left=["x"], right=["y"], main=[spawn("left", "right", budget=50), "42"])
    starts = [e for e in trajectory.events if isinstance(e, Start)]
    assert [s.tokens for s in starts[1:]] == [50, 50]


HUNDRED = [f"w{number:03d}" for number in range(100)]
ROOM = Limits(
    context=1 << 20, tokens=1 << 30, reply_tokens=5000, turns=1000, children=200, fan_out=100
)


def hundred() -> Cast:
    return Cast(main=[spawn(*HUNDRED), *LONG], **{name: list(LONG) for name in HUNDRED})


def test_cancelling_a_parent_of_a_hundred_children_closes_every_record_in_a_second_of_work(
    tmp_path: Path,
) -> None:
    cast = hundred()

    async def main(log: EventLog) -> float:
        async with anyio.create_task_group() as group:

            async def play() -> None:
                await run_episode(Crew(), cast, id="e", log=log, limits=ROOM)

            group.start_soon(play)
            await anyio.sleep(1)
            began, came = time.process_time(), anyio.current_time()
            group.cancel_scope.cancel()
        assert anyio.current_time() == came, "nobody waited for anything"
        return time.process_time() - began

    with EventLog(tmp_path / "log.jsonl") as log:
        assert run_jumping(main, log) < 1.0
    trajectory = read_log(tmp_path / "log.jsonl")["e"]
    assert ends(trajectory) == dict.fromkeys(trajectory.agents, Stop.CANCELLED)
    assert len(trajectory.agents) == 101
    check_record(trajectory)


def test_a_hundred_children_of_an_episode_out_of_time_are_all_on_record() -> None:
    trajectory = stage(hundred(), limits=replace(ROOM, seconds=2.0))
    assert ends(trajectory) == dict.fromkeys(trajectory.agents, Stop.TIME_LIMIT)
    assert len(trajectory.agents) == 101
    assert {e.t for e in trajectory.events if isinstance(e, End)} == {2.0}
    check_record(trajectory)


def test_a_forked_child_goes_on_from_its_parents_tokens_which_are_stored_and_trained_once() -> None:
    trajectory = perform(
        left=[call("echo", text="a"), "left"],
        right=["right"],
        main=[
            call("echo", text="before"),
            spawn("left", "right", fork=True),
            call("echo", text="after"),
            call("wait"),
            "42",
        ],
    )
    assert trajectory.reward == 1.0
    calls = {c.id: c for c in trajectory.calls}
    spawning = [c for c in trajectory.calls if c.agent == "0"][1]
    starts = {e.agent: e for e in trajectory.events if isinstance(e, Start)}
    assert {starts[name].forked_from for name in ("0.0", "0.1")} == {spawning.id}
    firsts = {c.agent: c for c in reversed(trajectory.calls)}
    segments = {segment.agent: segment for segment in trajectory.segments()}
    main = segments["0"].ids
    for name in ("0.0", "0.1"):
        shared = firsts[name].shared
        assert segments[name].ids[:shared] == main[:shared]
        assert main[:shared][-len(spawning.completion) :] == spawning.completion
        text = bytes(token for token in firsts[name].prompt if token < 256).decode()
        assert f"You are now sub-agent {name}. You work on a part of a larger task." in text
        assert [span.call for span in segments[name].spans] == [
            c.id for c in trajectory.calls if c.agent == name
        ]
    spans = [span.call for segment in trajectory.segments() for span in segment.spans]
    assert sorted(spans) == sorted(calls)
    assert trajectory.num_drifts == 0
    check_record(trajectory)


def test_a_forked_child_sees_what_its_parent_saw_and_not_what_came_later() -> None:
    cast = Cast(
        left=[0.1, call("echo", text="a"), "left"],
        main=[
            call("echo", text="known to both"),
            spawn("left", fork=True),
            call("echo", text="known to the parent"),
            call("wait"),
            "42",
        ],
    )
    stage(cast)
    second = cast.prompts["left"][1]
    assert "known to both" in second
    assert "known to the parent" not in second


class Files(Crew):
    """A crew with files."""

    card = Card(traits=("skills",), horizon_unit="files", needs_sandbox=True)
    grants = (*MIND_TOOLS, *FILE_TOOLS)

    def open_sandbox(self):  # type: ignore[no-untyped-def]
        from forethought.sandbox import open_sandbox

        return open_sandbox(backend="local")


def write(text: str) -> str:
    return call("write_file", path="f.txt", text=text)


@pytest.mark.parametrize("own", [True, False], ids=["a copy", "the same"])
def test_children_have_their_parents_files_or_a_copy_of_them(own: bool) -> None:
    read = call("read_file", path="f.txt")
    cast = Cast(
        left=[read, write("by the child"), "done"],
        main=[write("by the parent"), spawn("left", wait=True, own_sandbox=own), read, "42"],
    )
    trajectory = stage(cast, env=Files())
    assert results(trajectory, "0.0")[0].text == "by the parent"
    assert results(trajectory)[2].text == ("by the parent" if own else "by the child")


def test_a_copy_of_the_files_is_taken_when_the_child_is_spawned() -> None:
    read = call("read_file", path="f.txt")
    cast = Cast(
        left=[0.2, read, "done"],
        main=[write("before"), spawn("left", own_sandbox=True), write("after"), call("wait"), "42"],
    )
    assert results(stage(cast, env=Files()), "0.0")[0].text == "before"


def test_a_damaged_fork_is_named() -> None:
    task = Task(id="t", prompt="?")
    start = Start(agent="0", t=0, env="e", task=task, turns=1, tokens=1)
    fork = start.model_copy(update={"agent": "0.0", "forked_from": 3})
    with pytest.raises(ValueError, match=r"episode e: agent 0.0 goes on from call 3, which is not"):
        Trajectory("e", [start, fork]).segments()


def test_messages_of_a_fork_are_numbered_after_those_it_inherits() -> None:
    trajectory = perform(left=["left"], main=[spawn("left", wait=True, fork=True), "42"])
    first = next(e for e in trajectory.events if isinstance(e, Message) and e.agent == "0.0")
    assert (first.id, first.origin) == (3, "task")
    assert isinstance(trajectory.calls[1], Call)
