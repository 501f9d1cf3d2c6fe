"""ChatAnswer: what a chat server answers, as a whole or in pieces, as one thing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError
from pydantic_core import from_json

from forethought.agents.engines.client import AnswerBroken, json_object
from forethought.agents.engines.engine import EngineRateLimited, EngineUnavailable
from forethought.agents.engines.native_calls import NativeCall, NativeFunction, tags_of
from forethought.agents.engines.sse import data_of
from forethought.envs.first_error import first_error

_END = "[DONE]"


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatAnswer:
    """A reply, its thought and its calls in the text as tags."""

    text: str
    is_cut: bool
    """Whether `max_tokens` ended it."""
    num_sampled: int | None
    """Tokens, hidden ones too; None where the server does not say."""
    first_token_s: float | None
    """Seconds from sending the request to the first token; None if it came as a whole."""


async def read_chat(response: httpx.Response, began: float) -> ChatAnswer:
    """The answer to a request that was sent at `began` of `time.perf_counter`.

    A server that does not know how to stream answers with one JSON object. Raises AnswerBroken for
    a stream that ends before the reply does, EngineUnavailable for what is no chat completion.
    """
    is_stream = response.headers.get("content-type", "").startswith("text/event-stream")
    try:
        return await _streamed(response, began) if is_stream else await _whole(response)
    except ValidationError as error:
        raise EngineUnavailable(
            f"{response.url}: no chat completion: {first_error(error)}; "
            "is this an OpenAI-compatible server?"
        ) from None


class _Part(BaseModel):
    """The parts of an answer that are used; servers add many others."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Usage(_Part):
    completion_tokens: int | None = None


class _TextPart(_Part):
    """A part of a reply that came as a list; those that are no text are left out."""

    text: str = ""


class _Said(_Part):
    content: str | tuple[_TextPart, ...] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None

    @property
    def said(self) -> str:
        """What was said, or why it was not."""
        if isinstance(self.content, tuple):
            return "".join(part.text for part in self.content)
        return self.content or self.refusal or ""

    @property
    def thought(self) -> str:
        return self.reasoning_content or self.reasoning or ""


class _Message(_Said):
    tool_calls: tuple[NativeCall, ...] | None = None


class _Choice(_Part):
    message: _Message
    finish_reason: str | None = None


class _Completion(_Part):
    choices: tuple[_Choice, ...]
    usage: _Usage | None = None


class _FunctionPiece(_Part):
    name: str | None = None
    arguments: str | None = None


class _CallPiece(_Part):
    index: int | None = None
    id: str | None = None
    function: _FunctionPiece = _FunctionPiece()


class _Delta(_Said):
    tool_calls: tuple[_CallPiece, ...] | None = None


class _ChoicePiece(_Part):
    delta: _Delta | None
    finish_reason: str | None = None


@dataclass(kw_only=True, slots=True)
class _OpenCall:
    """A call as far as it has come."""

    index: int
    id: str | None
    name: str = ""
    arguments: str = ""


class _Chunk(_Part):
    """One event of a stream; the one with the usage has no choice."""

    choices: tuple[_ChoicePiece, ...] = ()
    usage: _Usage | None = None
    error: JsonValue = None


@dataclass(kw_only=True, slots=True)
class _Pieces:
    """A reply while it comes in."""

    said: list[str] = field(default_factory=list)
    thought: list[str] = field(default_factory=list)
    calls: list[_OpenCall] = field(default_factory=list)
    finish_reason: str | None = None
    num_sampled: int | None = None
    first_token_s: float | None = None

    def add(self, chunk: _Chunk, *, seconds: float) -> None:
        """Take in an event that came `seconds` after the request."""
        if chunk.usage is not None:
            self.num_sampled = chunk.usage.completion_tokens
        for choice in chunk.choices[:1]:
            self.finish_reason = choice.finish_reason or self.finish_reason
            delta = choice.delta or _Delta()
            calls = delta.tool_calls or ()
            if self.first_token_s is None and (delta.said or delta.thought or calls):
                self.first_token_s = round(seconds, 6)
            self.said.append(delta.said)
            self.thought.append(delta.thought)
            for piece in calls:
                call = self._call_of(piece)
                call.name = piece.function.name or call.name
                call.arguments += piece.function.arguments or ""

    def native_calls(self) -> list[NativeCall]:
        """The calls in the order of their indices."""
        return [
            NativeCall(function=NativeFunction(name=call.name, arguments=call.arguments))
            for call in sorted(self.calls, key=lambda call: call.index)
        ]

    def _call_of(self, piece: _CallPiece) -> _OpenCall:
        """The call that a piece goes on with, or begins.

        Some servers give every call the index 0, or none; then a new id tells them apart.
        """
        at = piece.index if piece.index is not None else len(self.calls) - (not piece.id)
        for call in reversed(self.calls):
            if call.index == at and (not piece.id or call.id in (None, piece.id)):
                return call
        self.calls.append(_OpenCall(index=max(at, 0), id=piece.id))
        return self.calls[-1]


async def _streamed(response: httpx.Response, began: float) -> ChatAnswer:
    pieces = _Pieces()
    async for data in data_of(response.aiter_bytes()):
        if data.strip() == _END:
            continue
        try:
            chunk = _Chunk.model_validate(from_json(data))
        except ValidationError:
            raise
        except ValueError:
            raise AnswerBroken(f"the server sent half an event: {data[:200]!r}") from None
        if chunk.error is not None:
            raise _broken("the server broke off its answer", chunk.error)
        pieces.add(chunk, seconds=time.perf_counter() - began)
    if pieces.finish_reason is None:
        raise AnswerBroken("the answer ended before the reply was complete")
    return ChatAnswer(
        text=_text("".join(pieces.said), "".join(pieces.thought), tags_of(pieces.native_calls())),
        is_cut=pieces.finish_reason == "length",
        num_sampled=pieces.num_sampled,
        first_token_s=pieces.first_token_s,
    )


async def _whole(response: httpx.Response) -> ChatAnswer:
    found: Mapping[str, JsonValue] = await json_object(response)
    if "choices" not in found and found.get("error") is not None:
        # Some pass the trouble of the server behind them on as if it were an answer.
        raise _broken("the server answers with an error", found["error"])
    answer = _Completion.model_validate(found)
    if not answer.choices:
        raise AnswerBroken("the server sent a completion without choices")
    message = answer.choices[0].message
    return ChatAnswer(
        text=_text(message.said, message.thought, tags_of(message.tool_calls or ())),
        is_cut=answer.choices[0].finish_reason == "length",
        num_sampled=answer.usage.completion_tokens if answer.usage else None,
        first_token_s=None,
    )


def _broken(what: str, error: JsonValue) -> AnswerBroken:
    """The error that stands in an answer; the status that it has there counts."""
    status = error.get("code") if isinstance(error, dict) else None
    is_rate = str(status) in ("429", "rate_limit_exceeded")
    kind = EngineRateLimited if is_rate else EngineUnavailable
    return AnswerBroken(f"{what}: {str(error)[:300]}", kind=kind)


def _text(said: str, thought: str, tags: str) -> str:
    return f"<think>{thought}</think>\n{said}{tags}" if thought else said + tags
