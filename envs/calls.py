"""Tool calls as models write them in text: Hermes tags, fenced JSON and bare JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from forethought.envs.call_json import Found, Json, bare, fenced, read, tagged

__all__ = ["Action", "Json", "ToolCall", "parse_calls", "render_call"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolCall:
    """A request to run one tool; `error` says why it cannot be run as written."""

    id: str
    name: str
    arguments: dict[str, Json] = field(default_factory=dict)
    error: str | None = None


class Parse(Protocol):
    """Finds the calls in a reply, in order; broken ones carry their error."""

    def __call__(self, text: str, *, turn: int = 0) -> tuple[ToolCall, ...]:
        """Their ids begin with `turn`."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """What an agent does in one turn: text, and the tool calls found in it."""

    text: str
    calls: tuple[ToolCall, ...] = ()
    tokens: object | None = None
    """The sampled tokens, opaque to environments."""

    @classmethod
    def of(
        cls,
        text: str,
        *,
        turn: int = 0,
        tokens: object | None = None,
        parse: Parse | None = None,
    ) -> Action:
        """An action from text alone; call ids are unique within an episode through `turn`.

        `parse` reads the calls: that of a `ToolProtocol`, or `parse_calls`.
        """
        return cls(text=text, calls=(parse or parse_calls)(text, turn=turn), tokens=tokens)


def render_call(name: str, arguments: dict[str, Json]) -> str:
    """A call as a Hermes-style tag, the form that `parse_calls` prefers."""
    body = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
    return f"<tool_call>{body}</tool_call>"


def parse_calls(text: str, *, turn: int = 0) -> tuple[ToolCall, ...]:
    """Every tool call in `text`, in order; broken ones carry their error.

    Tags win over fences, fences over bare JSON, so a call that is quoted in prose beside a tagged
    one is not run twice. A tag that is never closed counts as a broken call, and a call in a
    thought or a tagged plan as none.
    """
    if "{" not in text and "<tool_call>" not in text:
        return ()
    return numbered(found_in(text, _find), turn=turn)


def found_in(text: str, find: Callable[[str], Iterable[Found]]) -> list[Found]:
    """What `find` finds in a reply, but for the plan and the thought at its beginning.

    Some chat templates open the thought themselves, so that only its closing tag is sampled. The
    same tag in a string of a call closes nothing: what stands before it is then a broken call.
    """
    acts = _TAGGED_PLAN.sub("", without_thought(text), count=1)
    before, closing, after = acts.partition("</think>")
    if closing and "<think>" not in before and all(each.error is None for each in find(before)):
        acts = after
    return list(find(acts))


def without_thought(text: str) -> str:
    """A reply without the thought that it begins with, or that follows the plan that it begins
    with; nothing is left of a thought that is not closed.
    """
    return _THOUGHT.sub(r"\1", text, count=1)


def _find(text: str) -> Iterable[Found]:
    return list(tagged(text)) or list(fenced(text)) or bare(text)


def numbered(found: Iterable[Found], *, turn: int) -> tuple[ToolCall, ...]:
    """What was found as calls, with ids of ours: a model's own may repeat."""
    return tuple(_call(each, f"{turn}.{index}") for index, each in enumerate(found))


def _call(found: Found, call_id: str) -> ToolCall:
    if found.error is not None:
        return _broken(call_id, found.error, found.name)
    loaded = found.value
    if not isinstance(loaded, dict):
        return _broken(call_id, "a call is a JSON object with name and arguments")
    name = loaded.get("name") or loaded.get("tool") or loaded.get("function")
    if not isinstance(name, str):
        return _broken(call_id, "the call has no name")
    arguments = loaded.get("arguments", loaded.get("parameters", {}))
    if isinstance(arguments, str):
        arguments = read(arguments).value
        if not isinstance(arguments, dict):
            return _broken(call_id, "arguments is a string that holds no JSON object", name)
    if not isinstance(arguments, dict):
        return _broken(call_id, "arguments is not a JSON object", name)
    return ToolCall(id=call_id, name=name, arguments=arguments)


def _broken(call_id: str, error: str, name: str = "") -> ToolCall:
    return ToolCall(id=call_id, name=name, error=error)


_THOUGHT = re.compile(
    r"\A(\s*(?:(?i:<plan>.*?</plan>|plan:[^\n]*\n)\s*)?)<think>.*?(?:</think>|\Z)", re.DOTALL
)
_TAGGED_PLAN = re.compile(r"\A\s*<plan>.*?(?:</plan>|\Z)", re.DOTALL | re.IGNORECASE)
