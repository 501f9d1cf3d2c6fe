"""Making room: what is taken out of the context, what stays, and what the record says of it."""

from __future__ import annotations

from dataclasses import dataclass

import anyio
import pytest
from desk import Desk, call, play

from forethought.agents.budget import Limits
from forethought.agents.compress.clear import CLEARED
from forethought.agents.compress.context import Rewrite
from forethought.agents.compress.summary import PREFACE
from forethought.agents.engines.engine import Completion, ContextOverflow, Sampling
from forethought.agents.engines.scripted import ScriptedEngine
from forethought.agents.loop import run_episode
from forethought.agents.record.events import Edit, Limit, Message
from forethought.agents.record.log import EventLog
from forethought.agents.record.stop import Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.templates.template import ByteTemplate
from forethought.agents.templates.tokens import common_prefix
from forethought.envs import Task

TIGHT = Limits(context=4000, reply_tokens=300, tokens=1 << 20, turns=60)


def echoes(count: int, *, chars: int) -> list[str]:
    return [call("echo", text=chr(97 + n % 26), times=chars) for n in range(count)]


def edits(trajectory: Trajectory) -> list[Edit]:
    return [event for event in trajectory.events if isinstance(event, Edit)]


def prompts(trajectory: Trajectory) -> list[list[int]]:
    """The whole prompt of every call of the main conversation, rebuilt from the record."""
    found: list[list[int]] = []
    previous: list[int] = []
    for event in trajectory.calls:
        if event.thread == "":
            found.append(previous[: event.shared] + list(event.prompt))
            previous = found[-1] + list(event.completion)
    return found


def view_after(trajectory: Trajectory) -> list[Message]:
    """The messages in the main agent's view at the end, from Message and Edit events alone."""
    messages: dict[int, Message] = {}
    view: list[int] = []
    for event in trajectory.events:
        if isinstance(event, Message):
            messages[event.id] = event
            view.append(event.id)
        if isinstance(event, Edit):
            moved = {*event.replace.values(), *event.insert}
            view = [id for id in view if id not in moved]
            at = 0 if event.insert_after is None else view.index(event.insert_after) + 1
            view[at:at] = event.insert
            view = [event.replace.get(id, id) for id in view if id not in event.drop]
    return [messages[id] for id in view]


def test_the_chain_clears_old_results_first_and_the_last_three_pairs_stay() -> None:
    trajectory = play(*echoes(9, chars=400), "42", limits=TIGHT, compressor="chain")
    assert trajectory.stop is Stop.SUBMITTED
    first = edits(trajectory)[0]
    assert (first.strategy, first.trigger, first.drop, first.insert) == (
        *("clear", "threshold"),
        *((), ()),
    )
    assert first.tokens_after < first.tokens_before
    results = [m for m in trajectory.messages() if m.call_id is not None]
    assert list(first.replace) == [m.id for m in results[: len(first.replace)]]
    assert all(m.text == CLEARED for m in trajectory.messages() if m.id in first.replace.values())
    kept = [m for m in view_after(trajectory) if m.origin == "env" and m.call_id is not None]
    assert len(kept) >= 3
    assert not any(event.purpose == "summarise" for event in trajectory.calls)


def test_an_edit_starts_a_new_segment_that_is_explained() -> None:
    trajectory = play(*echoes(9, chars=400), "42", limits=TIGHT)
    asides = [event for event in trajectory.calls if event.thread]
    assert len(edits(trajectory)) > 0
    assert len(trajectory.segments()) == 1 + len(edits(trajectory)) + len(asides)
    assert trajectory.num_drifts == 0


def test_after_an_edit_the_shared_prefix_is_as_long_as_it_can_be() -> None:
    trajectory = play(*echoes(8, chars=400), "42", limits=TIGHT)
    acts = [event for event in trajectory.calls if event.thread == ""]
    whole = prompts(trajectory)
    assert len(edits(trajectory)) > 0
    for before, after, ids, previous in zip(acts, acts[1:], whole[1:], whole, strict=False):
        assert after.shared == common_prefix(previous + list(before.completion), ids)


