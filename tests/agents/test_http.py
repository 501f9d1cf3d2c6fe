"""Engines over HTTP, against a real server on this machine that can misbehave."""

from __future__ import annotations

import email.utils
import json
import threading
import time

import anyio
import pytest
from desk import call
from serving import QUICK, Reply, Server, chat, nobody, play_over_http

from forethought.agents.budget import Limits
from forethought.agents.engines.client import Client, Patience, RequestRefused
from forethought.agents.engines.engine import (
    Completion,
    ContextOverflow,
    EngineRateLimited,
    EngineUnavailable,
    Sampling,
)
from forethought.agents.engines.http import HTTPEngine, chat_messages
from forethought.agents.record.stop import Stop
from forethought.agents.templates.packed import PackedTemplate
from forethought.agents.templates.template import Role
from forethought.envs.search.pacing import asked_wait_s


def ask(url: str, *messages: tuple[Role, str], max_tokens: int = 50) -> Completion:
    async def main() -> Completion:
        engine = HTTPEngine(Client(base_url=url, api_key="k3y", patience=QUICK), "tiny")
        prompt = [i for role, text in messages for i in engine.template.render(role, text)]
        prompt += engine.template.reply_opening()
        try:
            return await engine.generate(
                prompt, Sampling(max_tokens=max_tokens, temperature=0.5, seed=7)
            )
        finally:
            await engine.aclose()

    return anyio.run(main)


def text_of(completion: Completion) -> str:
    return PackedTemplate().decode(list(completion.ids))


def test_a_chat_server_gets_the_messages_and_the_sampling(server: Server) -> None:
    server.replies = [chat("four", tokens=3)]
    completion = ask(server.url, ("system", "Be brief."), ("user", "2+2? ü\n"))
    assert PackedTemplate().decode(list(completion.ids)) == "four"
    assert (len(completion.ids), completion.finish, completion.logprobs) == (3, "stop", None)
    assert server.paths == ["/v1/chat/completions"]
    assert server.headers[0]["Authorization"] == "Bearer k3y"
    assert server.requests == [
        {
            "model": "tiny",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "2+2? ü\n"},
            ],
            "max_tokens": 50,
            "temperature": 0.5,
            "stream": True,
            "stream_options": {"include_usage": True},
            "seed": 7,
        }
    ]


def test_results_of_tools_are_sent_as_user_messages_thoughts_are_not_sent() -> None:
    messages: list[tuple[Role, str]] = [
        ("user", "go"),
        ("assistant", "<think>hm</think>\ncalling"),
        ("tool", "a"),
        ("tool", "b"),
        ("user", "next"),
    ]
    assert chat_messages(messages) == [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": "calling"},
        {
            "role": "user",
            "content": "<tool_response>\na\n</tool_response>\n"
            "<tool_response>\nb\n</tool_response>\nnext",
        },
    ]


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_that_comes_apart_is_put_before_the_answer(server: Server, name: str) -> None:
    server.replies = [chat("4", tokens=20, **{name: "2 and 2"})]
    completion = ask(server.url, ("user", "?"))
    assert PackedTemplate().decode(list(completion.ids)) == "<think>2 and 2</think>\n4"
    assert len(completion.ids) == 20


@pytest.mark.parametrize(
    ("reply", "num_ids"),
    [
        (chat("twelve chars"), 4),
        (chat("ab", tokens=40), 40),
        (chat("a" * 400, tokens=9), 9),
        (chat("a" * 4000), 50),
        (chat("", tokens=1), 1),
        (chat(None), 1),
        (chat("a", tokens=1), 1),
    ],
    ids=["estimated", "hidden", "long tokens", "estimate capped", "empty", "null", "no stop token"],
)
def test_a_reply_counts_as_many_tokens_as_the_server_sampled(
    server: Server, reply: Reply, num_ids: int
) -> None:
    server.replies = [reply]
    completion = ask(server.url, ("user", "?"))
    assert len(completion.ids) == num_ids
    assert (completion.ids[-1] == 0) is (completion.finish == "stop")
    text = json.loads(reply[2])["choices"][0]["message"]["content"] or ""
    assert PackedTemplate().decode(list(completion.ids)) == text


