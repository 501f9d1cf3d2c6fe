"""Every scheme of compression over random episodes: what was sampled and what is pinned stays."""

from __future__ import annotations

import re
from functools import cache

import pytest
from desk import Desk, call, play
from hypothesis import given, settings
from hypothesis import strategies as st

from forethought.agents.budget import Limits
from forethought.agents.compress.compressors import COMPRESSORS, compressor_named
from forethought.agents.compress.context import KEEP, SLACK
from forethought.agents.compress.edit import MAX_QUICK_EDITS
from forethought.agents.record.events import Call, Edit, Message, Nudge
from forethought.agents.record.replay import views
from forethought.agents.record.stop import STOP_CAUSE, Cause, Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.templates.template import ByteTemplate

REPLY = 200
NOTE = 16
"""Tokens by which a note may come out shorter than was allowed for before it was known."""
SCHEMES = [name for name in COMPRESSORS if name != "none"]

word = st.text("abü \n", max_size=12)
path = st.sampled_from(["a", "b", ".kept/0-3.txt", ".kept/0-5.txt"])
echo = st.builds(lambda n: call("echo", text="x", times=n), st.integers(300, 1200))
action = st.one_of(
    echo,
    st.builds(lambda text: f"{text} {call('echo', text='y')}", st.text("abü", max_size=120)),
    st.builds(lambda text: call("plan", steps=[text, "then that"]), word),
    st.builds(lambda text: call("branch", description=text), word),
    st.builds(lambda text: call("return", message=text), word),
    st.builds(lambda text: call("branch", description="x") + call("echo", text=text), word),
    st.builds(lambda n: call("echo", text="z", times=n) * 3, st.integers(1, 400)),
    st.builds(lambda p, t: call("memory", action="append", path=p, text=t), path, word),
    st.builds(lambda p: call("memory", action="view", path=p), path),
    st.builds(lambda p, n: call("recall", path=p, start=n), path, st.integers(0, 50)),
    st.just(call("ask", prompts=["p"], n=2, reduce="merge")),
    st.just(call("spawn", tasks=["one"])),
    st.just("<tool_call>{broken"),
)
episodes = given(
    scheme=st.sampled_from(SCHEMES),
    actions=st.one_of(st.lists(action, max_size=32), st.lists(echo, min_size=8, max_size=32)),
    aside=st.sampled_from(["I did a and b.", "", "x" * 190, "<think>hm</think>That."]),
    spare=st.integers(700, 5000),
)


@cache
def pinned_tokens(scheme: str) -> int:
    """Tokens of rules, tools and task, and of the opening of the reply."""
    return len(play("42", compressor=scheme).calls[0].prompt)


def run(scheme: str, actions: list[str], aside: str, spare: int) -> Trajectory:
    """An episode in a context that has `spare` tokens beside rules, tools and task."""
    context = pinned_tokens(scheme) + spare
    limits = Limits(context=context, reply_tokens=REPLY, tokens=1 << 20, turns=40)
    return play(*actions, "42", asides=[aside], limits=limits, compressor=scheme)


def edits(trajectory: Trajectory) -> list[Edit]:
    return [event for event in trajectory.events if isinstance(event, Edit)]


@settings(max_examples=80)
@episodes
def test_each_sampled_token_is_trained_once_and_no_break_is_unexplained(
    scheme: str, actions: list[str], aside: str, spare: int
) -> None:
    trajectory = run(scheme, actions, aside, spare)
    assert trajectory.stop is not None
    assert STOP_CAUSE[trajectory.stop] is Cause.POLICY, trajectory.end
    spans = [span for segment in trajectory.segments() for span in segment.spans]
    assert sorted(span.call for span in spans) == [made.id for made in trajectory.calls]
    assert sum(span.end - span.start for span in spans) == trajectory.num_sampled
    assert all(span.trainable for span in spans)
    assert trajectory.num_drifts == 0


@settings(max_examples=80)
@episodes
def test_the_view_replayed_from_the_record_is_the_prompt_of_every_call(
    scheme: str, actions: list[str], aside: str, spare: int
) -> None:
    trajectory = run(scheme, actions, aside, spare)
    template = ByteTemplate()
    context = pinned_tokens(scheme) + spare
    for agent in trajectory.agents:
        sampled: dict[int | None, Call] = {}
        before: list[int] = []
        for made, messages in views(trajectory, agent):
            prompt = before[: made.shared] + list(made.prompt)
            assert prompt == rendered(messages, sampled, template) + template.reply_opening()
            assert len(prompt) + REPLY <= context
            before = prompt + list(made.completion)
            sampled[made.message] = made


def rendered(
    messages: list[Message], sampled: dict[int | None, Call], template: ByteTemplate
) -> list[int]:
    """The ids of a view: replies as they were sampled, all else as it is rendered."""
    ids: list[int] = []
    for message in messages:
        if message.id in sampled:
            made = sampled[message.id]
            closing = template.reply_closing(stopped=made.finish == "stop")
            ids += [*template.reply_opening(), *made.completion, *closing]
        else:
            ids += template.render(message.role, message.text)
    return ids


