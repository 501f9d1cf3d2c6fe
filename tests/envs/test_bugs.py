"""Functions and the bugs planted in them."""

from __future__ import annotations

import ast
import doctest

import numpy as np
import pytest

from forethought.envs.suite.code.bugs import (
    FAMILIES,
    MAX_FAULTS,
    NUM_CASES,
    Broken,
    broken_functions,
)
from forethought.envs.suite.code.faults import OPERATORS, faults_in, plant
from forethought.envs.suite.code.functions import Family
from forethought.envs.suite.code.runner import Ran, differs, run_all


def function(source: str) -> ast.FunctionDef:
    (found,) = ast.parse(source).body
    assert isinstance(found, ast.FunctionDef)
    return found


def many(num: int = 40) -> list[Broken]:
    return [
        broken
        for seed in range(num)
        for broken in broken_functions(np.random.default_rng(seed), num_faults=2)
    ]


def test_the_bank_is_various_and_has_no_name_twice() -> None:
    names = [name for family in FAMILIES for name in family.names]
    assert len(FAMILIES) >= 16
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.names[0])
def test_every_family_makes_functions_that_do_what_their_cases_say(family: Family) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        source, chosen = family.draw(rng)
        assert "$" not in source
        arguments = [*family.edges, *(tuple(family.inputs(rng, chosen)) for _ in range(50))]
        results = run_all(function(source), arguments)
        raised = {ran.raised for ran in results} - {None}
        assert raised <= ({"ValueError"} if "raises ValueError" in source else set())
        assert len({repr(ran.value) for ran in results}) > 3, "its answer cannot be guessed"


def test_the_examples_in_the_docstrings_are_true() -> None:
    for broken in many(20):
        namespace: dict[str, object] = {}
        exec(broken.whole, namespace)
        text = ast.get_docstring(function(broken.whole)) or ""
        parsed = doctest.DocTestParser().get_doctest(text, namespace, broken.name, None, None)
        runner = doctest.DocTestRunner(verbose=False)
        assert runner.run(parsed) == doctest.TestResults(failed=0, attempted=2)


def test_no_example_is_a_hidden_case() -> None:
    for broken in many(20):
        for case in broken.cases:
            call = f"{broken.name}({', '.join(map(repr, case.arguments))})"
            assert f">>> {call}\n" not in broken.whole


def test_hidden_cases_pass_on_the_whole_function_and_notice_each_bug() -> None:
    for broken in many():
        arguments = [case.arguments for case in broken.cases]
        wanted = [Ran(case.value, raised=case.raises) for case in broken.cases]
        assert len(arguments) >= min(NUM_CASES, 12)
        assert 1 <= len(broken.faults) <= MAX_FAULTS
        assert not differs(function(broken.whole), arguments, wanted)
        assert differs(function(broken.broken), arguments, wanted)
        for left in broken.faults:
            one_left = function(broken.whole)
            plant(one_left, [left])
            assert differs(one_left, arguments, wanted)


def test_the_same_seed_breaks_the_same_functions() -> None:
    once, again = (broken_functions(np.random.default_rng(5), num_faults=4) for _ in range(2))
    assert once == again
    assert sum(len(broken.faults) for broken in once) == 4
    assert once != broken_functions(np.random.default_rng(6), num_faults=4)


def test_every_kind_of_fault_is_planted_sooner_or_later() -> None:
    planted = {fault.operator for broken in many(60) for fault in broken.faults}
    assert planted == set(OPERATORS)


@pytest.mark.parametrize(
    ("operator", "source", "expected"),
    [
        ("off_by_one", "return 4", {"return 5", "return 3"}),
        ("flipped_truth", "return True", {"return False"}),
        ("flipped_comparison", "return x < y", {"return x <= y", "return x > y"}),
        ("wrong_operator", "return x // y", {"return x % y"}),
        ("wrong_connective", "return x and y", {"return x or y"}),
        ("swapped_arguments", "return f(x, y)", {"return f(y, x)"}),
        ("swapped_arguments", "return x - y", {"return y - x"}),
        ("swapped_arguments", "return x + y", set()),
        ("wrong_function", "return min(x, y)", {"return max(x, y)"}),
        ("dropped_statement", "x += 1\n    return x", {"return x"}),
        ("dropped_statement", "if x:\n        return 1\n    return 2", {"return 2"}),
        ("dropped_statement", "x.append(y)", set()),
    ],
)
def test_an_operator_makes_the_mistakes_it_is_named_after(
    operator: str, source: str, expected: set[str]
) -> None:
    whole = f"def f(x, y):\n    {source}"
    made = set()
    for fault in faults_in(function(whole)):
        if fault.operator == operator:
            changed = function(whole)
            plant(changed, [fault])
            made.add(ast.unparse(changed).partition("\n    ")[2])
    assert made == expected


def test_a_loop_that_never_ends_is_cut_short() -> None:
    (ran,) = run_all(function("def f(x):\n    while True:\n        x += 1"), [[1]])
    assert ran.raised == "OutOfFuel"
