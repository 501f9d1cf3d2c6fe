"""Tool calls as models write them in text: Hermes tags, fenced JSON and bare JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolCall:
    """A request to run one tool; `error` says why it cannot be run as written."""

    id: str
    name: str
    arguments: dict[str, Json] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """What an agent does in one turn: text, and the tool calls found in it."""

    text: str
    calls: tuple[ToolCall, ...] = ()
    tokens: object | None = None
    """The sampled tokens, opaque to environments."""

    @classmethod
    def of(cls, text: str, *, turn: int = 0, tokens: object | None = None) -> Action:
        """An action from text alone; call ids are unique within an episode through `turn`."""
        return cls(text=text, calls=parse_calls(text, turn=turn), tokens=tokens)


def render_call(name: str, arguments: dict[str, Json]) -> str:
    """A call as a Hermes-style tag, the form that `parse_calls` prefers."""
    body = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
    return f"<tool_call>{body}</tool_call>"


def parse_calls(text: str, *, turn: int = 0) -> tuple[ToolCall, ...]:
    """Every tool call in `text`, in order; broken ones carry their error.

    Tags win over fences, fences over bare JSON, so a call that is quoted in prose beside a tagged
    one is not run twice. A tag that is never closed counts as a broken call.
    """
    if "{" not in text and "<tool_call>" not in text:
        return ()
    found = list(_tagged(text)) or list(_fenced(text)) or list(_bare(text))
    return tuple(_call(body, f"{turn}.{index}") for index, body in enumerate(found))


_TAG = re.compile(r"<tool_call>(.*?)(?:</tool_call>|(?=<tool_call>)|\Z)", re.DOTALL)
_FENCE = re.compile(r"```(?:json|tool_call)?\s*\n?(.*?)```", re.DOTALL)
_NAMED = re.compile(r"""["'](?:name|tool|function)["']\s*:""")


def _tagged(text: str) -> Iterator[str]:
    for match in _TAG.finditer(text):
        yield match.group(1).strip()


def _fenced(text: str) -> Iterator[str]:
    for match in _FENCE.finditer(text):
        body = match.group(1).strip()
        if body.startswith(("{", "[")) and _NAMED.search(body):
            yield from _objects(body)


def _bare(text: str) -> Iterator[str]:
    if _NAMED.search(text):
        yield from (body for body in _objects(text) if _NAMED.search(body))


def _objects(text: str) -> Iterator[str]:
    """Top-level JSON objects in `text`; an object that never closes reaches to the end."""
    decoder = json.JSONDecoder()
    position = text.find("{")
    while position >= 0:
        try:
            _, end = decoder.raw_decode(text, position)
        except json.JSONDecodeError:
            yield text[position:].strip()
            return
        yield text[position:end]
        position = text.find("{", end)


def _call(body: str, call_id: str) -> ToolCall:
    try:
        loaded = json.loads(body)
    except json.JSONDecodeError as error:
        return _broken(call_id, f"not valid JSON: {error.msg} at character {error.pos}")
    if not isinstance(loaded, dict):
        return _broken(call_id, "a call is a JSON object with name and arguments")
    name = loaded.get("name") or loaded.get("tool") or loaded.get("function")
    if not isinstance(name, str):
        return _broken(call_id, "the call has no name")
    arguments = loaded.get("arguments", loaded.get("parameters", {}))
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except json.JSONDecodeError:
            return _broken(call_id, "arguments is a string that holds no JSON object", name)
    if not isinstance(arguments, dict):
        return _broken(call_id, "arguments is not a JSON object", name)
    return ToolCall(id=call_id, name=name, arguments=arguments)


def _broken(call_id: str, error: str, name: str = "") -> ToolCall:
    return ToolCall(id=call_id, name=name, error=error)
