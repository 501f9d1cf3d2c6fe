"""Going in circles: one nudge that says what repeats, and only then the end."""

from __future__ import annotations

from itertools import cycle

import pytest
from desk import Desk, call, play

from forethought.agents.record.events import Message, Nudge
from forethought.agents.record.repeats import num_repeats
from forethought.agents.record.stop import Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.stuck import STOP_ERRORS
from forethought.envs import tool

SAME = call("echo", text="hi")
OTHER = call("echo", text="ho")


def nudges(trajectory: Trajectory) -> list[Nudge]:
    return [event for event in trajectory.events if isinstance(event, Nudge)]


def told(trajectory: Trajectory) -> list[Message]:
    ids = {event.message for event in nudges(trajectory)}
    return [message for message in trajectory.messages() if message.id in ids]


def test_the_same_exchange_three_times_is_nudged_and_four_times_is_the_end() -> None:
    trajectory = play(SAME)
    assert (trajectory.stop, len(trajectory.calls)) == (Stop.STUCK, 4)
    (nudge,) = nudges(trajectory)
    assert (nudge.pattern, nudge.times) == ("repeat", 3)
    (message,) = told(trajectory)
    assert (message.role, message.origin) == ("user", "harness")
    assert message.text == (
        "[You have done the same thing 3 times and got the same answer. "
        "Doing it again will not help: try another way, or another order.]"
    )
    assert trajectory.events.index(message) < trajectory.events.index(trajectory.calls[3])


def test_two_actions_in_turn_are_nudged_after_three_rounds_and_ended_after_four() -> None:
    trajectory = play(*[SAME, OTHER] * 20)
    assert (trajectory.stop, len(trajectory.calls)) == (Stop.STUCK, 8)
    (nudge,) = nudges(trajectory)
    assert (nudge.pattern, nudge.times) == ("alternation", 3)
    assert "back and forth between the same two actions 3 times" in told(trajectory)[0].text


def test_one_tool_that_fails_in_one_way_whatever_the_arguments_is_an_error_loop() -> None:
    trajectory = play(*[call("echo", wrong=n) for n in range(30)])
    assert (trajectory.stop, len(trajectory.calls)) == (Stop.STUCK, STOP_ERRORS)
    (nudge,) = nudges(trajectory)
    assert (nudge.pattern, nudge.times) == ("errors", 4)
    assert "Your last 4 turns failed in the same way (echo: bad_arguments)." in (
        told(trajectory)[0].text
    )


@pytest.mark.parametrize(
    "replies",
    [
        [SAME] * 3 + ["42"],
        [SAME, OTHER] * 3 + ["42"],
        [call("echo", wrong=n) for n in range(7)] + ["42"],
    ],
    ids=["repeat", "alternation", "errors"],
)
def test_who_finds_another_way_after_the_nudge_goes_on(replies: list[str]) -> None:
    trajectory = play(*replies)
    assert trajectory.stop is Stop.SUBMITTED
    assert len(nudges(trajectory)) == 1
    assert trajectory.reward == 1.0


def test_a_circle_that_was_left_and_is_entered_again_is_nudged_again() -> None:
    trajectory = play(*[SAME] * 3, OTHER, *[SAME] * 3, "42")
    assert [nudge.pattern for nudge in nudges(trajectory)] == ["repeat", "repeat"]


@pytest.mark.parametrize(
    ("replies", "turns"),
    [([SAME], 4), ([SAME, OTHER] * 9, 8), ([call("echo", wrong=n) for n in range(30)], 8)],
    ids=["repeat", "alternation", "errors"],
)
def test_without_nudges_the_end_comes_at_the_same_turn(replies: list[str], turns: int) -> None:
    trajectory = play(*replies, nudge=False)
    assert (trajectory.stop, len(trajectory.calls)) == (Stop.STUCK, turns)
    assert nudges(trajectory) == []


def test_the_same_action_that_shows_something_new_each_time_is_no_circle() -> None:
    class Clock(Desk):
        time = 0

        @tool
        def look(self) -> str:
            """see what time it is"""
            self.time += 1
            return str(self.time)

    trajectory = play(*[call("look")] * 20, "42", env=Clock())
    assert trajectory.stop is Stop.SUBMITTED
    assert nudges(trajectory) == []


def test_errors_of_different_kinds_or_tools_are_no_error_loop() -> None:
    kinds = cycle([lambda n: call("echo", wrong=n), lambda n: call(f"none{n}")])
    trajectory = play(*[kind(n) for n, kind in zip(range(20), kinds, strict=False)], "42")
    assert trajectory.stop is Stop.SUBMITTED
    assert nudges(trajectory) == []


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        ([SAME, OTHER, "42"], 0),
        ([SAME, OTHER, SAME, OTHER, "42"], 2),
        ([call("echo", wrong=1), SAME, f"again {call('echo', wrong=1)}", "42"], 1),
        ([call("echo", wrong=1), call("echo", wrong=2), "42"], 0),
    ],
    ids=["nothing twice", "two exchanges twice", "a failed call twice", "other arguments"],
)
def test_a_repeated_mistake_is_what_could_have_been_known(
    replies: list[str], expected: int
) -> None:
    assert num_repeats(play(*replies)) == expected


def test_a_nudge_is_part_of_the_context_and_of_no_sampled_token() -> None:
    trajectory = play(*[SAME] * 3, "42")
    (segment,) = trajectory.segments()
    assert sum(span.end - span.start for span in segment.spans) == trajectory.num_sampled
    assert trajectory.num_drifts == 0