def test_a_reply_that_was_cut_says_so(server: Server) -> None:
    body = {"choices": [{"message": {"content": "ab"}, "finish_reason": "length"}]}
    server.replies = [(200, {}, json.dumps(body))]
    completion = ask(server.url, ("user", "?"))
    assert completion.finish == "length"
    assert 0 not in completion.ids


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_trouble_that_passes_is_waited_out(server: Server, status: int) -> None:
    server.replies = [(status, {}, "busy"), (status, {}, "busy"), chat("ok")]
    assert PackedTemplate().decode(list(ask(server.url, ("user", "?")).ids)) == "ok"
    assert len(server.requests) == 3


@pytest.mark.parametrize("as_date", [False, True], ids=["seconds", "date"])
def test_retry_after_is_honoured(server: Server, as_date: bool) -> None:
    began = time.time()
    # A date has no fractions of a second: this one is more than one second away.
    header = email.utils.formatdate(began + 2, usegmt=True) if as_date else "1"
    server.replies = [(429, {"Retry-After": header}, "slow down"), chat("ok")]

    async def main() -> None:
        client = Client(base_url=server.url, patience=QUICK)
        await client.post("chat/completions", {})
        await client.aclose()

    anyio.run(main)
    assert time.time() - began >= 0.99


def test_a_server_that_asks_for_more_than_our_patience_is_not_asked_again(server: Server) -> None:
    server.replies = [(429, {"Retry-After": "3600"}, "come back later")]
    with pytest.raises(EngineRateLimited, match=r"\(1 tries, asks to wait 3600 s\)"):
        ask(server.url, ("user", "?"))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("Thu, 01 Jan 1970 00:00:30 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:00:05 GMT", 0.0),
        ("soon", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str | None, seconds: float | None) -> None:
    headers = {} if header is None else {"retry-after": header}
    assert asked_wait_s(headers, date=10.0) == seconds


@pytest.mark.parametrize(
    ("reply", "tries", "problem"),
    [
        ((500, {}, "kaput"), 3, r"/v1/chat/completions: HTTP 500: kaput \(3 tries\)"),
        ((429, {}, "no"), 3, r"HTTP 429: no; the server limits the rate; lower the concurrency"),
        ((429, {}, "insufficient_quota"), 1, "the account has no credit"),
        ((401, {}, "who?"), 1, "HTTP 401: who\\?; set the API key in OPENAI_API_KEY"),
        ((404, {}, "nope"), 1, "HTTP 404: nope; check the address"),
        ((400, {}, "bad seed"), 1, "HTTP 400: bad seed"),
        ((200, {}, "<html>"), 1, "the answer is not JSON: '<html>'; is this an OpenAI-compatible"),
        ((200, {}, "[1]"), 1, r"the answer is no JSON object: \[1\]"),
        ((200, {}, "{}"), 1, "no chat completion: choices: Field required"),
        ((200, {}, '{"choices": []}'), 3, r"a completion without choices \(3 tries\)"),
        ((200, {}, '{"choices": ['), 3, r"half a JSON object: .* \(3 tries\)"),
        ((200, {}, '{"error": {"code": 502}}'), 3, r"answers with an error: .*502.* \(3 tries\)"),
        (
            (307, {"location": "https://x/v1"}, ""),
            1,
            "HTTP 307: see https://x/v1; name the address",
        ),
    ],
    ids=[
        "500",
        "429",
        "no credit",
        "401",
        "404",
        "400",
        "html",
        "list",
        "empty object",
        "no choices",
        "half an object",
        "an error as an answer",
        "moved",
    ],
)
def test_trouble_that_stays_says_where_what_and_what_to_do(
    server: Server, reply: Reply, tries: int, problem: str
) -> None:
    server.replies = [reply]
    with pytest.raises(EngineUnavailable, match=problem):
        ask(server.url, ("user", "?"))
    assert len(server.requests) == tries


