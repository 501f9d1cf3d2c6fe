"""Described tools: functions of ours, told to the agent in the words that a benchmark published."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import get_type_hints

from pydantic import BaseModel, ConfigDict, Field, JsonValue, create_model

from forethought.envs.tools import Tool

JSON_TYPES = {"dict": "object", "float": "number", "tuple": "array"}
"""Names that BFCL's descriptions give to JSON's types."""


class Parameters(BaseModel):
    """The arguments in a description: a JSON schema of an object."""

    model_config = ConfigDict(frozen=True)

    properties: dict[str, dict[str, JsonValue]]
    required: tuple[str, ...] = ()


class Description(BaseModel):
    """What a benchmark says of a function."""

    model_config = ConfigDict(frozen=True)

    name: str
    description: str
    parameters: Parameters


def described(
    description: Description,
    function: Callable[..., str],
    *,
    is_typed: bool,
    resource: str,
) -> Tool:
    """A tool that reads as described.

    Names and defaults are those of `function`. With `is_typed` so are the types; otherwise any JSON
    value is let through, unconverted. Raises ValueError for an argument that `function` lacks.
    """
    parameters = inspect.signature(function).parameters
    hints = get_type_hints(function) if is_typed else {}
    fields: dict[str, object] = {}
    for name, schema in description.parameters.properties.items():
        if name not in parameters:
            raise ValueError(
                f"{description.name} is described with an argument {name!r} that it does not have; "
                "the description is of another version"
            )
        default = parameters[name].default
        kind = hints.get(name, object)
        start = ... if default is inspect.Parameter.empty else default
        fields[name] = (kind, Field(start, json_schema_extra=_plain(schema)))
    required: list[JsonValue] = [*description.parameters.required]
    config = ConfigDict(extra="forbid", json_schema_extra={"required": required})
    arguments: type[BaseModel] = create_model(  # type: ignore[call-overload]
        description.name, __config__=config, **fields
    )
    return Tool(
        name=description.name,
        description=description.description,
        function=function,
        arguments=arguments,
        resource=resource,
    )


def _plain(schema: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """A schema with JSON's own names of types, its parts included."""
    return {key: _renamed(key, value) for key, value in schema.items()}


def _renamed(key: str, value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return _plain(value)
    if key == "type" and isinstance(value, str):
        return JSON_TYPES.get(value, value)
    return value
