"""An engine over token ids, against a real server."""

from __future__ import annotations

import json

import anyio
import pytest
from desk import call
from serving import QUICK, Reply, Server, chat, play_over_http

from forethought.agents.budget import Limits
from forethought.agents.engines.client import Client
from forethought.agents.engines.engine import ContextOverflow, EngineUnavailable, Sampling
from forethought.agents.engines.http_tokens import HTTPTokenEngine
from forethought.agents.templates.template import ByteTemplate


def tokens_reply(text: str, *, stopped: bool = True, num_logprobs: int | None = None) -> Reply:
    ids = [*text.encode(), *([257] if stopped else [])]
    return ids_reply(ids, reason="stop" if stopped else "length", num_logprobs=num_logprobs)


def ids_reply(
    ids: list[int], *, reason: str, num_logprobs: int | None = None, logprob: float = -0.25
) -> Reply:
    logprobs = [logprob] * (len(ids) if num_logprobs is None else num_logprobs)
    choice = {
        "token_ids": ids,
        "logprobs": {"token_logprobs": logprobs},
        "finish_reason": reason,
    }
    return 200, {}, json.dumps({"choices": [choice]})


def token_engine(url: str) -> HTTPTokenEngine:
    client = Client(base_url=url, patience=QUICK)
    return HTTPTokenEngine(client, "tiny", template=ByteTemplate(), context_window=4096, version=3)


def test_a_token_server_gets_ids_and_its_draws_can_be_trained_on(server: Server) -> None:
    server.replies = [tokens_reply(call("echo", text="hi")), tokens_reply("42")]
    trajectory = play_over_http(token_engine(server.url), Limits())
    assert trajectory.reward == 1.0
    first, second = trajectory.calls
    assert (first.trainable, first.version, first.logprobs) == (
        *(True, 3),
        (-0.25,) * len(first.completion),
    )
    assert server.paths == ["/v1/completions"] * 2
    assert server.requests[0]["prompt"] == list(first.prompt)
    assert server.requests[1]["prompt"] == [*first.prompt, *first.completion, *second.prompt]
    assert server.requests[0]["return_token_ids"] is True
    assert server.requests[0]["stop_token_ids"] == [257]
    assert trajectory.num_drifts == 0


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (chat("text only"), "no token ids in the answer.*return_token_ids"),
        (tokens_reply("ab", num_logprobs=1), "3 token ids but 1 log-probabilities"),
        (tokens_reply("", stopped=False), "an answer without tokens"),
        (tokens_reply("too long a reply"), "17 tokens where 9 were asked for at most"),
        (ids_reply([7, -1], reason="stop"), "token id -1, which is none"),
        (ids_reply([7], reason="abort"), "it ended a reply for reason 'abort'"),
        (
            ids_reply([7], reason="stop", logprob=float("nan")),
            "a log-probability that is no number",
        ),
    ],
    ids=["no ids", "too few logprobs", "nothing", "too long", "wrong id", "aborted", "no number"],
)
def test_a_server_that_gives_no_tokens_is_no_engine_to_train_with(
    server: Server, reply: Reply, problem: str
) -> None:
    server.replies = [reply]

    async def main() -> None:
        engine = token_engine(server.url)
        try:
            await engine.generate([256], Sampling(max_tokens=9))
        finally:
            await engine.aclose()

    with pytest.raises(EngineUnavailable, match=problem):
        anyio.run(main)


def test_what_cannot_fit_the_window_is_not_sent(server: Server) -> None:
    async def main() -> None:
        engine = token_engine(server.url)
        try:
            await engine.generate([256] * 4090, Sampling(max_tokens=9))
        finally:
            await engine.aclose()

    with pytest.raises(ContextOverflow, match=r"4090 prompt tokens and 9 .* window of 4096"):
        anyio.run(main)
    assert server.requests == []


def load_weights(url: str) -> int:
    async def main() -> int:
        engine = token_engine(url)
        try:
            await engine.load_weights("some/folder")
            return engine.version
        finally:
            await engine.aclose()

    return anyio.run(main)


def test_a_server_is_drained_before_it_gets_new_weights_and_forgets_after(server: Server) -> None:
    done: Reply = (200, {}, json.dumps({"success": True}))
    server.replies = [done]
    assert load_weights(server.url) == 4
    assert server.paths == [
        "/pause?mode=wait&clear_cache=true",
        "/collective_rpc",
        "/reset_prefix_cache",
        "/resume",
    ]
    assert server.requests[1] == {
        "method": "reload_weights",
        "kwargs": {"weights_path": "some/folder"},
    }


@pytest.mark.parametrize(
    ("replies", "problem"),
    [
        ([(404, {}, "{}")], "VLLM_SERVER_DEV_MODE=1"),
        ([(200, {}, "{}")] * 2 + [(200, {}, '{"success": false}')], "cached keys are in use"),
    ],
    ids=["no development mode", "keys in use"],
)
def test_a_server_that_does_not_take_weights_says_why(
    server: Server, replies: list[Reply], problem: str
) -> None:
    server.replies = replies
    with pytest.raises(EngineUnavailable, match=problem):
        load_weights(server.url)
    assert "/resume" not in server.paths
