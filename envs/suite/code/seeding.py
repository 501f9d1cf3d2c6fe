"""Seeding: bugs in the functions of a package, each noticed by the package's own tests.

Candidates are tried in an order drawn from a seed, and the first that the tests notice are taken:
a bug that makes no test fail, or that makes most of them fail, teaches little.
"""

from __future__ import annotations

import ast
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from forethought.envs.suite.code.faults import Fault, faults_in, plant
from forethought.sandbox import Verdict

MAX_TRIES = 40
MAX_SHARE = 0.34
"""Of the tests, that one bug may make fail."""

Judging = Callable[[Mapping[str, str]], Awaitable[Verdict]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A function of a module, by its place in the tree, and what could be planted in it."""

    path: str
    function: int
    faults: tuple[Fault, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Seeded:
    """A package with bugs in it."""

    modules: Mapping[str, str]
    failing: tuple[str, ...]
    """Tests that fail because of them."""
    paths: tuple[str, ...]
    """Files that were changed."""


async def seeded(modules: Mapping[str, str], *, num_bugs: int, seed: int, judge: Judging) -> Seeded:
    """Plant `num_bugs` bugs, in functions of their own. Raises ValueError if they cannot be had."""
    rng = np.random.default_rng(seed)
    present = dict(modules)
    failing: tuple[str, ...] = ()
    paths: list[str] = []
    for number in range(num_bugs):
        for path, changed in _candidates(present, rng, taken=paths):
            verdict = await judge({**present, path: changed})
            now = tuple(each.case for each in verdict.outcomes if each.cause is not None)
            if len(failing) < len(now) <= len(failing) + MAX_SHARE * len(verdict.outcomes) + 1:
                present[path], failing = changed, now
                paths.append(path)
                break
        else:
            raise ValueError(f"no {number + 1} bugs that the tests notice in {MAX_TRIES} tries")
    return Seeded(modules=present, failing=failing, paths=tuple(paths))


def _candidates(
    modules: Mapping[str, str], rng: np.random.Generator, *, taken: list[str]
) -> Iterator[tuple[str, str]]:
    """Files with one fault more, at most MAX_TRIES; each of them differs from what there is."""
    places = [
        place
        for path, text in modules.items()
        if path not in taken or len(modules) <= len(taken)
        for place in _places(path, text)
    ]
    if not places:
        return
    for _ in range(MAX_TRIES):
        place = places[int(rng.integers(len(places)))]
        fault = place.faults[int(rng.integers(len(place.faults)))]
        changed = _planted(modules[place.path], place.function, fault)
        if changed != modules[place.path]:
            yield place.path, changed


def _places(path: str, text: str) -> list[Place]:
    found = []
    for number, function in enumerate(_functions(ast.parse(text))):
        faults = tuple(faults_in(function))
        if faults:
            found.append(Place(path=path, function=number, faults=faults))
    return found


def _planted(text: str, function: int, fault: Fault) -> str:
    tree = ast.parse(text)
    plant(_functions(tree)[function], [fault])
    return ast.unparse(tree) + "\n"


def _functions(tree: ast.Module) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
