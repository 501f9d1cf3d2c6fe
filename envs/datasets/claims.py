"""Test files out of assertions that a data set gives, with decoys among them.

The assertions are parsed and written anew, never run here. A decoy asks for the value of another
assertion, or for the opposite of its own: right work fails it, while work that equals everything or
has every test pass does not (see `forethought.sandbox.judging.suites`).
"""

from __future__ import annotations

import ast
import builtins
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

FILE = "test_hidden.py"
MAX_DECOYS = 3
_MAX_CHARS = 1_000_000


class Tests(NamedTuple):
    """A file of tests: its source, and which of them right work passes and fails."""

    source: str
    passing: tuple[str, ...]
    failing: tuple[str, ...]


def parsed(source: str) -> ast.Module:
    """The syntax tree. Raises ValueError for what is no Python, or too long or deep to be read."""
    if len(source) > _MAX_CHARS:
        raise ValueError(f"a program of {len(source):,} characters is too long")
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"it is no Python: {error}") from None


def assertion_tests(
    assertions: Sequence[str], *, imports: Sequence[str], reference: str, module: str
) -> Tests:
    """A test for each assertion on what a reference defines and `module` has to, and decoys.

    Raises ValueError unless each is one or more `assert` statements.
    """
    bodies = [_assertions(text) for text in assertions]
    used = ast.Module(body=[*chain(*bodies)], type_ignores=[])
    head = [*parsed("\n".join(imports)).body, *_imports(used, reference)]
    # Within each test: at the top pytest would take a function called test_... for a test.
    taken = f"from {module} import {_asked(used, reference)}\n"
    right = ["\n".join(map(ast.unparse, body)) for body in bodies]
    wrong = decoys([*chain(*bodies)])
    top = "\n".join(dict.fromkeys(map(ast.unparse, head)))
    return _mixed(top, [taken + body for body in right], [taken + b for b in wrong])


def check_tests(source: str, *, entry: str, reference: str, module: str) -> Tests:
    """One test that calls `check` of the source on the function `entry` of `module`, and decoys.

    Raises ValueError if the source defines no check(candidate).
    """
    tree = parsed(source)
    check = next(
        (each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == "check"),
        None,
    )
    if check is None or [argument.arg for argument in check.args.args] != ["candidate"]:
        raise ValueError("test defines no check(candidate)")
    bound = f"candidate = {entry}\n"
    plain = [
        each
        for each in check.body
        if isinstance(each, ast.Assert) and used_names(each) - set(dir(builtins)) == {"candidate"}
    ]
    wrong = [bound + decoy for decoy in decoys(plain)]
    names = _asked(
        ast.Module(body=[*tree.body, ast.Expr(ast.Name(entry, ast.Load()))], type_ignores=[]),
        reference,
    )
    head = f"from {module} import {names}\n\n{ast.unparse(tree)}"
    return _mixed(head, [f"{bound}check(candidate)"], wrong)


def decoys(assertions: Sequence[ast.Assert]) -> Iterator[str]:
    """At most three assertions that fail where the given ones hold."""
    claims = [claim for each in assertions if (claim := _claim(each.test)) is not None]
    pairs = zip(claims, [*claims[1:], *claims[:1]], strict=True)
    swapped = [
        f"assert {left} == {ast.unparse(other)}"
        for (left, value), (_, other) in pairs
        if _differ(value, other)
    ]
    opposite = (f"assert not ({ast.unparse(each.test)})" for each in assertions)
    yield from (swapped or list(opposite))[:MAX_DECOYS]


def used_names(tree: ast.AST) -> set[str]:
    """Names that a program reads and does not bind itself."""
    used: set[str] = set()
    bound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).partition(".")[0])
    return used - bound


def unit_tests(source: str, *, name: str) -> Tests:
    """A file of unittest cases as it is, without those that are skipped.

    `name` is the file's. Raises ValueError if it has no test.
    """
    tree = parsed(source)
    passing = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            node.body = [each for each in node.body if not _is_skipped(each)]
            passing += [f"{name}::{node.name}::{method}" for method in _tests_in(node.body)]
    passing += [f"{name}::{function}" for function in _tests_in(tree.body)]
    if not passing:
        raise ValueError(f"{name} has no test")
    return Tests(ast.unparse(tree), tuple(passing), ())


def _asked(tests: ast.Module, reference: str) -> str:
    """What tests need of the program, as a reference defines it. Raises ValueError for nothing."""
    defined = {
        node.name
        for node in parsed(reference).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    names = sorted(used_names(tests) & defined)
    if not names:
        raise ValueError("the tests use nothing that the reference defines")
    return ", ".join(names)


def _imports(tests: ast.Module, reference: str) -> list[ast.stmt]:
    """Imports of the reference that its tests use as well."""
    names = used_names(tests)
    return [
        node
        for node in parsed(reference).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        and any((each.asname or each.name).partition(".")[0] in names for each in node.names)
    ]


def _assertions(text: str) -> list[ast.Assert]:
    body = parsed(text).body
    found = [each for each in body if isinstance(each, ast.Assert)]
    if not found or len(found) != len(body):
        raise ValueError(f"a test is no assertion: {text[:80]!r}")
    return found


def _mixed(head: str, right: Iterable[str], wrong: Iterable[str]) -> Tests:
    """Tests and decoys in an order that tells nothing of which is which."""
    kinds = dict.fromkeys(wrong, True) | dict.fromkeys(right, False)
    functions: list[str] = []
    passing: list[str] = []
    failing: list[str] = []
    for number, body in enumerate(sorted(kinds)):
        indented = body.replace("\n", "\n    ")
        functions.append(f"\n\ndef test_{number}():\n    {indented}\n")
        (failing if kinds[body] else passing).append(f"{FILE}::test_{number}")
    return Tests(f"{head}{''.join(functions)}".lstrip(), tuple(passing), tuple(failing))


def _claim(test: ast.expr) -> tuple[str, ast.expr] | None:
    """Left side and right side of `expression == literal`."""
    match test:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            return (ast.unparse(left), right) if _is_literal(right) else None
    return None


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True


def _differ(one: ast.expr, other: ast.expr) -> bool:
    return bool(ast.literal_eval(one) != ast.literal_eval(other))


def _is_skipped(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and any(
        ast.unparse(each).startswith(("unittest.skip", "skip")) for each in node.decorator_list
    )


def _tests_in(body: Iterable[ast.stmt]) -> list[str]:
    return [
        each.name for each in body if isinstance(each, ast.FunctionDef) and each.name[:4] == "test"
    ]
