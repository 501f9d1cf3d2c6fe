"""Grading by test files: which tests count, and what a process full of lies can say."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import anyio
import pytest

from forethought.sandbox import Cause, Suite, Verdict, known_from_reference, open_sandbox

FRESH = partial(open_sandbox, backend="local")
TESTS = """
import pytest
from work import double

@pytest.mark.parametrize("x", [1, 2])
def test_small(x):
    assert double(x) == 2 * x

def test_error():
    with pytest.raises(TypeError):
        double(None)

def test_decoy():
    assert double(3) == 7
"""
GOOD = "def double(x):\n    return x + x\n"
PASSING = ("test_work.py::test_small[1]", "test_work.py::test_small[2]", "test_work.py::test_error")
DECOYS = ("test_work.py::test_decoy",)


def judged(
    source: str,
    tests: str = TESTS,
    *,
    passing: Sequence[str] = PASSING,
    failing: Sequence[str] = DECOYS,
    total_s: float = 60.0,
    **others: str,
) -> Verdict:
    suite = Suite(
        files={"test_work.py": tests},
        passing=passing,
        failing=failing,
        fresh=FRESH,
        total_s=total_s,
    )
    files = {"work.py": source, **{f"{name}.py": text for name, text in others.items()}}
    return anyio.run(suite.judge, {name: text.encode() for name, text in files.items()})


def test_right_work_passes_the_tests_and_fails_the_decoys() -> None:
    verdict = judged(GOOD)
    assert (verdict.passed, verdict.num_passed) == (True, 3), verdict.detail
    assert [outcome.case for outcome in verdict.outcomes] == list(PASSING)


def test_wrong_work_fails_the_tests_that_it_fails() -> None:
    verdict = judged("def double(x):\n    return 2 if x else x + x\n")
    assert [outcome.cause for outcome in verdict.outcomes] == [None, Cause.WRONG_ANSWER, None]
    assert verdict.detail == "test_work.py::test_small[2] failed"


PATCHED = """
import _pytest.runner
def passing(cls, func, when, reraise=None):
    return original(lambda: None, when, reraise)
original = _pytest.runner.CallInfo.from_call
_pytest.runner.CallInfo.from_call = classmethod(passing)
def double(x): return 0
"""
REPORTING = """
import gc, pytest
def double(x): return 0
for plugin in gc.get_objects():
    if type(plugin).__name__ == "Recorder":
        class All(list):
            def append(self, phase): super().append("passed")
        plugin.__class__.phases = property(lambda self: All(["passed"]), lambda self, value: None)
"""
SKIPPING = """
import pytest
def double(x): pytest.skip("later")
"""
XFAILING = """
import pytest
def double(x): pytest.xfail("known")
"""
DESELECTING = """
import pytest, gc
for session in gc.get_objects():
    if isinstance(session, pytest.Session):
        session.perform_collect = lambda *a, **k: setattr(session, "items", []) or []
import _pytest.main
_pytest.main.Session.genitems = lambda self, node: iter(())
def double(x): return 0
"""
EQUAL = """
class Equal:
    def __eq__(self, other): return True
    def __radd__(self, other): return self
def double(x):
    if x is None: raise TypeError
    return Equal()
"""
FORGING = """
import os
for fd in range(3, 64):
    try: os.write(fd, b'x 0 "done"\\n')
    except OSError: pass
