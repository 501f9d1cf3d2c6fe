"""Native calls: a chat API's own fields for tools, where the record has tags in text.

The record is the same whatever the server does: a reply's calls stand behind its text as tags, each
result is a message of its own. On the way to the server both become what its API asks for.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence

from pydantic import BaseModel, JsonValue

from forethought.agents.templates.template import Role
from forethought.envs.calls import ToolCall, without_thought
from forethought.envs.protocols import NATIVE

_ID_DIGITS = 9


class NativeCall(BaseModel):
    """One entry of `tool_calls` in an answer."""

    function: NativeFunction


class NativeFunction(BaseModel):
    """A name and arguments, which servers send as text that should be JSON, some as an object.

    Whatever a model wrote instead is told to the model: it is no fault of the server.
    """

    name: str | None = None
    arguments: JsonValue = None


def tags_of(calls: Sequence[NativeCall]) -> str:
    """An answer's calls as they stand in the record; the server's ids, which may repeat, are lost.

    Arguments that are not JSON stay as they are, so that the policy hears of it.
    """
    return "".join(
        f"<tool_call>{json.dumps(_call(call.function), ensure_ascii=False)}</tool_call>"
        for call in calls
    )


def _call(function: NativeFunction) -> dict[str, JsonValue]:
    arguments: JsonValue = {} if function.arguments is None else function.arguments
    if isinstance(arguments, str):
        with contextlib.suppress(ValueError, RecursionError):
            arguments = json.loads(arguments or "{}")
    return {"name": function.name, "arguments": arguments}


def native_messages(messages: Sequence[tuple[Role, str]]) -> list[JsonValue]:
    """A conversation with `tool_calls` and messages of the tool role, and no thoughts.

    Calls that have not exactly one result each, as after an edit of the context, stay text, and so
    do results without their calls: servers refuse either half alone. Ids are ours: nine digits,
    which is what the strictest server takes.
    """
    sent: list[JsonValue] = []
    position = num_calls = 0
    while position < len(messages):
        role, text = messages[position]
        calls = _answered(messages, position) if role == "assistant" else ()
        if calls:
            ids = [f"{num_calls + index:0{_ID_DIGITS}d}" for index in range(len(calls))]
            sent.append(_with_calls(text, calls, ids))
            results = messages[position + 1 : position + 1 + len(calls)]
            sent += (
                {"role": "tool", "tool_call_id": call_id, "content": result}
                for call_id, (_, result) in zip(ids, results, strict=True)
            )
            num_calls += len(calls)
        else:
            _add_text(sent, role, text)
        position += 1 + len(calls)
    return sent


def _answered(messages: Sequence[tuple[Role, str]], position: int) -> tuple[ToolCall, ...]:
    """The calls of a message if each can be sent as one and has its result behind it."""
    calls = NATIVE.parse(messages[position][1])
    roles = [role for role, _ in messages[position + 1 : position + 2 + len(calls)]]
    num_results = next((n for n, role in enumerate(roles) if role != "tool"), len(roles))
    is_sound = num_results == len(calls) and all(call.error is None for call in calls)
    return calls if is_sound else ()


def _with_calls(text: str, calls: Sequence[ToolCall], ids: Sequence[str]) -> JsonValue:
    prose = without_thought(text).partition("<tool_call>")[0].strip()
    listed: list[JsonValue] = [
        {
            "id": call_id,
            "type": "function",
            "function": {
                "name": call.name,
                "arguments": json.dumps(call.arguments, ensure_ascii=False),
            },
        }
        for call_id, call in zip(ids, calls, strict=True)
    ]
    return {"role": "assistant", "content": prose or None, "tool_calls": listed}


def _add_text(sent: list[JsonValue], role: Role, text: str) -> None:
    """Add a message without calls; two in a row of the same role become one."""
    said: str = role
    if role == "tool":
        said, text = "user", f"<tool_response>\n{text}\n</tool_response>"
    elif role == "assistant":
        text = without_thought(text).lstrip()
    last = sent[-1] if sent else None
    if isinstance(last, dict) and last["role"] == said and "tool_calls" not in last:
        sent[-1] = {"role": said, "content": f"{last['content']}\n{text}"}
    else:
        sent.append({"role": said, "content": text})