@settings(max_examples=80)
@episodes
def test_every_edit_makes_room_and_keeps_what_is_pinned(
    scheme: str, actions: list[str], aside: str, spare: int
) -> None:
    trajectory = run(scheme, actions, aside, spare)
    pinned: set[int] = set()
    room = pinned_tokens(scheme) + spare - REPLY - len(ByteTemplate().reply_opening())
    for event in trajectory.events:
        if event.agent != "0":
            continue
        if isinstance(event, Message) and (event.role == "system" or event.origin == "task"):
            pinned.add(event.id)
        if isinstance(event, Edit):
            assert event.tokens_after < event.tokens_before
            assert event.tokens_after <= room
            assert not pinned & {*event.drop, *event.replace}


def lengths(trajectory: Trajectory) -> dict[int, int]:
    """Tokens of each message of the main agent as it stood in the view."""
    template = ByteTemplate()
    return {m.id: len(template.render(m.role, m.text)) for m in trajectory.messages()}


@settings(max_examples=80)
@episodes
def test_the_last_pairs_stay_unless_they_alone_leave_too_little_room(
    scheme: str, actions: list[str], aside: str, spare: int
) -> None:
    trajectory = run(scheme, actions, aside, spare)
    room = pinned_tokens(scheme) + spare - REPLY - len(ByteTemplate().reply_opening())
    target = int((1 - SLACK) * room)
    nudges = {e.message for e in trajectory.events if isinstance(e, Nudge) and e.agent == "0"}
    seen: list[Message] = []
    num_turns = num_quick = 0
    for event in trajectory.events:
        if isinstance(event, Message) and event.agent == "0":
            seen.append(event)
            num_turns += event.origin == "policy"
        if isinstance(event, Edit) and event.agent == "0" and event.strategy != "fold":
            num_quick, num_turns = num_quick + 1 if num_turns == 1 else 0, 0
            if num_quick == MAX_QUICK_EDITS - 1:  # it leaves more room
                continue
        if not isinstance(event, Edit) or event.agent != "0" or event.strategy == "fold":
            continue
        made = {*event.insert, *event.replace.values()}
        said = [m for m in seen if m.origin in ("policy", "env") or m.id in nudges]
        old = [m for m in said if m.id not in made]
        policy = [message.id for message in old if message.origin == "policy"]
        first = policy[-KEEP] if len(policy) >= KEEP else policy[0] if policy else len(seen)
        tail = [message.id for message in old if message.id >= first]
        size = lengths(trajectory)
        gone = sum(size[id] for id in {*event.drop, *event.replace} & set(tail))
        assert gone == 0 or event.tokens_after + gone > target - NOTE


@settings(max_examples=60)
@episodes
def test_a_plan_is_in_view_at_every_call_after_it_was_made(
    scheme: str, actions: list[str], aside: str, spare: int
) -> None:
    trajectory = run(scheme, [call("plan", steps=["first this"]), *actions], aside, spare)
    for _, messages in list(views(trajectory))[1:]:
        assert any(re.search(r"first this|then that", message.text) for message in messages)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_context_is_never_too_full_to_be_made_emptier(scheme: str) -> None:
    # Every reply and every result is as long as it can be: no scheme may get stuck on that.
    long = [f"{chr(97 + n % 26) * 100} {call('echo', text=str(n), times=900)}" for n in range(35)]
    trajectory = run(scheme, long, "y" * 190, spare=2000)
    assert trajectory.stop is Stop.SUBMITTED, trajectory.end
    assert edits(trajectory)


@pytest.mark.parametrize("scheme", ["none", "clear", "window", "memory", "offload"])
def test_a_cheap_scheme_asks_the_model_nothing(scheme: str) -> None:
    trajectory = run(scheme, [call("echo", text=str(n), times=99) for n in range(30)], "", 2000)
    assert {made.purpose for made in trajectory.calls} == {"act"}


def test_an_unknown_compressor_is_named_with_the_nearest_one() -> None:
    with pytest.raises(ValueError, match=r"no compressor named 'windw'; did you mean 'window'\?"):
        compressor_named("windw")
    with pytest.raises(ValueError, match="there are: none, clear, window, summarise, offload, "):
        play("42", compressor="?")


def test_tools_of_the_environment_win_over_those_that_a_compressor_brings() -> None:
    class Own(Desk):
        def __init__(self) -> None:
            super().__init__()
            self.tools = {**self.tools, "memory": self.tools["echo"]}

    trajectory = play(call("memory", text="mine"), "42", env=Own(), compressor="memory")
    assert [m.text for m in trajectory.messages() if m.call_id] == ["mine"]
