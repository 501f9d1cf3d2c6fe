"""Segments: what the trainer trains on is what was sampled, once each, in its own context."""

from __future__ import annotations

from itertools import pairwise

import pytest
from desk import call, play
from hypothesis import given, settings
from hypothesis import strategies as st

from forethought.agents.budget import Limits
from forethought.agents.record.events import Call, Edit, Event, Start
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.templates.template import ByteTemplate
from forethought.agents.templates.tokens import common_prefix
from forethought.agents.view import Entry, View
from forethought.envs import Task


def made(id: int, shared: int, prompt: str, completion: str, *, thread: str = "") -> Call:
    return Call(
        agent="0",
        t=0,
        id=id,
        purpose="act",
        thread=thread,
        shared=shared,
        prompt=tuple(prompt.encode()),
        completion=tuple(completion.encode()),
        logprobs=(-0.5,) * len(completion),
        finish="stop",
    )


def edit() -> Edit:
    return Edit(agent="0", t=0, strategy="s", trigger="threshold", tokens_before=2, tokens_after=1)


def texts(trajectory: Trajectory) -> list[tuple[str, list[str], bool]]:
    return [
        (
            bytes(segment.ids).decode(),
            [bytes(segment.ids[span.start : span.end]).decode() for span in segment.spans],
            segment.drifted,
        )
        for segment in trajectory.segments()
    ]


def test_calls_that_continue_each_other_are_one_segment() -> None:
    events: list[Event] = [made(0, 0, "ab", "C"), made(1, 3, "d", "E"), made(2, 5, "f", "G")]
    assert texts(Trajectory("e", events)) == [("abCdEfG", ["C", "E", "G"], False)]


def test_a_break_after_an_edit_is_explained_and_the_shared_start_is_context_only() -> None:
    events: list[Event] = [made(0, 0, "ab", "CD"), edit(), made(1, 3, "x", "E")]
    trajectory = Trajectory("e", events)
    assert texts(trajectory) == [("abCD", ["CD"], False), ("abCxE", ["E"], False)]
    assert trajectory.num_drifts == 0


def test_a_break_without_an_edit_is_drift() -> None:
    events: list[Event] = [made(0, 0, "ab", "CD"), made(1, 3, "x", "E")]
    trajectory = Trajectory("e", events)
    assert [drifted for _, _, drifted in texts(trajectory)] == [False, True]
    assert trajectory.num_drifts == 1


def test_calls_beside_the_conversation_leave_it_whole() -> None:
    events: list[Event] = [
        made(0, 0, "ab", "C"),
        made(1, 0, "q", "R", thread="ask.0"),
        made(2, 3, "d", "E"),
    ]
    assert texts(Trajectory("e", events)) == [
        ("abCdE", ["C", "E"], False),
        ("qR", ["R"], False),
    ]


@pytest.mark.parametrize("shared", [1, 9])
def test_a_call_that_shares_more_than_there_was_is_refused(shared: int) -> None:
    first = [made(0, 0, "ab", "C")] if shared == 9 else []
    with pytest.raises(ValueError, match="episode e: call 7 shares"):
        Trajectory("e", [*first, made(7, shared, "x", "y")]).segments()


def test_a_record_without_a_start_is_named() -> None:
    with pytest.raises(ValueError, match="episode lost: no start in its record"):
        _ = Trajectory("lost", []).start


def test_an_open_episode_has_no_stop_and_no_reward() -> None:
    start = Start(agent="0", t=0, env="e", task=Task(id="t", prompt="?"), turns=1, tokens=1)
    trajectory = Trajectory("e", [start])
    assert (trajectory.stop, trajectory.reward, trajectory.metrics) == (None, None, {})


action = st.one_of(
    st.builds(lambda n: call("echo", text="x", times=n), st.integers(1, 600)),
    st.builds(lambda text: f"{text} {call('echo', text='y')}", st.text("abü", max_size=80)),
    st.just(call("ask", prompts=["p", "q"], n=2, reduce="merge")),
    st.just(call("spawn", tasks=["one", "two"])),
    st.just("<tool_call>{broken"),
)


@settings(max_examples=60)
@given(actions=st.lists(action, max_size=25), context=st.integers(1200, 4000))
def test_in_any_episode_every_sampled_token_is_in_exactly_one_span(
    actions: list[str], context: int
) -> None:
    limits = Limits(context=context, reply_tokens=200, tokens=1 << 20, turns=40)
    trajectory = play(*actions, "42", limits=limits)
    calls = {event.id: event for event in trajectory.calls}
    segments = trajectory.segments()
    spans = [(segment, span) for segment in segments for span in segment.spans]
    assert sorted(span.call for _, span in spans) == sorted(calls)
    for segment, span in spans:
        assert segment.ids[span.start : span.end] == calls[span.call].completion
        assert span.logprobs == calls[span.call].logprobs
    for segment in segments:
        edges = [(span.start, span.end) for span in segment.spans]
        assert all(before[1] <= after[0] for before, after in pairwise(edges))
    assert sum(span.end - span.start for _, span in spans) == trajectory.num_sampled
    assert trajectory.num_drifts == 0
    assert trajectory.end is not None
    assert trajectory.end.tokens == trajectory.num_sampled


@settings(max_examples=60)
@given(actions=st.lists(action, max_size=25), context=st.integers(1200, 4000))
def test_in_any_episode_each_prompt_continues_the_last_one_or_follows_an_edit(
    actions: list[str], context: int
) -> None:
    limits = Limits(context=context, reply_tokens=200, tokens=1 << 20, turns=40)
    trajectory = play(*actions, "42", limits=limits)
    before: dict[str, int] = {}
    edited: set[str] = set()
    for event in trajectory.events:
        if isinstance(event, Edit):
            edited.add(event.agent)
        if isinstance(event, Call) and event.thread == "":
            if event.agent not in edited:
                assert event.shared == before.get(event.agent, 0)
            length = event.shared + len(event.prompt)
            assert length + 200 <= context
            before[event.agent] = length + len(event.completion)
            edited.discard(event.agent)


@given(st.lists(st.integers(0, 2)), st.lists(st.integers(0, 2)))
def test_the_shared_prefix_is_the_longest_one(left: list[int], right: list[int]) -> None:
    length = common_prefix(left, right)
    assert left[:length] == right[:length]
    assert left[: length + 1] != right[: length + 1] or length == len(left) == len(right)


def test_a_view_takes_back_the_opening_of_a_reply_that_was_not_made() -> None:
    view = View(ByteTemplate())
    view.add(Entry(id=0, role="user", text="hi", origin="task", ids=[256, 1, 257]))
    view.open_reply()
    view.withdraw_reply()
    assert view.ids == [256, 1, 257]