def test_every_prompt_with_its_reply_fits_the_context() -> None:
    trajectory = play(*echoes(20, chars=500), "42", limits=TIGHT)
    assert all(len(prompt) + 300 <= 4000 for prompt in prompts(trajectory))


def test_the_recorded_view_is_the_prompt_of_the_last_call() -> None:
    template = ByteTemplate()
    trajectory = play(*echoes(20, chars=500), "42", limits=TIGHT)
    *before, _answer, _received = view_after(trajectory)
    rendered = [token for m in before for token in template.render(m.role, m.text)]
    assert prompts(trajectory)[-1] == rendered + template.reply_opening()


def long_actions(count: int) -> list[str]:
    """Actions that fill the context by themselves, so clearing results frees too little."""
    return [f"{chr(97 + n % 26) * 180} {call('echo', text=str(n))}" for n in range(count)]


def test_when_clearing_frees_too_little_old_messages_give_way_to_a_summary_of_their_own() -> None:
    trajectory = play(*long_actions(14), "42", asides=["I said a, b and c."], limits=TIGHT)
    assert trajectory.stop is Stop.SUBMITTED
    (summary,) = [event for event in trajectory.calls if event.purpose == "summarise"]
    (edit,) = edits(trajectory)
    assert (edit.strategy, summary.thread, summary.trainable) == ("summarise", "summary.0", True)
    assert summary.text == "I said a, b and c."
    message = next(m for m in trajectory.messages() if m.id == edit.insert[0])
    assert (message.origin, message.role) == ("summary", "user")
    assert message.text == f"{PREFACE}\nI said a, b and c."
    pinned = view_after(trajectory)[:3]
    assert [m.origin for m in pinned] == ["harness", "task", "summary"]


def test_the_summary_call_reads_the_old_messages_as_they_were_sampled() -> None:
    trajectory = play(*long_actions(14), "42", limits=TIGHT)
    (summary,) = [event for event in trajectory.calls if event.purpose == "summarise"]
    before = prompts(trajectory)[0]
    assert list(summary.prompt[: len(before)]) == before
    assert len(summary.prompt) + 300 <= 4000


def test_the_plan_is_pinned_word_for_word() -> None:
    steps = call("plan", steps=["find it", "submit it"])
    asides = ["nothing about plans"]
    trajectory = play(steps, *long_actions(13), "42", asides=asides, limits=TIGHT)
    (edit,) = edits(trajectory)
    message = next(m for m in trajectory.messages() if m.id == edit.insert[0])
    assert message.text.endswith("nothing about plans\nPlan:\n[ ] find it\n[ ] submit it")


@pytest.mark.parametrize(
    "said",
    ["<think>what mattered?</think>This.", "opened by the template</think>This.", "<think>This."],
    ids=["thought", "bare end", "cut off in the thought"],
)
def test_the_thought_before_a_summary_stays_out_of_the_context(said: str) -> None:
    asides = [said]
    trajectory = play(*long_actions(14), "42", asides=asides, limits=TIGHT)
    message = next(m for m in trajectory.messages() if m.origin == "summary")
    assert message.text == f"{PREFACE}\nThis."


def test_a_summary_that_is_longer_than_what_it_stands_for_is_cut() -> None:
    trajectory = play(*long_actions(30), "42", asides=["x" * 290], limits=TIGHT)
    assert len(edits(trajectory)) >= 2
    assert all(edit.tokens_after < edit.tokens_before for edit in edits(trajectory))


def test_a_context_that_keeps_filling_up_ends_as_context_limit() -> None:
    # What is pinned leaves room for one exchange: every turn needs another edit.
    limits = Limits(context=1050, reply_tokens=300, tokens=1 << 20, turns=60)
    trajectory = play(*long_actions(40), limits=limits)
    assert trajectory.stop is Stop.CONTEXT_LIMIT
    assert trajectory.reward == 0.0
    assert [event.what for event in trajectory.events if isinstance(event, Limit)] == ["context"]


