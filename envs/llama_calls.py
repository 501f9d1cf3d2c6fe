"""Llama's calls: JSON with "parameters" on lines, after a tag or in <function=...> tags."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from forethought.envs.call_json import Found, Json, read_at
from forethought.envs.pythonic import call_at

PYTHON_TAG = "<|python_tag|>"
_END = re.compile(r"(?:<\|eom_id\|>|<\|eot_id\|>|\s)+\Z")
_START = re.compile(r"""^[ \t]*\{\s*["']?(?:name|type|function)\b""", re.MULTILINE)
_FUNCTION = re.compile(r"<function=([^>\s]+)>\s*")
_BETWEEN = re.compile(r"[\s;,]*")


def write_llama(calls: Sequence[tuple[str, dict[str, Json]]]) -> str:
    """Objects with name and parameters, apart by semicolons."""
    return "; ".join(
        json.dumps({"name": name, "parameters": arguments}, ensure_ascii=False)
        for name, arguments in calls
    )


def find_llama(text: str) -> Iterator[Found]:
    """Calls that begin a line, follow the tag, or stand in <function=name> tags."""
    text = _END.sub("", text)
    start = _START.search(text)
    if start is not None:
        yield from _row(text[start.start() :])
    elif PYTHON_TAG in text:
        yield from _after_tag(text.partition(PYTHON_TAG)[2])
    else:
        yield from _function_tags(text)


def _after_tag(text: str) -> Iterator[Found]:
    """JSON, or the call of a built-in tool: `brave_search.call(query="...")`."""
    if text.lstrip().startswith("{"):
        yield from _row(text)
        return
    found = call_at(text)
    if found is None:
        yield Found(error="after the tag comes a JSON object with name and parameters")
        return
    value = found.value
    if isinstance(value, dict) and isinstance(name := value["name"], str):
        value = {**value, "name": name.removesuffix(".call")}
    yield Found(value=value, error=found.error, name=found.name.removesuffix(".call"))


def _row(text: str) -> Iterator[Found]:
    """Objects one after the other; a broken one is the last."""
    position = 0
    while text.startswith("{", position := _skip(text, position)):
        found, position = read_at(text, position)
        yield found
        if found.error is not None:
            return


def _skip(text: str, position: int) -> int:
    match = _BETWEEN.match(text, position)
    assert match is not None
    return match.end()


def _function_tags(text: str) -> Iterator[Found]:
    position = 0
    while (opening := _FUNCTION.search(text, position)) is not None:
        name = opening.group(1)
        found, end = read_at(text, opening.end())
        if found.error is not None:
            yield Found(error=found.error, name=name)
        else:
            yield Found(value={"name": name, "arguments": found.value})
        position = max(end, opening.end())
