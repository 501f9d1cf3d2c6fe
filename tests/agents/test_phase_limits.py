"""Phase limits: plan, thought and answer keep to their tokens, and every token stays exact."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest
from crew import Crew, call
from hypothesis import given, settings
from hypothesis import strategies as st
from serving import QUICK

from forethought.agents.budget import Limits
from forethought.agents.engines.client import Client
from forethought.agents.engines.engine import (
    Completion,
    ContextOverflow,
    EngineRefused,
    EngineUnavailable,
    Sampling,
)
from forethought.agents.engines.http import HTTPEngine
from forethought.agents.loop import run_episode
from forethought.agents.record.events import Call
from forethought.agents.record.log import EventLog
from forethought.agents.record.stop import Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.templates.phase_limits import Block, next_piece, read_phases
from forethought.agents.templates.phases import count_phases, num_tokens
from forethought.agents.templates.template import ByteTemplate

TEMPLATE = ByteTemplate()


class Writer:
    """Goes on with a reply as a model does: from where the prompt ends, by its phase.

    In each phase it has a text that it wants to write; cut off and put into the next phase, it
    writes that of the next.
    """

    def __init__(self, *, plan: str = "", think: str = "", answer: str = "42") -> None:
        self.texts = {"plan": plan, "think": think, "answer": answer}
        self.template = TEMPLATE
        self.context_window = 1 << 30
        self.version = 0
        self.prompts: list[list[int]] = []

    async def generate(self, prompt: Sequence[int], sampling: Sampling) -> Completion:
        self.prompts.append(list(prompt))
        reply = self.template.decode(list(prompt)).rpartition("assistant\n")[2]
        ids = [*self.template.encode(self._rest(reply)), 257][: sampling.max_tokens]
        finish = "stop" if ids[-1] == 257 else "length"
        return Completion(ids=tuple(ids), logprobs=(-0.5,) * len(ids), finish=finish)  # type: ignore[arg-type]

    async def aclose(self) -> None:
        pass

    def _rest(self, reply: str) -> str:
        """What is still to be written after `reply`."""
        plan, think, answer = self.texts["plan"], self.texts["think"], self.texts["answer"]
        whole = f"<plan>{plan}</plan>\n" if plan else ""
        done, closing, after = reply.partition("</plan>\n")
        if plan and not closing:
            return f"{whole[len(done) :]}{self._thought(think)}{answer}"
        rest = after if plan else reply
        done, closing, after = rest.partition("</think>\n")
        if think and not closing:
            return f"{self._thought(think)[len(done) :]}{answer}"
        return answer[len(after if think else rest) :]

    @staticmethod
    def _thought(think: str) -> str:
        return f"<think>{think}</think>\n" if think else ""


def write(engine: Writer, **limits: int) -> Trajectory:
    async def main() -> Trajectory:
        bounds = Limits(context=1 << 20, tokens=1 << 20, reply_tokens=400, **limits)  # type: ignore[arg-type]
        return await run_episode(Crew(), engine, id="e", log=EventLog(None), limits=bounds, seed=1)

    return anyio.run(main)


def said(trajectory: Trajectory) -> str:
    return next(m.text for m in trajectory.messages() if m.role == "assistant")


LONG = Writer(plan="p" * 40, think="t" * 60, answer="42")


def test_a_plan_and_a_thought_past_their_limits_are_closed_and_the_answer_follows() -> None:
    trajectory = write(LONG, plan_tokens=16, think_tokens=20)
    assert said(trajectory) == (f"<plan>{'p' * 10}</plan>\n<think>{'t' * 13}</think>\n42")
    assert trajectory.reward == 1.0
    calls = trajectory.calls
    assert sum(c.plan_tokens for c in calls) == 16
    assert sum(c.think_tokens for c in calls) == 20
    assert sum(c.answer_tokens for c in calls) == 3
    assert trajectory.end is not None
    assert trajectory.end.tokens == 39 == trajectory.num_sampled
    assert trajectory.num_turns == 1 == trajectory.end.turns


def test_all_pieces_are_one_segment_and_what_the_harness_wrote_is_not_trained() -> None:
    engine = Writer(plan="p" * 40, think="t" * 60)
    trajectory = write(engine, plan_tokens=16, think_tokens=20)
    (segment,) = trajectory.segments()
    assert not segment.drifted
    reply = segment.ids[len(trajectory.calls[0].prompt) :]
    assert TEMPLATE.decode(list(reply)) == said(trajectory)
    trained = b"".join(bytes(segment.ids[s.start : s.end]) for s in segment.spans[:-1])
    assert trained == b"<plan>" + b"p" * 10 + b"<think>" + b"t" * 13
    for made, span, prompt in zip(trajectory.calls, segment.spans, engine.prompts, strict=True):
        assert list(segment.ids[: span.start]) == prompt, "each piece saw just this"
        assert segment.ids[span.start : span.end] == made.completion
    assert [c.message is not None for c in trajectory.calls][-1]
    assert sum(c.message is not None for c in trajectory.calls) == 1


def test_what_keeps_to_its_limits_is_sampled_as_it_would_be_without() -> None:
    free = write(Writer(plan="abc", think="def"))
    held = write(Writer(plan="abc", think="def"), plan_tokens=50, think_tokens=50)
    assert said(held) == said(free)
    assert held.segments()[0].ids == free.segments()[0].ids
    assert len(free.calls) == 1


def test_an_answer_past_its_limit_ends_there() -> None:
    trajectory = write(Writer(think="tt", answer="x" * 50), answer_tokens=5)
    assert said(trajectory) == "<think>tt</think>\nxxxx"
    assert trajectory.calls[-1].finish == "length"
    assert sum(c.answer_tokens for c in trajectory.calls) == 5


def test_a_short_answer_after_a_long_thought_is_sampled_in_more_pieces() -> None:
    trajectory = write(Writer(think="t" * 60, answer="x" * 50), think_tokens=40, answer_tokens=8)
    assert said(trajectory) == f"<think>{'t' * 33}</think>\n{'x' * 8}"
    assert max(len(c.completion) for c in trajectory.calls) == 8


def test_a_reply_is_never_longer_than_its_own_limit() -> None:
    async def main() -> Trajectory:
        limits = Limits(context=1 << 20, tokens=1 << 20, reply_tokens=30, plan_tokens=16)
        return await run_episode(Crew(), LONG, id="e", log=EventLog(None), limits=limits, seed=1)

    trajectory = anyio.run(main)
    (segment,) = trajectory.segments()
    assert len(segment.ids) - len(trajectory.calls[0].prompt) == 30
    assert trajectory.num_sampled == 30 - len("</plan>\n")


def test_money_and_tokens_of_pieces_add_up() -> None:
    trajectory = write(LONG, plan_tokens=16, think_tokens=20)
    lengths = [len(c.completion) for c in trajectory.calls]
    assert sum(lengths) == trajectory.num_sampled == 39
    assert trajectory.num_critical_calls == len(lengths)
    assert trajectory.num_critical_turns == 1


class Fails(Writer):
    """A writer whose engine gives out in the middle of its first reply."""

    def __init__(self, error: Exception, *, times: int = 1) -> None:
        super().__init__(plan="p" * 40, think="t" * 60)
        self.error, self.times = error, times

    async def generate(self, prompt: Sequence[int], sampling: Sampling) -> Completion:
        if len(self.prompts) >= 1 and self.times:
            self.times -= 1
            raise self.error
        return await super().generate(prompt, sampling)


def test_pieces_of_a_reply_that_did_not_come_about_are_on_record() -> None:
    trajectory = write(Fails(EngineUnavailable("gone")), plan_tokens=16, think_tokens=20)
    assert trajectory.stop is Stop.PROVIDER_ERROR
    (piece,) = trajectory.calls
    assert (piece.message, piece.text, piece.plan_tokens) == (None, "<plan>pppppppppp", 16)
    assert trajectory.end is not None
    assert trajectory.end.tokens == 16
    assert trajectory.num_turns == 0


def test_a_context_that_overflows_between_pieces_ends_as_elsewhere() -> None:
    trajectory = write(Fails(ContextOverflow("too long")), plan_tokens=16)
    assert trajectory.stop is Stop.CONTEXT_LIMIT
    assert trajectory.num_drifts == 0


@pytest.mark.parametrize(
    ("text", "blocks", "standing"),
    [
        ("", [], "between"),
        (" <pl", [], "opening"),
        ("pla", [], "opening"),
        ("plane", [], "answer"),
        ("42", [], "answer"),
        ("<plan>a", [Block("plan", 0, 7)], "plan"),
        ("plan: a", [Block("plan", 0, 7)], "plan line"),
        ("plan: a\n", [Block("plan", 0, 8)], "between"),
        ("plan: a\n4", [Block("plan", 0, 8)], "answer"),
        ("<plan>a</plan>", [Block("plan", 0, 14)], "between"),
        ("<plan>a</plan>\n<th", [Block("plan", 0, 14)], "opening"),
        ("<plan>a</plan> <think>b", [Block("plan", 0, 14), Block("think", 15, 23)], "think"),
        ("\n <think>b", [Block("think", 2, 10)], "think"),
        ("<think>b</think><plan>", [Block("think", 0, 16)], "answer"),
        ("<think>b</think>\n<th", [Block("think", 0, 16)], "answer"),
        ("<think>b</think>\n42<think>", [Block("think", 0, 16)], "answer"),
    ],
)
def test_where_a_reply_stands(text: str, blocks: list[Block], standing: str) -> None:
    assert read_phases(text) == (blocks, standing)


pieces = st.lists(
    st.sampled_from(["<plan>", "</plan>", "<think>", "</think>", "plan: x\n", "\n", "ü", "word "])
)


@settings(max_examples=200)
@given(
    texts=st.lists(pieces.map("".join), min_size=1, max_size=12),
    caps=st.tuples(*[st.one_of(st.none(), st.integers(1, 40))] * 3),
    most=st.integers(1, 120),
)
def test_whatever_is_written_no_leading_phase_is_longer_than_its_limit(
    texts: list[str], caps: tuple[int | None, int | None, int | None], most: int
) -> None:
    plan, think, answer = caps
    limits = Limits(
        plan_tokens=plan, think_tokens=think, answer_tokens=answer, reply_tokens=200, context=400
    )
    ids: list[int] = []
    sampled: list[int] = []
    for text in texts * 3:
        room = most - len(ids)
        piece = next_piece(ids, limits=limits, room=room, template=TEMPLATE)
        if piece is None:
            break
        assert 0 < piece.max_tokens <= room
        drawn = TEMPLATE.encode(text)[: piece.max_tokens]
        ids += [*piece.insert, *drawn]
        sampled += drawn
    assert len(ids) <= most
    blocks, _ = read_phases(TEMPLATE.decode(ids))
    # In tokens, not in characters: a cut inside of one shows as another, longer one.
    lengths = {
        b.phase: num_tokens(ids, b.end, TEMPLATE) - num_tokens(ids, b.start, TEMPLATE)
        for b in blocks
    }
    for phase, cap in (("plan", plan), ("think", think)):
        # What the harness wrote to close it is not sampled.
        assert cap is None or lengths.get(phase, 0) <= cap + len("</think>")
    # The beginning of a tag that came to nothing is let pass.
    assert answer is None or len(sampled) - sum(lengths.values()) <= answer + len("<think>")
    assert sum(count_phases(ids, TEMPLATE.decode(ids), TEMPLATE)) == len(ids)


def test_a_chat_server_cannot_go_on_with_a_reply_and_says_so() -> None:
    engine = HTTPEngine(Client(base_url="http://localhost:1/v1", patience=QUICK), "m")
    prompt = [*engine.template.render("user", "?"), *engine.template.reply_opening()]
    begun = [*prompt, *engine.template.encode("<plan>a")]

    async def ask() -> None:
        with pytest.raises(EngineRefused, match="cannot go on with a reply that was begun"):
            await engine.generate(begun, Sampling(max_tokens=5))
        await engine.aclose()

    anyio.run(ask)


def test_calls_of_tools_after_a_limited_plan_are_run() -> None:
    engine = Writer(plan="p" * 40, answer=call("echo", text="x"))
    trajectory = write(engine, plan_tokens=16)
    assert next(m.text for m in trajectory.messages() if m.role == "tool") == "x"
    assert isinstance(trajectory.calls[0], Call)
