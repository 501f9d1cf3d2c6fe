"""Broken modules: several functions, some of them with faults that their hidden cases notice."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from pydantic import JsonValue

from forethought.envs.suite.code.faults import Fault, faults_in, plant
from forethought.envs.suite.code.functions import Choices, Family
from forethought.envs.suite.code.functions_lists import LISTS
from forethought.envs.suite.code.functions_numbers import NUMBERS
from forethought.envs.suite.code.functions_text import TEXT
from forethought.envs.suite.code.runner import Ran, differs, run_all

Item = TypeVar("Item")

FAMILIES: tuple[Family, ...] = (*TEXT, *LISTS, *NUMBERS)
NUM_CASES = 20
"""Hidden cases of a function."""
NUM_EXAMPLES = 2
MAX_FAULTS = 2
"""In one function."""
_MAX_DRAWS = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class HiddenCase:
    """A call, and what it has to give."""

    arguments: tuple[JsonValue, ...]
    value: JsonValue
    raises: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """A function, whole and with its faults."""

    name: str
    whole: str
    broken: str
    cases: tuple[HiddenCase, ...]
    faults: tuple[Fault, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Whole:
    """A function as it should be."""

    name: str
    whole: str
    cases: tuple[HiddenCase, ...]


def whole_functions(rng: np.random.Generator, *, count: int) -> list[Whole]:
    """Functions of as many families; beyond those, families again, with other names and constants.

    No two have the same name.
    """
    found: dict[str, Whole] = {}
    while len(found) < count:
        for place in rng.permutation(len(FAMILIES)):
            if len(found) < count:
                drawn = _whole(rng, FAMILIES[place])[0]
                found.setdefault(drawn.name, drawn)
    return list(found.values())


def broken_functions(rng: np.random.Generator, *, num_faults: int) -> list[Broken]:
    """Functions of different families with `num_faults` faults in all, one or two in each.

    The hidden cases notice each fault alone, so leaving any one of them in place fails.
    """
    shares = _shares(rng, num_faults)
    order = rng.permutation(len(FAMILIES))
    broken: list[Broken] = []
    for place in order:
        if len(broken) < len(shares):
            found = _broken(rng, FAMILIES[place], num_faults=shares[len(broken)])
            if found is not None:
                broken.append(found)
    assert len(broken) == len(shares), "families run out only where hardly any can be broken"
    return broken


def _shares(rng: np.random.Generator, num_faults: int) -> list[int]:
    shares: list[int] = []
    while sum(shares) < num_faults:
        shares.append(min(int(rng.integers(1, MAX_FAULTS + 1)), num_faults - sum(shares)))
    return shares


def _broken(rng: np.random.Generator, family: Family, *, num_faults: int) -> Broken | None:
    """A member of the family with faults; None if no such faults were found."""
    drawn, arguments, results = _whole(rng, family)
    whole = drawn.whole
    possible = _by_operator(_function(whole))
    for _ in range(_MAX_DRAWS):
        faults = tuple(_one_of(rng, _one_of(rng, possible)) for _ in range(num_faults))
        if (broken := _planted(whole, faults, arguments, results)) is not None:
            return Broken(
                name=drawn.name, whole=whole, broken=broken, cases=drawn.cases, faults=faults
            )
    return None


def _whole(
    rng: np.random.Generator, family: Family
) -> tuple[Whole, list[tuple[JsonValue, ...]], list[Ran]]:
    """A member of the family, with the arguments and results of its hidden cases."""
    source, chosen = family.draw(rng)
    function = _function(source)
    arguments = _arguments(rng, family, chosen)
    results = run_all(_function(source), arguments)
    _show(function, arguments, results)
    cases = [
        HiddenCase(arguments=given, value=ran.value, raises=ran.raised)
        for given, ran in zip(arguments, results, strict=True)
    ]
    whole = Whole(name=function.name, whole=ast.unparse(function), cases=tuple(cases))
    return whole, arguments, results


def _planted(
    whole: str,
    faults: Sequence[Fault],
    arguments: Sequence[Sequence[JsonValue]],
    results: Sequence[Ran],
) -> str | None:
    """Source with the faults, if each selection of them is noticed and none hides another."""
    if len(set(faults)) < len(faults):
        return None
    sources = []
    for size in range(1, len(faults) + 1):
        for some in itertools.combinations(faults, size):
            changed = _function(whole)
            plant(changed, some)
            sources.append(ast.unparse(changed))
            if not differs(changed, arguments, results):
                return None
    return sources[-1] if len(set(sources)) == len(sources) else None


def _by_operator(function: ast.FunctionDef) -> list[list[Fault]]:
    """Operators are drawn before places: most places are for the same few of them."""
    found: dict[str, list[Fault]] = {}
    for fault in faults_in(function):
        found.setdefault(fault.operator, []).append(fault)
    return list(found.values())


def _one_of(rng: np.random.Generator, items: list[Item]) -> Item:
    return items[int(rng.integers(len(items)))]


def _function(source: str) -> ast.FunctionDef:
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    return function


def _arguments(
    rng: np.random.Generator, family: Family, chosen: Choices
) -> list[tuple[JsonValue, ...]]:
    """Edges first, then draws, none twice."""
    found = {repr(edge): edge for edge in family.edges}
    for _ in range(_MAX_DRAWS):
        if len(found) == NUM_CASES + NUM_EXAMPLES:
            break
        given = tuple(family.inputs(rng, chosen))
        found.setdefault(repr(given), given)
    return list(found.values())


def _show(
    function: ast.FunctionDef, arguments: list[tuple[JsonValue, ...]], results: list[Ran]
) -> None:
    """Move the last calls that raise nothing from the cases to the docstring, as doctests."""
    lines = [ast.get_docstring(function) or ""]
    without_error = [place for place, ran in enumerate(results) if not ran.raised]
    for place in reversed(without_error[-NUM_EXAMPLES:]):
        call = f"{function.name}({', '.join(map(repr, arguments.pop(place)))})"
        lines.append(f">>> {call}\n{results.pop(place).value!r}")
    statement = function.body[0]
    assert isinstance(statement, ast.Expr)
    text = "\n\n".join([lines[0], "\n".join(lines[1:])])
    statement.value = ast.Constant(text.replace("\n", "\n    ").replace("    \n", "\n") + "\n    ")
