"""Tools: typed Python functions that an agent may call.

A tool's failure is data, not an exception: every call gets exactly one `ToolResult`. What the
function raises as ValueError, LookupError or OSError is told to the agent; anything else is a bug
or a dead sandbox and rises.
"""

from __future__ import annotations

import difflib
import inspect
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, TypeVar, get_type_hints, overload

import anyio
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError, create_model

from forethought.envs.calls import Json, ToolCall
from forethought.envs.context import BudgetExhausted, Context
from forethought.envs.spaces import as_text

ToolError = Literal[
    "parse",
    "unknown_tool",
    "bad_arguments",
    "timeout",
    "not_found",
    "budget",
    "cancelled",
    "rate_limited",
    "blocked",
    "tool",
]
_MAX_PROBLEMS = 5
"""Wrong arguments that an agent is told of at once."""
Function = TypeVar("Function", bound=Callable[..., object])


class ToolFailure(ValueError):
    """What a tool raises to tell the agent of a failure of a certain kind."""

    def __init__(self, message: str, *, kind: ToolError) -> None:
        super().__init__(message)
        self.kind: ToolError = kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool:
    """A named function with a checked argument list."""

    name: str
    description: str
    function: Callable[..., str | Awaitable[str]]
    arguments: type[BaseModel]
    context_parameter: str | None = None
    resource: str | None = None
    """Calls that name the same resource run one after the other; others run together."""
    untrusted: bool = False
    """Whether what it gives is text from outside; the record says so."""

    @property
    def schema(self) -> dict[str, Json]:
        """JSON schema of the arguments, without titles; one object for all who ask."""
        return _schema_of(self.arguments)

    @property
    def signature(self) -> str:
        """One short line for a prompt: `search(query: string) — find pages`."""
        properties = self.schema.get("properties", {})
        assert isinstance(properties, dict)
        required = self.schema.get("required", [])
        assert isinstance(required, list)
        parts = [
            f"{name}{'' if name in required else '?'}: {_type_name(kind)}"
            for name, kind in properties.items()
        ]
        return f"{self.name}({', '.join(parts)}): {self.description}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolResult:
    """What one call gave; `text` is what the agent reads, an error's message included."""

    call_id: str
    name: str
    text: str
    error: ToolError | None = None
    wall_s: float = 0.0
    untrusted: bool = False
    notes: Mapping[str, JsonValue] | None = None
    """For the record alone."""


@overload
def tool(function: Function) -> Function: ...
@overload
def tool(*, resource: str = "", untrusted: bool = False) -> Callable[[Function], Function]: ...
def tool(
    function: Function | None = None, *, resource: str = "", untrusted: bool = False
) -> Function | Callable[[Function], Function]:
    """Mark a method or function as a tool; its docstring's first line is the description."""

    def mark(marked: Function) -> Function:
        marked.__forethought_tool__ = (resource, untrusted)  # type: ignore[attr-defined]
        return marked

    return mark if function is None else mark(function)


def is_tool(value: object) -> bool:
    """Whether `value` was marked with @tool."""
    return callable(value) and "__forethought_tool__" in getattr(value, "__dict__", {})


def as_tool(function: Callable[..., object], *, resource: str | None = None) -> Tool:
    """A `Tool` from a typed function. Raises ValueError if a parameter has no type."""
    if inspect.ismethod(function):
        declared = _declared(function.__func__, is_method=True)
    else:
        declared = _declared(function, is_method=False)
    return replace(
        declared,
        function=function,  # type: ignore[arg-type]
        resource=resource or declared.resource,
    )


@cache
def _declared(function: Callable[..., object], *, is_method: bool) -> Tool:
    """What a function's signature says, read once however many environments have the tool."""
    name = function.__name__
    hints = get_type_hints(function)
    fields: dict[str, object] = {}
    context_parameter = None
    for parameter in list(inspect.signature(function).parameters.values())[is_method:]:
        if parameter.name not in hints:
            raise ValueError(f"tool {name!r}: parameter {parameter.name!r} has no type annotation")
        if hints[parameter.name] is Context:
            context_parameter = parameter.name
            continue
        required = parameter.default is inspect.Parameter.empty
        fields[parameter.name] = (hints[parameter.name], ... if required else parameter.default)
    description = (inspect.getdoc(function) or "").split("\n\n")[0].replace("\n", " ")
    if not description:
        raise ValueError(f"tool {name!r} has no docstring; its first line tells the agent its use")
    arguments: type[BaseModel] = create_model(  # type: ignore[call-overload]
        name, __config__=ConfigDict(extra="forbid"), **fields
    )
    resource, untrusted = vars(function).get("__forethought_tool__", ("", False))
    return Tool(
        name=name,
        description=description,
        function=function,  # type: ignore[arg-type]
        arguments=arguments,
        context_parameter=context_parameter,
        resource=resource or None,
        untrusted=untrusted,
    )


