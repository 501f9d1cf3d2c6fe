"""The program that calls judged functions in a fresh sandbox and says what each call gave.

It is sent as source text, so it needs Python 3.9, its standard library and nothing else. It knows
inputs and no expected value: all that judged code can gain by speaking in its place is to give an
answer of its own, which it may do anyway. What it prints goes to standard error.
"""

# Every import lengthens every judging, so no pathlib; and whatever judged code raises is told.
# ruff: noqa: BLE001, PTH109

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial

LOADED = -1
"""Stands for the loading of the modules where the number of a case is due."""
HELLO = "hello"
"""Said before any judged code is loaded."""


def main() -> None:
    """Load the modules, then answer the cases in order."""
    job = json.loads(sys.stdin.buffer.read())
    nonce: str = job["nonce"]
    # Kept where a patched module does not reach them, so that careless judged code stays harmless.
    write, dumps, leave = os.write, json.dumps, os._exit
    answers = os.dup(1)
    os.dup2(2, 1)

    def say(number: int, report: object) -> None:
        line = f"{nonce} {number} {dumps(report, allow_nan=False)}\n".encode()
        while line:
            line = line[write(answers, line) :]

    say(LOADED, HELLO)
    sys.path.append(os.getcwd())
    functions: dict[str, Callable[..., object]] = {}
    report = _attempt(lambda: functions.update(_load(job["functions"])), keeps_value=False)
    say(LOADED, report)
    if "value" in report:
        for number, function, arguments in job["cases"]:
            report = _attempt(partial(functions[function], *arguments))
            try:
                say(number, report)
            except (TypeError, ValueError, RecursionError) as error:
                say(number, {"unfit": str(error)[:200]})
    leave(0)


def _load(names: Sequence[str]) -> dict[str, Callable[..., object]]:
    """The functions named `module:function`."""
    functions = {}
    for name in names:
        module, _, function = name.partition(":")
        functions[name] = getattr(importlib.import_module(module), function)
    return functions


def _attempt(call: Callable[[], object], *, keeps_value: bool = True) -> dict[str, object]:
    """What a call gave: a value, the name of an exception, or that it wanted to exit."""
    try:
        value = call()
    except Exception as error:
        return {"raised": type(error).__name__, "text": _text(error)}
    except BaseException as error:
        return {"exit": type(error).__name__}
    return {"value": value if keeps_value else None}


def _text(error: Exception) -> str:
    try:
        return str(error)[:200]
    except Exception:
        return ""


if __name__ == "__main__":
    main()