def test_where_only_one_pair_can_stay_it_is_the_one_that_is_not_answered_yet() -> None:
    # What is pinned takes most of the context, more than the slack would leave.
    task = Task(id="long", prompt="x" * 3000)
    pinned = len(play("42", task=task).calls[0].prompt)
    limits = Limits(context=pinned + 1000, reply_tokens=300, tokens=1 << 20)
    actions = [*long_actions(2), *echoes(1, chars=250)]
    trajectory = play(*actions, "42", limits=limits, task=task)
    assert trajectory.stop is Stop.SUBMITTED
    (edit,) = edits(trajectory)
    assert edit.strategy == "summarise"
    assert [m.origin for m in view_after(trajectory)][:3] == ["harness", "task", "summary"]
    assert [m.text for m in view_after(trajectory)][3:5] == [actions[-1], "a" * 250]


def test_without_a_compressor_a_full_context_ends_the_episode() -> None:
    trajectory = play(*echoes(20, chars=400), limits=TIGHT, compressor=None)
    assert trajectory.stop is Stop.CONTEXT_LIMIT
    assert edits(trajectory) == []


def test_a_task_that_does_not_fit_is_a_context_limit_before_any_call() -> None:
    trajectory = play("42", limits=Limits(context=310, reply_tokens=300))
    assert trajectory.stop is Stop.CONTEXT_LIMIT
    assert trajectory.calls == []


def test_an_edit_that_does_not_shrink_is_refused() -> None:
    @dataclass(frozen=True)
    class Grow:
        grants = ()

        async def propose(self, view: object, **_: object) -> Rewrite:
            return Rewrite(strategy="grow", notes={2: "x" * 4000})

    trajectory = play(*echoes(20, chars=400), limits=TIGHT, compressor=Grow())
    assert trajectory.stop is Stop.CONTEXT_LIMIT
    assert edits(trajectory) == []


def test_a_compressor_that_touches_what_is_pinned_is_a_bug_and_not_the_agents_fault() -> None:
    @dataclass(frozen=True)
    class Careless:
        grants = ()

        async def propose(self, view: object, **_: object) -> Rewrite:
            return Rewrite(strategy="careless", drop=(1,))

    trajectory = play(*echoes(20, chars=400), limits=TIGHT, compressor=Careless())
    assert trajectory.stop is Stop.HARNESS_ERROR
    assert trajectory.end is not None
    assert trajectory.end.error == (
        "ValueError: compressor 'careless' would change message 1, which is pinned (user, task)"
    )


def test_the_schema_refuses_an_edit_that_grows() -> None:
    with pytest.raises(ValueError, match="an edit must shrink the context, not 5 -> 5"):
        Edit(agent="0", t=0, strategy="s", trigger="requested", tokens_before=5, tokens_after=5)


def test_one_result_never_takes_more_than_a_quarter_of_the_context() -> None:
    trajectory = play(call("echo", text="ü", times=5000), "42", limits=TIGHT)
    result = next(m for m in trajectory.messages() if m.call_id is not None)
    assert len(result.text.encode()) <= 1000
    assert "5000 characters, middle left out" in result.text


def test_an_engine_that_finds_the_prompt_too_long_gets_a_shorter_one_once() -> None:
    class Narrow(ScriptedEngine):
        async def generate(self, prompt: object, sampling: Sampling) -> Completion:
            if len(prompt) > 2500:  # type: ignore[arg-type]
                raise ContextOverflow("too long")
            return await super().generate((), sampling)

    engine = Narrow([*echoes(8, chars=400), "42"])
    wide = Limits(context=1 << 14, tokens=1 << 20)
    with EventLog(None) as log:
        trajectory = anyio.run(lambda: run_episode(Desk(), engine, id="e", log=log, limits=wide))
    assert trajectory.stop is Stop.SUBMITTED
    assert [edit.trigger for edit in edits(trajectory)] == ["overflow"] * len(edits(trajectory))
    assert edits(trajectory)
    assert trajectory.num_drifts == 0
