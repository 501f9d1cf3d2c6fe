"""Hidden calls of a module's functions, and the same calls as a file of tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from pydantic import BaseModel, ConfigDict, JsonValue

from forethought.envs.suite.code.bugs import HiddenCase
from forethought.sandbox import Case, Suite, Verdict, same
from forethought.sandbox.judging.fresh import Factory

FILE = "test_hidden.py"


class HiddenCall(BaseModel):
    """A call of a function, `module:name` or just its name in the one module, and its result."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    function: str
    arguments: tuple[JsonValue, ...]
    value: JsonValue = None
    raises: str | None = None


class Tested(Protocol):
    """A function, and what it is to give."""

    @property
    def name(self) -> str:
        """As it is called."""
        ...

    @property
    def cases(self) -> Sequence[HiddenCase]:
        """Calls that the agent does not see."""
        ...


def as_data(
    functions: Sequence[Tested], *, module: Callable[[str], str] | None = None
) -> list[JsonValue]:
    """The hidden calls of functions, as a task's data holds them; `module` of each by its name."""
    return [
        {
            "function": function.name
            if module is None
            else f"{module(function.name)}:{function.name}",
            "arguments": list(case.arguments),
            "value": case.value,
            "raises": case.raises,
        }
        for function in functions
        for case in function.cases
    ]


def cases_of(calls: Sequence[HiddenCall], *, module: str = "") -> list[Case]:
    """The calls as a judge makes them, in their order; `module` is that of bare names."""
    return [
        Case(
            function=f"{module}:{call.function}" if module else call.function,
            arguments=call.arguments,
            value=call.value,
            raises=call.raises,
        )
        for call in calls
    ]


def share_of_functions(calls: Sequence[HiddenCall], verdict: Verdict | None) -> float:
    """Share of the functions whose calls all passed, by a verdict in their order."""
    if verdict is None:
        return 0.0
    outcomes = zip(calls, verdict.outcomes, strict=True)
    wrong = {call.function for call, outcome in outcomes if outcome.cause is not None}
    return 1 - len(wrong) / len({call.function for call in calls})


def suite_of(calls: Sequence[HiddenCall], *, module: str, fresh: Factory) -> Suite:
    """A test for each call, in their order, and decoys that no right function passes.

    A decoy asks for what the same function gives to other arguments; nothing but a right function
    tells it from a test.
    """
    tests = [_test(call, call) for call in calls]
    decoys = [_test(call, other) for call, other in _mismatched(calls)]
    # Sorted by their text the two kinds are mixed, and what the work can read of them is no order.
    mixed = sorted({*tests, *decoys})
    names = {test: f"test_{number}" for number, test in enumerate(mixed)}
    functions = sorted({call.function for call in calls})
    head = f"import pytest\nfrom {module} import {', '.join(functions)}\n"
    return Suite(
        files={FILE: head + "".join(f"\ndef {names[test]}():\n{test}" for test in mixed)},
        passing=[f"{FILE}::{names[test]}" for test in tests],
        failing=[f"{FILE}::{names[test]}" for test in decoys],
        fresh=fresh,
    )


def _mismatched(calls: Sequence[HiddenCall]) -> list[tuple[HiddenCall, HiddenCall]]:
    """Calls, each with a call of the same function that gives something else."""
    found: list[tuple[HiddenCall, HiddenCall]] = []
    for function in dict.fromkeys(call.function for call in calls):
        values = [call for call in calls if call.function == function and call.raises is None]
        pairs = zip(values, [*values[1:], *values[:1]], strict=True)
        found += [(one, other) for one, other in pairs if not same(one.value, other.value)]
    return found


def _test(call: HiddenCall, wanted: HiddenCall) -> str:
    """Body of a test that a call gives what another one is to give."""
    made = f"{call.function}({', '.join(map(repr, call.arguments))})"
    if wanted.raises is not None:
        return f"    with pytest.raises({wanted.raises}):\n        {made}\n"
    value = f"pytest.approx({wanted.value!r})" if _is_inexact(wanted.value) else repr(wanted.value)
    return f"    assert {made} == {value}\n"


def _is_inexact(value: JsonValue) -> bool:
    match value:
        case float():
            return True
        case list():
            return any(isinstance(item, float) for item in value)
    return False
