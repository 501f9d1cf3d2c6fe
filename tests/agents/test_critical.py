"""The critical path: what an episode takes when all that can run together does."""

from __future__ import annotations

import pytest
from crew import Cast, call, perform, spawn, stage

from forethought.agents.record.critical import critical_path
from forethought.agents.record.events import Call, Event, Join, Start, ToolEvent
from forethought.agents.record.trajectory import Trajectory
from forethought.envs import Task

ECHO = call("echo", text="x")


def steps(trajectory: Trajectory) -> tuple[int, int, int, int]:
    return (
        len(trajectory.calls),
        trajectory.num_critical_calls,
        trajectory.num_turns,
        trajectory.num_critical_turns,
    )


def test_an_agent_alone_is_its_own_critical_path() -> None:
    assert steps(perform(main=[ECHO, ECHO, "42"])) == (3, 3, 3, 3)


def test_of_sub_agents_that_are_waited_for_the_slowest_counts() -> None:
    trajectory = perform(
        left=[ECHO, ECHO, "left"], right=["right"], main=[spawn("left", "right", wait=True), "42"]
    )
    assert steps(trajectory) == (6, 1 + 3 + 1, 6, 5)


def test_a_sub_agent_in_the_background_counts_from_where_it_began_when_its_report_is_read() -> None:
    trajectory = perform(
        left=[ECHO, ECHO, ECHO, "left"],
        main=[spawn("left"), ECHO, ECHO, call("wait"), "42"],
    )
    # 1 to spawn; then 4 of the child beside 3 of the parent; then 1.
    assert steps(trajectory) == (9, 1 + 4 + 1, 9, 6)


def test_a_sub_agent_that_nobody_waits_for_is_on_no_path() -> None:
    trajectory = perform(
        left=[ECHO, ECHO, ECHO, "left"], main=[spawn("left"), call("rest", seconds=0.2), "42"]
    )
    assert steps(trajectory) == (7, 3, 7, 3)


def test_waiting_for_any_counts_those_whose_reports_were_read() -> None:
    trajectory = perform(
        fast=[ECHO, ECHO, "fast"],
        slow=[0.5, ECHO, ECHO, ECHO, ECHO, "slow"],
        main=[spawn("fast", "slow"), call("wait", mode="any"), "42"],
    )
    assert trajectory.num_critical_calls == 1 + 3 + 1


@pytest.mark.parametrize(
    ("reduce", "n", "asides", "expected"),
    [
        ("majority", 3, 3, (5, 3)),
        ("best_of", 3, 4, (6, 4)),
        ("merge", 2, 3, (5, 4)),
        ("first", 3, 1, (3, 3)),
    ],
)
def test_parallel_calls_are_one_step_and_who_decides_is_another(
    reduce: str, n: int, asides: int, expected: tuple[int, int]
) -> None:
    ask = call("ask", prompts=["?"], n=n, reduce=reduce)
    trajectory = stage(Cast(main=[ask, "42"], aside=["1"] * asides))
    assert (len(trajectory.calls), trajectory.num_critical_calls) == expected
    assert trajectory.num_critical_turns == 2


def test_what_one_turn_asks_for_runs_beside_each_other() -> None:
    turn = call("ask", prompts=["?"], n=2, reduce="merge") + spawn("left", wait=True)
    trajectory = stage(Cast(main=[turn, "42"], left=[ECHO, ECHO, "left"], aside=["a"] * 3))
    assert (len(trajectory.calls), trajectory.num_critical_calls) == (8, 1 + 3 + 1)


def test_deeper_sub_agents_are_on_their_parents_path() -> None:
    trajectory = perform(
        deep=[ECHO, "deep"],
        left=[spawn("deep", wait=True), "left"],
        main=[spawn("left", wait=True), "42"],
    )
    assert steps(trajectory) == (6, 6, 6, 6)


TASK = Task(id="t", prompt="?")


def start(agent: str, *, parent_call: str | None = None, background: bool = False) -> Start:
    return Start(
        agent=agent,
        t=0,
        env="e",
        task=TASK,
        turns=1,
        tokens=1,
        parent_call=parent_call,
        background=background,
    )


def act(agent: str, id: int, *, length: int, thread: str = "", purpose: str = "act") -> Call:
    return Call.model_validate(
        {
            "agent": agent,
            "t": 0,
            "id": id,
            "purpose": purpose,
            "thread": thread,
            "prompt": (),
            "completion": (1,) * length,
            "finish": "stop",
            "message": id if purpose == "act" else None,
        }
    )


def test_tokens_on_the_critical_path_are_those_of_the_longest_chain_by_hand() -> None:
    events: list[Event] = [
        start("0"),
        act("0", 0, length=10),
        start("0.0", parent_call="0.0"),
        start("0.1", parent_call="0.0"),
        act("0.0", 1, length=5),
        act("0.1", 2, length=40),
        act("0.0", 3, length=50),
        ToolEvent(agent="0", t=0, call_id="0.0", name="spawn"),
        act("0", 4, length=3, thread="summary.0", purpose="summarise"),
        act("0", 5, length=1),
    ]
    assert critical_path(events, weight=lambda call: len(call.completion)) == 10 + 55 + 3 + 1
    assert critical_path(events, weight=lambda _: 1) == 1 + 2 + 1 + 1


def test_a_join_of_none_changes_nothing() -> None:
    events: list[Event] = [start("0"), start("0.0", parent_call="0.0", background=True)]
    events += [act("0.0", 0, length=9), Join(agent="0", t=0, call_id="1.0", children=())]
    assert critical_path(events, weight=lambda _: 1) == 0
