"""Tests out of assertions, and the decoys among them."""

from __future__ import annotations

from forethought.envs.datasets.claims import assertion_tests, check_tests, unit_tests

CHECK = """
METADATA = {'author': 'nobody'}

def check(candidate):
    assert candidate([1, 2], 3) == [4, 5]
    assert candidate([], 3) == []
    for n in range(5):
        assert candidate([n], n) == [twice(n)], "twice"
"""
REFERENCE = """
def twice(x):
    return 2 * x

def shift(xs, by):
    return [x + by for x in xs]
"""
CASES = """
import unittest
from two_fer import two_fer

class TwoFerTest(unittest.TestCase):
    def test_none(self):
        self.assertEqual(two_fer(), 'One for you.')

    @unittest.skip('extra')
    def test_extra(self):
        self.fail()

    def test_name(self):
        self.assertEqual(two_fer('Al'), 'One for Al.')
"""


def test_decoys_ask_for_the_values_of_other_assertions() -> None:
    tests = assertion_tests(
        ["assert f(1) == 1", "assert f(2) == 4", "assert f(-1) == 1"],
        imports=["import math"],
        reference="def f(x):\n    return x * x",
        module="solution",
    )
    bodies = {line.strip() for line in tests.source.splitlines() if "assert" in line}
    assert len(tests.passing) == 3
    assert bodies == {
        "assert f(1) == 1",
        "assert f(2) == 4",
        "assert f(-1) == 1",
        "assert f(1) == 4",
        "assert f(2) == 1",
    }
    assert len(tests.failing) == 2


def test_a_check_is_one_test_and_its_plain_assertions_make_decoys() -> None:
    tests = check_tests(CHECK, entry="shift", reference=REFERENCE, module="solution")
    assert (len(tests.passing), len(tests.failing)) == (1, 2)
    assert tests.source.startswith("from solution import shift, twice\n")
    assert "assert candidate([1, 2], 3) == []" in tests.source


def test_skipped_unit_tests_do_not_count() -> None:
    assert unit_tests(CASES, name="two_fer_test.py").passing == (
        "two_fer_test.py::TwoFerTest::test_none",
        "two_fer_test.py::TwoFerTest::test_name",
    )


def test_names_that_a_reference_takes_from_python_are_asked_of_the_work() -> None:
    tests = assertion_tests(
        ["assert sum(1, 2) == math.floor(3.5)"],
        imports=[],
        reference="import math\ndef sum(a, b):\n    return a + b",
        module="solution",
    )
    assert tests.source.startswith("import math\n")
    assert "from solution import sum\n" in tests.source
