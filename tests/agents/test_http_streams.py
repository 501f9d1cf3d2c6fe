"""Replies that are streamed: put together, cut off, timed, and stopped when nobody wants them."""

from __future__ import annotations

import asyncio
import math
import time

import anyio
import pytest
from anyio.abc import SocketStream
from desk import Desk, call
from jumping import Leaping
from serving import QUICK
from streaming import DONE, HEAD, ROLE, Play, Stage, event, says, says_and_waits, streaming, usage

from forethought.agents.budget import Limits
from forethought.agents.engines.client import Client, Patience
from forethought.agents.engines.engine import (
    Completion,
    EngineRateLimited,
    EngineUnavailable,
    Sampling,
)
from forethought.agents.engines.http import HTTPEngine
from forethought.agents.loop import run_episode
from forethought.agents.record.log import EventLog
from forethought.agents.record.stop import Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.templates.packed import PackedTemplate

WHOLE = (ROLE, event({"content": "fo"}), event({"content": "ur"}, finish="stop"), usage(7), DONE)


def engine_of(stage: Stage) -> HTTPEngine:
    return HTTPEngine(Client(base_url=stage.url, patience=QUICK), "tiny")


async def sample(engine: HTTPEngine) -> Completion:
    prompt = [*engine.template.render("user", "?"), *engine.template.reply_opening()]
    return await engine.generate(prompt, Sampling(max_tokens=50))


def ask(play: Play) -> tuple[Completion, Stage]:
    async def main() -> tuple[Completion, Stage]:
        async with streaming(play) as stage:
            engine = engine_of(stage)
            try:
                return await sample(engine), stage
            finally:
                await engine.aclose()

    try:
        return anyio.run(main)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


def text_of(completion: Completion) -> str:
    return PackedTemplate().decode(list(completion.ids))


def test_the_pieces_of_a_reply_are_put_together_and_counted() -> None:
    completion, stage = ask(says(*WHOLE))
    assert (text_of(completion), len(completion.ids), completion.finish) == ("four", 7, "stop")
    assert (stage.requests[0]["stream"], stage.requests[0]["stream_options"]) == (
        True,
        {"include_usage": True},
    )


def test_pieces_may_be_cut_in_the_middle_of_a_line_and_of_a_letter() -> None:
    stream = b"".join((ROLE, event({"content": "süß\u2028!"}, finish="stop"), DONE))
    completion, _ = ask(says(*(stream[n : n + 1] for n in range(len(stream)))))
    assert text_of(completion) == "süß\u2028!"


def test_a_reply_that_reached_its_limit_says_so() -> None:
    completion, _ = ask(says(event({"content": "ab"}, finish="length"), DONE))
    assert (text_of(completion), completion.finish) == ("ab", "length")


def test_thought_and_calls_come_in_pieces_too() -> None:
    first = {"index": 0, "id": "a", "function": {"name": "echo", "arguments": ""}}
    second = {"index": 1, "id": "b", "function": {"name": "echo", "arguments": '{"text": "y"}'}}
    completion, _ = ask(
        says(
            event({"reasoning_content": "2 "}),
            event({"reasoning_content": "and 2"}),
            event({"content": "So:"}),
            event({"tool_calls": [first]}),
            event({"tool_calls": [{"index": 0, "function": {"arguments": '{"text": '}}]}),
            event({"tool_calls": [{"index": 0, "function": {"arguments": '"x"}'}}, second]}),
            event({}, finish="tool_calls"),
            DONE,
        )
    )
    calls = call("echo", text="x") + call("echo", text="y")
    assert text_of(completion) == f"<think>2 and 2</think>\nSo:{calls}"


def part(name: str, *, id: str | None, index: int | None) -> bytes:
    function = {"name": name, "arguments": "{}"}
    return event({"tool_calls": [{"index": index, "id": id, "function": function}]})


@pytest.mark.parametrize("index", [0, None], ids=["all at 0", "without"])
def test_calls_whose_index_says_nothing_are_told_apart_by_their_ids(index: int | None) -> None:
    more = event({"tool_calls": [{"index": index, "function": {"arguments": " "}}]})
    first, second = (part(name, id=name, index=index) for name in "ab")
    completion, _ = ask(says(first, more, second, event({}, finish="tool_calls"), DONE))
    assert text_of(completion) == call("a") + call("b")


def test_an_empty_last_event_and_a_refusal_are_part_of_a_reply() -> None:
    last = b'data: {"choices": [{"delta": null, "finish_reason": "content_filter"}]}\n\n'
    completion, _ = ask(says(event({"refusal": "I will "}), event({"refusal": "not."}), last, DONE))
    assert text_of(completion) == "I will not."