def double(x): return 0
"""


@pytest.mark.parametrize(
    ("source", "cause", "detail"),
    [
        (PATCHED, Cause.TAMPERED, "which must fail, did not"),
        (REPORTING, Cause.TAMPERED, "which must fail, did not"),
        (SKIPPING, Cause.TAMPERED, "which must fail, did not"),
        (XFAILING, Cause.TAMPERED, "which must fail, did not"),
        (DESELECTING, Cause.TAMPERED, "was not to be expected, or is not there"),
        (EQUAL, Cause.TAMPERED, "test_decoy, which must fail, did not"),
        (FORGING, Cause.TAMPERED, "a line that the driver did not write"),
        ("import sys\nsys.exit(0)", Cause.CRASHED, "exit status 0 before it answered"),
        ("import os\nos._exit(0)", Cause.CRASHED, "exit status 0 before it answered"),
        ("def double(x): import os; os._exit(0)", Cause.CRASHED, "exit status 0 before it"),
        ("def double(x: return x", Cause.RAISED, "SyntaxError"),
        ("import atexit, os\natexit.register(os._exit, 0)", Cause.RAISED, "cannot import name"),
    ],
    ids=[
        "pytest patched",
        "recorder patched",
        "skips",
        "xfails",
        "deselects",
        "equals all",
        "forges",
        "exits",
        "exits hard",
        "exits hard in a test",
        "no syntax",
        "exit handler",
    ],
)
def test_cheating_with_test_files_fails_for_the_reason_named(
    source: str, cause: Cause, detail: str
) -> None:
    verdict = judged(source)
    assert (verdict.cause, verdict.num_passed) == (cause, 0)
    assert detail in verdict.detail


def test_without_a_decoy_of_its_own_the_sentinel_still_notices_a_patched_pytest() -> None:
    tests = TESTS.partition("def test_decoy")[0]
    verdict = judged(PATCHED, tests, failing=())
    assert verdict.cause is Cause.TAMPERED
    assert verdict.detail.startswith("test_")


def test_settings_and_conftests_of_the_work_have_no_effect() -> None:
    everything = "import os\nos._exit(0)\n"
    names = "conftest", "sitecustomize", "usercustomize", "pytest", "_pytest", "pluggy"
    verdict = judged(GOOD, **dict.fromkeys(names, everything))
    assert verdict.passed, verdict.detail


def test_work_named_like_a_hidden_test_does_not_replace_it() -> None:
    verdict = judged("def double(x): return 0", test_work="def test_small(): pass\n")
    assert verdict.cause is Cause.WRONG_ANSWER


@pytest.mark.parametrize(
    ("passing", "odd"),
    [
        (PASSING[:2], "test_work.py::test_error"),
        ((*PASSING, "test_work.py::test_gone"), "test_work.py::test_gone"),
    ],
    ids=["one too many", "one missing"],
)
def test_other_tests_than_were_expected_are_a_failure(passing: Sequence[str], odd: str) -> None:
    verdict = judged(GOOD, passing=passing)
    assert verdict.cause is Cause.TAMPERED
    assert verdict.detail.startswith(odd)


def test_tests_that_take_too_long_have_timed_out_and_those_before_count() -> None:
    slow = "import time\ndef double(x):\n    if x == 2: time.sleep(60)\n    return x + x\n"
    verdict = judged(slow, total_s=4.0)
    assert verdict.cause is Cause.TIMEOUT


def test_a_machine_that_is_slow_to_start_pytest_gets_more_time() -> None:
    assert judged(GOOD, total_s=0.01).passed


def test_the_tests_that_count_are_those_that_the_reference_passes() -> None:
    suite = Suite(files={"test_work.py": TESTS}, passing=["?"], fresh=FRESH)
    known = anyio.run(known_from_reference, suite, {"work.py": GOOD.encode()})
    assert (set(known.passing), set(known.failing)) == (set(PASSING), set(DECOYS))


@pytest.mark.parametrize(
    ("tests", "message"),
    [
        ("import nothing_at_all", "do not run on the reference: .*nothing_at_all"),
        ("import pytest\ndef test_x(): pytest.skip()", "test_x is skipped on the reference"),
        ("def test_x(): assert False", "there are no tests to pass"),
    ],
)
def test_tests_that_tell_nothing_on_the_reference_are_refused(tests: str, message: str) -> None:
    suite = Suite(files={"test_work.py": tests}, passing=["?"], fresh=FRESH)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        anyio.run(known_from_reference, suite, {"work.py": GOOD.encode()})


def test_a_test_cannot_be_its_own_decoy() -> None:
    with pytest.raises(ValueError, match="'t' cannot be both a test and a decoy"):
        Suite(files={}, passing=["t"], failing=["t"], fresh=FRESH)