async def run_calls(
    calls: Sequence[ToolCall], tools: Mapping[str, Tool], context: Context
) -> list[ToolResult]:
    """Run calls, together where they share no resource; one result each, in the calls' order."""
    if len(calls) == 1:
        return [await _run(calls[0], tools, context)]
    results: list[ToolResult | None] = [None] * len(calls)
    lanes: dict[str, list[int]] = {}
    for index, call in enumerate(calls):
        known = tools.get(call.name)
        lanes.setdefault(known.resource if known and known.resource else f"#{index}", []).append(
            index
        )

    async def run_lane(indices: list[int]) -> None:
        for index in indices:
            results[index] = await _run(calls[index], tools, context)

    async with anyio.create_task_group() as group:
        for indices in lanes.values():
            group.start_soon(run_lane, indices)
    return [result for result in results if result is not None]


async def _run(call: ToolCall, tools: Mapping[str, Tool], context: Context) -> ToolResult:
    if call.error is not None:
        return _failed(call, "parse", f"Could not read this tool call: {call.error}.")
    known = tools.get(call.name)
    if known is None:
        close = difflib.get_close_matches(call.name, tools, n=1)
        known_names = f" There are: {', '.join(tools)}." if tools else " Act in plain text."
        hint = f" Did you mean {close[0]}?" if close else known_names
        return _failed(call, "unknown_tool", f"There is no tool {call.name!r}.{hint}")
    try:
        checked = known.arguments.model_validate(call.arguments)
    except ValidationError as error:
        return _failed(call, "bad_arguments", f"{call.name}: {_reason(error)}")
    arguments: dict[str, object] = vars(checked).copy()
    if known.context_parameter is not None:
        context = replace(context, call_id=call.id, record={})
        arguments[known.context_parameter] = context
    result = await _called(call, known, arguments)
    if known.untrusted or context.record:
        result = replace(result, untrusted=known.untrusted, notes=context.record)
    return result


async def _called(call: ToolCall, known: Tool, arguments: dict[str, object]) -> ToolResult:
    started = time.perf_counter()
    try:
        value = known.function(**arguments)
        value = await value if inspect.isawaitable(value) else value
    except TimeoutError as error:
        return _failed(call, "timeout", f"{call.name}: {error or 'timed out'}", started)
    except (FileNotFoundError, LookupError) as error:
        return _failed(
            call, "not_found", f"{call.name}: {error.args[-1] if error.args else ''}", started
        )
    except ConnectionError:
        raise
    except BudgetExhausted as error:
        return _failed(call, "budget", f"{call.name}: {error}", started)
    except ToolFailure as error:
        return _failed(call, error.kind, f"{call.name}: {error}", started)
    except (ValueError, OSError) as error:
        return _failed(call, "tool", f"{call.name}: {error}", started)
    wall_s = time.perf_counter() - started
    text = as_text(f"tool {call.name!r}", value)
    return ToolResult(call_id=call.id, name=call.name, text=text, wall_s=wall_s)


def _failed(
    call: ToolCall, error: ToolError, text: str, started: float | None = None
) -> ToolResult:
    wall_s = 0.0 if started is None else time.perf_counter() - started
    return ToolResult(call_id=call.id, name=call.name, text=text, error=error, wall_s=wall_s)


def _reason(error: ValidationError) -> str:
    problems = [
        f"{'.'.join(str(part) for part in item['loc']) or 'arguments'}: {item['msg']}"
        for item in error.errors(include_url=False, include_input=False)
    ]
    more = len(problems) - _MAX_PROBLEMS
    return "; ".join(problems[:_MAX_PROBLEMS]) + (f"; and {more} more" if more > 0 else "")


@cache
def _schema_of(arguments: type[BaseModel]) -> dict[str, Json]:
    """Made once for each tool: a process may start thousands of episodes that have it."""
    schema = _untitled(arguments.model_json_schema())
    assert isinstance(schema, dict)
    return schema


def _untitled(schema: object) -> Json:
    """A schema without the titles that pydantic gives; a parameter may well be named `title`."""
    if isinstance(schema, dict):
        return {
            key: {name: _untitled(kind) for name, kind in value.items()}
            if key == "properties"
            else _untitled(value)
            for key, value in schema.items()
            if key != "title"
        }
    if isinstance(schema, list):
        return [_untitled(value) for value in schema]
    return json.loads(json.dumps(schema))  # type: ignore[no-any-return]


def _type_name(kind: Json) -> str:
    assert isinstance(kind, dict)
    if isinstance(choices := kind.get("anyOf"), list):
        return " or ".join(_type_name(each) for each in choices if each != {"type": "null"})
    if isinstance(values := kind.get("enum"), list):
        return "|".join(str(value) for value in values)
    name = kind.get("type", "any")
    if name == "array":
        return f"list of {_type_name(kind.get('items', {}))}"
    return str(name)
