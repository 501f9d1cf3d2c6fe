"""Tool protocols: how models of different families are told of tools and write their calls.

TAGS, the default, reads whatever form a model chooses; the others are those that a family was
trained on, and read that form alone. A protocol is pure: text in, calls out, and the other way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from forethought.envs.call_json import Found, Json, bare, fenced, tagged
from forethought.envs.calls import (
    Parse,
    ToolCall,
    found_in,
    numbered,
    parse_calls,
    render_call,
)
from forethought.envs.llama_calls import PYTHON_TAG, find_llama, write_llama
from forethought.envs.pythonic import find_pythonic, write_pythonic
from forethought.envs.tool_prompts import (
    explain_bare,
    explain_fenced,
    explain_hermes,
    explain_llama,
    explain_pythonic,
    explain_tags,
)
from forethought.envs.tools import Tool

Calls = Sequence[tuple[str, dict[str, Json]]]
"""Names with their arguments."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolProtocol:
    """One way to write tool calls in text."""

    name: str
    parse: Parse
    render: Callable[[Calls], str]
    """Raises ValueError for a call that has no such form."""
    explain: Callable[[Sequence[Tool]], str]
    """What the system message says of the tools; empty if they reach the model otherwise."""


def protocol_for(model: str, *, chat_template: str = "") -> ToolProtocol:
    """The protocol that a model was trained on, by its chat template, else by its name.

    The default if neither says anything.
    """
    for mark, protocol in _BY_TEMPLATE:
        if mark in chat_template:
            return protocol
    for pattern, protocol in _BY_NAME:
        if re.search(pattern, model, re.IGNORECASE):
            return protocol
    return TAGS


def in_protocol(reply: str, protocol: ToolProtocol) -> str:
    """An expert's reply, whose calls are tags at its end, as another protocol writes them."""
    if protocol is TAGS or "<tool_call>" not in reply:
        return reply
    prose = reply.partition("<tool_call>")[0]
    calls = HERMES.parse(reply)
    return prose + protocol.render([(call.name, call.arguments) for call in calls])


def _parsing(find: Callable[[str], Iterable[Found]]) -> Parse:
    def parse(text: str, *, turn: int = 0) -> tuple[ToolCall, ...]:
        return numbered(found_in(text, find), turn=turn)

    return parse


def _render_tags(calls: Calls) -> str:
    return "".join(render_call(name, arguments) for name, arguments in calls)


def _render_hermes(calls: Calls) -> str:
    return "\n".join(f"<tool_call>\n{_json(*call)}\n</tool_call>" for call in calls)


def _render_fenced(calls: Calls) -> str:
    return "\n".join(f"```json\n{_json(*call)}\n```" for call in calls)


def _render_bare(calls: Calls) -> str:
    return "\n".join(_json(*call) for call in calls)


def _json(name: str, arguments: dict[str, Json]) -> str:
    return json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)


def _say_nothing(tools: Sequence[Tool]) -> str:
    return ""


TAGS = ToolProtocol(name="tags", parse=parse_calls, render=_render_tags, explain=explain_tags)
HERMES = ToolProtocol(
    name="hermes", parse=_parsing(tagged), render=_render_hermes, explain=explain_hermes
)
LLAMA = ToolProtocol(
    name="llama", parse=_parsing(find_llama), render=write_llama, explain=explain_llama
)
PYTHONIC = ToolProtocol(
    name="pythonic",
    parse=_parsing(find_pythonic),
    render=write_pythonic,
    explain=explain_pythonic,
)
FENCED = ToolProtocol(
    name="fenced", parse=_parsing(fenced), render=_render_fenced, explain=explain_fenced
)
BARE = ToolProtocol(name="bare", parse=_parsing(bare), render=_render_bare, explain=explain_bare)
NATIVE = ToolProtocol(
    name="native", parse=_parsing(tagged), render=_render_tags, explain=_say_nothing
)
"""Tools and calls travel beside the text; in the record the calls stand in tags."""

PROTOCOLS = {each.name: each for each in (TAGS, HERMES, LLAMA, PYTHONIC, FENCED, BARE, NATIVE)}

_BY_TEMPLATE = (
    ("<tool_call>", HERMES),
    ("[func_name1(", PYTHONIC),
    (PYTHON_TAG, LLAMA),
    ('"parameters": dictionary of argument name', LLAMA),
)
_BY_NAME = (
    (r"hermes|qwen", HERMES),
    (r"llama-?4|llama-?3[._-]?3", PYTHONIC),
    (r"llama-?3[._-]?[12]", LLAMA),
)
