"""HTTPEngine: any OpenAI-compatible chat server, for evaluation and frozen sub-models.

The server's tokens are not seen, so its replies carry no log-probabilities and are not trained on;
`http_tokens.HTTPTokenEngine` is for servers that take and give token ids.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import JsonValue

from forethought.agents.engines.chat_answer import ChatAnswer, read_chat
from forethought.agents.engines.client import Client, RequestRefused
from forethought.agents.engines.engine import (
    Completion,
    ContextOverflow,
    EngineRefused,
    Finish,
    Sampling,
)
from forethought.agents.engines.native_calls import native_messages
from forethought.agents.templates.packed import PackedTemplate
from forethought.agents.templates.template import Role, Template
from forethought.envs.tool_prompts import schema_of
from forethought.envs.tools import Tool

_OLD_LIMIT, _NEW_LIMIT = "max_tokens", "max_completion_tokens"
"""What bounds a reply; OpenAI's reasoning models refuse the old name, other servers the new."""
_THOUGHT = re.compile(r"\A<think>.*?</think>\s*", re.DOTALL)
_TOO_LONG = re.compile(r"context.{0,40}(length|window|size)|maximum.{0,20}tokens", re.IGNORECASE)


class HTTPEngine:
    """Samples from `model` on a server through `/chat/completions`.

    Tool calls go through the text, as with every engine, and results of tools are sent as user
    messages; with `tools`, for environments of the protocol NATIVE, both go through the fields that
    the API has for them. Replies beside the conversation are sampled without tools. Replies are
    streamed: the server hears at once of one that is cancelled, and stops.
    """

    def __init__(
        self,
        client: Client,
        model: str,
        *,
        context_window: int = 1 << 30,
        tools: Sequence[Tool] = (),
    ) -> None:
        self._packed = PackedTemplate()
        self.template: Template = self._packed
        self.context_window = context_window
        self.version = 0
        self.client = client
        self.model = model
        self._limit = _OLD_LIMIT
        self._schemas: list[JsonValue] = [schema_of(tool) for tool in tools]

    def with_tools(self, tools: Sequence[Tool]) -> HTTPEngine:
        """An engine over the same connections that tells the server of `tools`."""
        return HTTPEngine(self.client, self.model, context_window=self.context_window, tools=tools)

    async def generate(self, prompt: Sequence[int], sampling: Sampling) -> Completion:
        """Sample one completion.

        Raises EngineUnavailable, its kind EngineRateLimited, ContextOverflow, and EngineRefused for
        a prompt that ends in the middle of a reply.
        """
        try:
            messages = self._packed.messages(prompt)
        except ValueError:
            raise EngineRefused(
                "a chat server cannot go on with a reply that was begun, so phases cannot be "
                "limited here; use a server that takes token ids, or leave out the limits "
                "plan_tokens, think_tokens and answer_tokens"
            ) from None
        is_native = bool(self._schemas) and sampling.purpose == "act"
        body: dict[str, JsonValue] = {
            "model": self.model,
            "messages": native_messages(messages) if is_native else chat_messages(messages),
            self._limit: sampling.max_tokens,
            "temperature": sampling.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if is_native:
            body["tools"] = self._schemas
        if sampling.seed is not None:
            body["seed"] = sampling.seed
        return self._completion(await self._ask(body), max_tokens=sampling.max_tokens)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.client.aclose()

    async def _ask(self, body: dict[str, JsonValue]) -> ChatAnswer:
        """The answer, asked for once more where the server wants the limit by its newer name."""
        try:
            return await self.client.ask("chat/completions", body, read=read_chat)
        except RequestRefused as error:
            raise_if_too_long(error)
            if _OLD_LIMIT not in body or _NEW_LIMIT not in error.body:
                raise
        self._limit = _NEW_LIMIT
        body[_NEW_LIMIT] = body.pop(_OLD_LIMIT)
        return await self._ask(body)

    def _completion(self, answer: ChatAnswer, *, max_tokens: int) -> Completion:
        """The reply in as many ids as the server sampled tokens, the stop token among them."""
        text = answer.text
        finish: Finish = "length" if answer.is_cut else "stop"
        estimate = len(self._packed.encode(text)) + (finish == "stop")
        count = max(1, min(answer.num_sampled or estimate, max_tokens))
        if text and count == 1:
            # A single id cannot hold both text and stop token; the loop then closes the message.
            finish = "length"
        end = self._packed.reply_closing(stopped=False) if finish == "stop" else []
        ids = (*self._packed.encode_in(text, count - len(end)), *end)
        return Completion(ids=ids, logprobs=None, finish=finish, first_token_s=answer.first_token_s)


def chat_messages(messages: Sequence[tuple[Role, str]]) -> list[JsonValue]:
    """Messages as a chat server wants them: no tool role, no thoughts, roles that alternate."""
    merged: list[tuple[str, str]] = []
    for role, text in messages:
        if role == "tool":
            role, text = "user", f"<tool_response>\n{text}\n</tool_response>"
        elif role == "assistant":
            text = _THOUGHT.sub("", text)
        if merged and merged[-1][0] == role:
            merged[-1] = (role, f"{merged[-1][1]}\n{text}")
        else:
            merged.append((role, text))
    return [{"role": role, "content": text} for role, text in merged]


def raise_if_too_long(error: RequestRefused) -> None:
    """Raise ContextOverflow if that is why the server refused."""
    if error.status in (400, 413, 422) and _TOO_LONG.search(error.body):
        raise ContextOverflow(f"the server says the prompt is too long: {error}") from error
