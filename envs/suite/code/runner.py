"""Functions of our own, run here: what they give, and what their broken versions give.

Broken versions may loop for ever, so every round of a loop uses up fuel. This is for sources that
we wrote and changed ourselves, and no place for anybody else's code: that belongs in a sandbox.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Sequence

from pydantic import JsonValue

from forethought.sandbox import same

FUEL = 4000
"""Rounds of loops, far more than any case of ours needs."""


class OutOfFuel(Exception):
    """It would run on and on."""


class Ran:
    """What a call gave: a JSON value, or the name of what was raised."""

    __slots__ = ("raised", "value")

    def __init__(self, value: JsonValue = None, *, raised: str | None = None) -> None:
        self.value = value
        self.raised = raised

    def is_like(self, other: Ran) -> bool:
        """Whether nobody could tell the two calls from each other."""
        return self.raised == other.raised and same(self.value, other.value)


def run_all(
    function: ast.FunctionDef,
    arguments: Sequence[Sequence[JsonValue]],
    *,
    until: Sequence[Ran] = (),
) -> list[Ran]:
    """What a function gives for each list of arguments; its tree is of no use afterwards.

    With results to compare with it stops after the first that differs.
    """
    call = _compiled(function)
    results: list[Ran] = []
    for index, given in enumerate(arguments):
        results.append(_run(call, given))
        if until and not results[-1].is_like(until[index]):
            break
    return results


def differs(
    function: ast.FunctionDef, arguments: Sequence[Sequence[JsonValue]], wanted: Sequence[Ran]
) -> bool:
    """Whether a function gives something else than `wanted` for any of the arguments."""
    results = run_all(function, arguments, until=wanted)
    return not results[-1].is_like(wanted[len(results) - 1])


def _run(call: Callable[[Sequence[JsonValue]], object], given: Sequence[JsonValue]) -> Ran:
    try:
        # Through JSON and back: calls share no lists, and values are as a sandbox returns them.
        return Ran(json.loads(json.dumps(call(json.loads(json.dumps(given))))))
    except Exception as error:  # noqa: BLE001 - broken code raises what it likes
        return Ran(raised=type(error).__name__)


def _compiled(function: ast.FunctionDef) -> Callable[[Sequence[JsonValue]], object]:
    """A caller of the function, with a full tank for each call."""
    left = 0

    def burn() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OutOfFuel

    def call(given: Sequence[JsonValue]) -> object:
        nonlocal left
        left = FUEL
        called: Callable[..., object] = namespace[function.name]
        return called(*given)

    namespace: dict[str, Callable[..., object]] = {"_burn": burn}
    burning = ast.parse("_burn()").body[0]
    for node in ast.walk(function):
        if isinstance(node, ast.For | ast.While):
            node.body.insert(0, burning)
    tree = ast.Module([function], [])
    exec(compile(tree, "<function>", "exec"), namespace)
    return call
