"""An engine over token ids, against a real server."""

from __future__ import annotations

import json

import anyio
import pytest
from desk import call
from serving import QUICK, Reply, Server, chat, play_over_http

from forethought.agents.budget import Limits
from forethought.agents.engines.client import Client
from forethought.agents.engines.engine import EngineUnavailable, Sampling
from forethought.agents.engines.http_tokens import HTTPTokenEngine
from forethought.agents.templates.template import ByteTemplate


def tokens_reply(text: str, *, stopped: bool = True, num_logprobs: int | None = None) -> Reply:
    ids = [*text.encode(), *([257] if stopped else [])]
    logprobs = [-0.25] * (len(ids) if num_logprobs is None else num_logprobs)
    choice = {
        "token_ids": ids,
        "logprobs": {"token_logprobs": logprobs},
        "finish_reason": "stop" if stopped else "length",
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
    ],
    ids=["no ids", "too few logprobs", "nothing"],
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
