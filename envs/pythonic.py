"""Pythonic calls: `[open(title="Oslo"), find(title="Oslo", pattern="fjord")]`, read and written.

What a model writes is parsed to a syntax tree and never run; only literals count as arguments.
"""

from __future__ import annotations

import ast
import keyword
import re
import threading
import unicodedata
import warnings
from collections.abc import Iterator, Sequence

from forethought.envs.call_json import MAX_DEPTH, Found, Json, unfit

_CONSTANTS: dict[str, Json] = {"true": True, "false": False, "null": None}
_START = re.compile(r"\[\s*(?=[^\W\d][\w.]*\s*\()")
_ALONE = re.compile(r"\s*[^\W\d][\w.]*\(\s*(?:\w+\s*=[^=]|\*\*|\)\s*\Z)")
_NAME = re.compile(r"\s*([\w.]*)")
_STRING = re.compile(
    r"'''(?:\\.|.)*?'''|\"\"\"(?:\\.|.)*?\"\"\"|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"",
    re.DOTALL,
)
_BRACKET = re.compile(r"[\[\](){}'\"]")
_OPENING = {")": "(", "]": "[", "}": "{"}
_WARNINGS = threading.Lock()


def write_pythonic(calls: Sequence[tuple[str, dict[str, Json]]]) -> str:
    """A list of calls. Raises ValueError for a name that is no Python name."""
    return f"[{', '.join(_written(name, arguments) for name, arguments in calls)}]"


def find_pythonic(text: str) -> Iterator[Found]:
    """The calls of the first list of calls in `text`; one that never closes is a broken call.

    A reply that is nothing but calls counts without the brackets.
    """
    start = _START.search(text)
    if start is not None:
        end = closing(text, start.start())
        if end is None:
            name = _name(text, start.end())
            yield Found(error="the list of calls is not closed (cut off)", name=name)
            return
        yield from _calls(text[start.start() : end])
    elif _is_call(text):
        yield from _calls(f"[{text.strip()}]")


def call_at(text: str) -> Found | None:
    """The single call that is the whole of `text`; None if it does not look like one."""
    return next(_calls(f"[{text.strip()}]"), None) if _is_call(text) else None


def closing(text: str, start: int) -> int | None:
    """Where the bracket at `start` is closed, strings left out of account; None if it is not."""
    waiting: list[str] = []
    position = start
    while (found := _BRACKET.search(text, position)) is not None:
        mark, position = found.group(), found.end()
        if mark in "'\"":
            string = _STRING.match(text, found.start())
            if string is None:
                return None
            position = string.end()
        elif mark in "[({":
            waiting.append(mark)
        elif waiting.pop() != _OPENING[mark]:
            return None
        if not waiting:
            return position
    return None


def _is_call(text: str) -> bool:
    """Whether a text is a call and nothing else; `Oslo (Norway)` is not."""
    return _ALONE.match(text) is not None and text.rstrip().endswith(")")


def _name(text: str, start: int) -> str:
    match = _NAME.match(text, start)
    assert match is not None
    return match.group(1)


def _calls(source: str) -> Iterator[Found]:
    """The calls of a list, each with what is wrong with it."""
    try:
        # Odd escapes in a model's strings are not worth a warning.
        with _WARNINGS, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(source, mode="eval").body
    except SyntaxError as error:
        at = f" at character {error.offset - 1}" if error.offset else ""
        yield Found(error=f"not valid Python: {error.msg}{at}", name=_name(source, 1))
        return
    except (ValueError, RecursionError, MemoryError) as error:
        yield Found(error=f"not valid Python: {error or 'too deep'}", name=_name(source, 1))
        return
    items = body.elts if isinstance(body, ast.List) else [body]
    for item in items:
        try:
            yield _call(item)
        except RecursionError:
            yield Found(error=f"nested more than {MAX_DEPTH} deep")


def _call(node: ast.expr) -> Found:
    if not isinstance(node, ast.Call):
        return Found(error="a call is written name(argument=value)")
    name = _dotted(node.func)
    if name is None:
        return Found(error="the call has no plain name")
    if node.args:
        return Found(error="every argument needs its name: name(argument=value)", name=name)
    arguments: dict[str, Json] = {}
    try:
        for argument in node.keywords:
            value = _value(argument.value, 1)
            named = {argument.arg: value} if argument.arg is not None else value
            if not isinstance(named, dict):
                raise ValueError("** needs a dictionary")
            twice = arguments.keys() & named.keys()
            if twice:
                raise ValueError(f"argument {min(twice)!r} is given twice")
            arguments.update(named)
    except ValueError as error:
        return Found(error=str(error), name=name)
    reason = unfit(arguments, "\\")
    if reason is not None:
        return Found(error=reason, name=name)
    return Found(value={"name": name, "arguments": arguments})


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return None if before is None else f"{before}.{node.attr}"
    return None


def _value(node: ast.expr, depth: int) -> Json:
    """A literal as JSON. Raises ValueError for anything else."""
    if depth > MAX_DEPTH:
        raise ValueError(f"nested more than {MAX_DEPTH} deep")
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(item, depth + 1) for item in node.elts]
    if isinstance(node, ast.Dict):
        return {
            _key(key): _value(value, depth + 1)
            for key, value in zip(node.keys, node.values, strict=True)
        }
    if isinstance(node, ast.Name) and node.id in _CONSTANTS:
        return _CONSTANTS[node.id]
    return _scalar(node)


def _scalar(node: ast.expr) -> Json:
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        sign, node = (-1 if isinstance(node.op, ast.USub) else 1), node.operand
        if not isinstance(node, ast.Constant) or isinstance(node.value, (str, bool, type(None))):
            raise ValueError("only a number has a sign")
    if isinstance(node, ast.Constant):
        if isinstance(node.value, (bool, str, type(None))):
            return node.value
        if isinstance(node.value, int) or (isinstance(node.value, float) and _is_finite(node)):
            return sign * node.value
    raise ValueError(
        f"{ast.unparse(node)[:60]} is no literal; write strings, numbers, lists, dictionaries, "
        "True, False or None"
    )


def _is_finite(node: ast.Constant) -> bool:
    return isinstance(node.value, float) and abs(node.value) != float("inf")


def _key(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise ValueError("the keys of a dictionary are strings")


def _written(name: str, arguments: dict[str, Json]) -> str:
    if not all(_is_plain(part) for part in name.split(".")):
        raise ValueError(f"tool {name!r}: its name is no Python name, so it has no pythonic call")
    plain = [f"{key}={value!r}" for key, value in arguments.items() if _is_plain(key)]
    others = {key: value for key, value in arguments.items() if not _is_plain(key)}
    return f"{name}({', '.join([*plain, *([f'**{others!r}'] if others else [])])})"


def _is_plain(name: str) -> bool:
    """Whether Python reads the name as it is written; it brings names into a normal form."""
    is_normal = unicodedata.normalize("NFKC", name) == name
    return name.isidentifier() and not keyword.iskeyword(name) and is_normal