def test_a_reply_in_parts_is_their_text(server: Server) -> None:
    parts = [{"type": "thinking", "thinking": []}, {"type": "text", "text": "fo"}]
    body = json.loads(chat(None)[2])
    body["choices"][0]["message"]["content"] = [*parts, {"type": "text", "text": "ur"}]
    server.replies = [(200, {}, json.dumps(body))]
    assert text_of(ask(server.url, ("user", "?"))) == "four"


def test_a_model_that_wants_the_limit_by_its_newer_name_gets_it(server: Server) -> None:
    refusal = (400, {}, "Unsupported parameter: use 'max_completion_tokens' instead.")
    server.replies = [refusal, chat("four")]
    assert text_of(ask(server.url, ("user", "?"))) == "four"
    named = [{"max_tokens", "max_completion_tokens"} & each.keys() for each in server.requests]
    assert named == [{"max_tokens"}, {"max_completion_tokens"}]
    server.replies = [refusal]
    with pytest.raises(EngineUnavailable, match="HTTP 400"):
        ask(server.url, ("user", "?"))


def test_nobody_listening_is_told_after_all_tries() -> None:
    with (
        nobody() as url,
        pytest.raises(
            EngineUnavailable, match=r"ConnectError.*is the server running\? \(3 tries\)"
        ),
    ):
        ask(url, ("user", "?"))


def test_a_server_that_never_answers_is_given_up(server: Server) -> None:
    release = threading.Event()
    server.hook = lambda: release.wait(5) and None
    server.replies = [chat("late")]

    async def main() -> None:
        patience = Patience(tries=2, base_s=0.001, timeout_s=0.1)
        client = Client(base_url=server.url, patience=patience)
        try:
            await client.post("chat/completions", {})
        finally:
            await client.aclose()

    try:
        with pytest.raises(EngineUnavailable, match=r"no whole answer within 0.1 s \(2 tries\)"):
            anyio.run(main)
    finally:
        release.set()


def test_a_prompt_that_is_too_long_for_the_server_is_an_overflow(server: Server) -> None:
    server.replies = [(400, {}, "This model's maximum context length is 4096 tokens.")]
    with pytest.raises(ContextOverflow, match="the server says the prompt is too long"):
        ask(server.url, ("user", "?"))


@pytest.mark.parametrize("url", ["localhost:80", "ftp://x/v1", "http:///v1"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        Client(base_url=url)


def test_a_whole_episode_runs_over_http_with_its_tokens_accounted(server: Server) -> None:
    server.replies = [chat(call("echo", text="hi"), tokens=17), chat("42", tokens=2)]
    engine = HTTPEngine(Client(base_url=server.url, patience=QUICK), "tiny")
    trajectory = play_over_http(engine, Limits())
    assert trajectory.reward == 1.0
    assert trajectory.num_sampled == 19
    assert [event.trainable for event in trajectory.calls] == [False, False]
    assert server.requests[1]["messages"][-2:] == [
        {"role": "assistant", "content": call("echo", text="hi")},
        {"role": "user", "content": "<tool_response>\nhi\n</tool_response>"},
    ]


def test_a_server_that_dies_in_an_episode_makes_it_missing_data(server: Server) -> None:
    server.replies = [chat(call("echo", text="hi")), (500, {}, "dead")]
    engine = HTTPEngine(Client(base_url=server.url, patience=QUICK), "tiny")
    trajectory = play_over_http(engine, Limits())
    assert trajectory.stop is Stop.PROVIDER_ERROR
    assert trajectory.end is not None
    assert "HTTP 500: dead" in str(trajectory.end.error)
    assert trajectory.reward is None


def test_a_refused_request_tells_its_status(server: Server) -> None:
    server.replies = [(403, {}, "not yours")]
    with pytest.raises(RequestRefused, match="this key may not use the model") as refused:
        ask(server.url, ("user", "?"))
    assert (refused.value.status, refused.value.body) == (403, "not yours")