def test_a_rate_that_is_limited_in_the_middle_of_a_reply_is_told_as_such() -> None:
    with pytest.raises(EngineRateLimited, match="broke off its answer"):
        ask(says(ROLE, b'data: {"error": {"message": "slow down", "code": 429}}\n\n'))


def test_the_first_token_is_timed_and_not_the_head_of_the_answer() -> None:
    async def play(stage: Stage, stream: SocketStream) -> None:
        await says(ROLE)(stage, stream)
        await anyio.sleep(0.1)
        await stream.send(b"".join(WHOLE[1:]))

    began = time.perf_counter()
    completion, _ = ask(play)
    assert completion.first_token_s is not None
    assert 0.1 <= completion.first_token_s < time.perf_counter() - began


BROKEN = {
    "no end": (event({"content": "fo"}),),
    "half a line": (ROLE, event({"content": "four"}, finish="stop")[:-9]),
    "an error": (ROLE, b'data: {"error": {"message": "out of memory"}}\n\n'),
    "half an event": (ROLE, b'data: {"choices": [{"delta"\n\n'),
    "nothing": (),
}


@pytest.mark.parametrize("pieces", BROKEN.values(), ids=BROKEN)
def test_a_reply_that_breaks_off_is_asked_for_again(pieces: tuple[bytes, ...]) -> None:
    async def play(stage: Stage, stream: SocketStream) -> None:
        await says(*(pieces if len(stage.requests) < 3 else WHOLE))(stage, stream)

    completion, stage = ask(play)
    assert (text_of(completion), len(stage.requests)) == ("four", 3)


def test_a_connection_that_is_cut_in_the_middle_of_a_block_is_made_again() -> None:
    async def play(stage: Stage, stream: SocketStream) -> None:
        if len(stage.requests) > 1:
            await says(*WHOLE)(stage, stream)
            return
        await stream.send(HEAD + b"transfer-encoding: chunked\r\n\r\nffff\r\n" + ROLE)

    completion, stage = ask(play)
    assert (text_of(completion), len(stage.requests)) == ("four", 2)


@pytest.mark.parametrize(
    ("pieces", "problem"),
    [
        (BROKEN["half a line"], r"ended before the reply was complete \(3 tries\)"),
        (BROKEN["an error"], r"broke off its answer: .*out of memory.* \(3 tries\)"),
        ((b"data: {]\n\n",), r"sent half an event: '\{\]' \(3 tries\)"),
        ((b'data: {"choices": [{"text": "a"}]}\n\n',), "no chat completion: choices.0.delta"),
    ],
    ids=["half a line", "an error", "no JSON", "another API"],
)
def test_a_server_that_always_breaks_off_is_given_up(
    pieces: tuple[bytes, ...], problem: str
) -> None:
    with pytest.raises(EngineUnavailable, match=problem):
        ask(says(*pieces))


def test_a_server_hears_at_once_that_nobody_wants_its_reply() -> None:
    async def main() -> None:
        async with streaming(says_and_waits(ROLE, event({"content": "and "}))) as stage:
            engine = engine_of(stage)
            async with anyio.create_task_group() as group:
                group.start_soon(sample, engine)
                await stage.began.wait()
                assert not stage.hung_up.is_set()
                group.cancel_scope.cancel()
            with anyio.fail_after(120):
                await stage.hung_up.wait()
            await engine.aclose()

    anyio.run(main)


def test_the_end_of_an_episodes_time_stops_the_server() -> None:
    async def leap(stage: Stage) -> None:
        await stage.began.wait()
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Leaping)
        loop.leapt = limits.seconds

    async def main() -> Trajectory:
        play = says_and_waits(event({"content": "and "}))
        async with streaming(play) as stage, anyio.create_task_group() as group:
            patient = Client(base_url=stage.url, patience=Patience(timeout_s=math.inf))
            engine = HTTPEngine(patient, "tiny")
            group.start_soon(leap, stage)
            with EventLog(None) as log:
                found = await run_episode(Desk(), engine, id="e", log=log, limits=limits)
            with anyio.fail_after(120):
                await stage.hung_up.wait()
            await engine.aclose()
        return found

    limits = Limits(seconds=1000)
    trajectory = anyio.run(main, backend_options={"loop_factory": Leaping})
    assert trajectory.stop is Stop.TIME_LIMIT
    assert [made.finish for made in trajectory.calls] == ["cancelled"]


def test_an_episode_keeps_when_its_first_tokens_came() -> None:
    async def main() -> Trajectory:
        async with streaming(says(event({"content": "42"}, finish="stop"), DONE)) as stage:
            engine = engine_of(stage)
            with EventLog(None) as log:
                found = await run_episode(Desk(), engine, id="e", log=log)
            await engine.aclose()
        return found

    (made,) = anyio.run(main).calls
    assert made.first_token_s is not None
    assert 0.0 < made.first_token_s <= made.wall_s
