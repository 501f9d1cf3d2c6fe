"""Objects: JSON that a model wrote somewhere in its text, whole, half-written or wrong.

What cannot be kept is refused here, with a reason for the model: the log takes neither numbers
without end nor half characters, and nothing takes a thousand brackets in each other.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

MAX_DEPTH = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A value that was read, or the reason why it could not be."""

    value: Json = None
    error: str | None = None
    name: str = ""
    """What is wrong, where that much is known."""


def read(text: str) -> Found:
    """The JSON value that is the whole of `text`."""
    found, end = read_at(text, 0)
    if found.error is None and text[end:].strip():
        return Found(error=f"not valid JSON: Extra data at character {end}")
    return found


def read_at(text: str, start: int) -> tuple[Found, int]:
    """The JSON value that begins at `start`, white space before it, and where it ends.

    A broken value ends where it starts.
    """
    begin = skip_space(text, start)
    try:
        value, end = _DECODER.raw_decode(text, begin)
    except json.JSONDecodeError as error:
        what = _WHAT.get(error.msg, error.msg.removesuffix(" starting at"))
        cut = " (cut off)" if _is_cut(text, error) else ""
        return Found(error=f"not valid JSON: {what} at character {error.pos - start}{cut}"), start
    except RecursionError:
        return Found(error=f"nested more than {MAX_DEPTH} deep"), start
    except ValueError as error:
        # Of a number: too many digits, too large, or none at all.
        return Found(error=f"not valid JSON: {str(error).partition(';')[0]}"), start
    reason = unfit(value, text[begin:end])
    return (Found(value=value), end) if reason is None else (Found(error=reason), start)


def unfit(value: Json, source: str) -> str | None:
    """Why a value that was read from `source` cannot be kept; None if it can."""
    if source.count("[") + source.count("{") > MAX_DEPTH and depth(value) > MAX_DEPTH:
        return f"nested more than {MAX_DEPTH} deep"
    if "\\" in source or not source.isascii():
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return "it holds half of a surrogate pair (\\ud800 to \\udfff), which is no character"
        except ValueError as error:
            return str(error).partition(";")[0]
    return None


def depth(value: Json) -> int:
    """How many lists and objects of a value lie in each other."""
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        item, level = waiting.pop()
        inner = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        if isinstance(item, (dict, list)):
            deepest = max(deepest, level)
        waiting.extend((each, level + 1) for each in inner)
    return deepest


def tagged(text: str) -> Iterator[Found]:
    """What stands in <tool_call> tags; a tag that is never closed counts."""
    return _between(text, "<tool_call>", "</tool_call>")


def fenced(text: str) -> Iterator[Found]:
    """Objects in code fences that look like calls, or lists of them.

    A fence may stand in the objects' strings: a value that can be read ends where it ends.
    """
    position = 0
    while (fence := _FENCE.search(text, position)) is not None:
        found, end = _fence(text, fence.end())
        close = text.find("```", end)
        stop = close if close >= 0 else len(text)
        if found and _NAMED.search(text, fence.end(), stop):
            yield from found
        position = min(stop + 3, len(text))


def _fence(text: str, start: int) -> tuple[list[Found], int]:
    """The values at the beginning of a fence, the items of lists one by one, and their end."""
    values: list[Found] = []
    while text.startswith(("{", "["), start):
        found, end = read_at(text, start)
        if isinstance(found.value, list):
            values += (Found(value=item) for item in found.value)
        else:
            values.append(found)
        if found.error is not None:
            break
        start = skip_space(text, end)
    return values, start


def bare(text: str) -> Iterator[Found]:
    """Objects in running text that look like calls; one that never closes reaches to the end.

    A fence that does not begin with an object or a list holds code, whose own objects are no calls.
    """
    if _NAMED.search(text) is None:
        return
    position, is_fenced = _next_object(text, 0, is_fenced=False)
    while position >= 0:
        found, end = read_at(text, position)
        if found.error is not None:
            if _NAMED.search(text, position):
                yield found
            return
        if _NAMED.search(text, position, end):
            yield found
        position, is_fenced = _next_object(text, end, is_fenced=is_fenced)


def _next_object(text: str, start: int, *, is_fenced: bool) -> tuple[int, bool]:
    """Where the next object begins that is no part of code, or -1, and whether a fence holds it."""
    while (brace := text.find("{", start)) >= 0:
        fence = text.find("```", start, brace)
        if fence < 0:
            return brace, is_fenced
        start = fence + 3
        is_code = not is_fenced and _FENCED_OBJECT.match(text, fence) is None
        is_fenced = not is_fenced and not is_code
        if is_code:
            close = text.find("```", start)
            if close < 0:
                break
            start = close + 3
    return -1, False


def _between(text: str, opening: str, closing: str) -> Iterator[Found]:
    """What follows each `opening`, up to `closing`, the next one or the end.

    The tags may stand in the value's strings: a value that can be read ends where it ends.
    """
    position = text.find(opening)
    while position >= 0:
        start = position + len(opening)
        found, end = read_at(text, start)
        after = skip_space(text, end)
        is_whole = after == len(text) or text.startswith((closing, opening), after)
        if found.error is not None or not is_whole:
            ends = [at for tag in (closing, opening) if (at := text.find(tag, start)) >= 0]
            end = min(ends, default=len(text))
            found = read(text[start:end].strip())
        yield found
        position = text.find(opening, end)


def skip_space(text: str, start: int) -> int:
    """Where the white space at `start` ends."""
    match = _SPACE.match(text, start)
    assert match is not None
    return match.end()


def _is_cut(text: str, error: json.JSONDecodeError) -> bool:
    """Whether a value is wrong only because it ends too early."""
    return error.msg.startswith("Unterminated string") or not text[error.pos :].strip()


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"the number {digits[:20]} is too large")
    return number


_WHAT = {
    "Invalid control character at": "a line break in a string is written \\n, a tab \\t; one is"
}
_SPACE = re.compile(r"\s*")
_FENCE = re.compile(r"```(?:json|tool_call)?\s*\n?\s*")
_FENCED_OBJECT = re.compile(r"```(?:json|tool_call)?\s*[\[{]")
_NAMED = re.compile(r"""["'](?:name|tool|function)["']\s*:""")
_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)
