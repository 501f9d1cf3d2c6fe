"""Grading by calls: what answers are worth, and what ends without one."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

import anyio
import pytest

from forethought.sandbox import (
    Calls,
    Case,
    Cause,
    ExecResult,
    SandboxUnavailable,
    Verdict,
    open_sandbox,
)
from forethought.sandbox.backend.local import LocalSandbox
from forethought.sandbox.judging.fresh import NeverBegun

ADD = [Case(function="work:add", arguments=[n, 1], value=n + 1) for n in range(6)]


def judged(source: str, cases: list[Case] = ADD, *, case_s: float = 10.0) -> Verdict:
    fresh = partial(open_sandbox, backend="local")
    calls = Calls(cases=cases, fresh=fresh, case_s=case_s)
    return anyio.run(calls.judge, {"work.py": source.encode()})


def test_the_right_work_passes_every_case() -> None:
    verdict = judged("def add(a, b):\n    print('noise')\n    return a + b\n")
    assert (verdict.passed, verdict.cause, verdict.num_passed) == (True, None, 6)


def test_work_without_a_case_never_passes() -> None:
    assert not judged("def add(a, b): return a + b", []).passed


def test_a_case_that_ends_its_process_leaves_the_others_their_chance() -> None:
    source = "import os\ndef add(a, b):\n    if a == 2: os._exit(0)\n    return a + b\n"
    verdict = judged(source)
    assert [outcome.cause for outcome in verdict.outcomes] == [None] * 2 + [Cause.CRASHED] + [
        None
    ] * 3
    assert verdict.detail == "work:add(2, 1): exit status 0 before it answered; ''"


def test_after_three_processes_that_end_early_the_rest_is_given_up() -> None:
    source = "import os\ndef add(a, b):\n    if a: os._exit(3)\n    return a + b\n"
    verdict = judged(source)
    assert [outcome.cause for outcome in verdict.outcomes] == [None] + [Cause.CRASHED] * 5
    assert (verdict.num_passed, verdict.num_failed) == (1, 5)


def test_only_the_case_that_runs_too_long_has_timed_out() -> None:
    source = "import time\ndef add(a, b):\n    if a == 4: time.sleep(60)\n    return a + b\n"
    verdict = judged(source, case_s=4.0)
    assert [o.case for o in verdict.outcomes if o.cause is Cause.TIMEOUT] == ["work:add(4, 1)"]
    assert verdict.num_passed == 5


def test_all_cases_together_have_a_limit_too() -> None:
    calls = Calls(cases=ADD, fresh=partial(open_sandbox, backend="local"), case_s=20.0, total_s=5.0)
    source = b"import time\ndef add(a, b):\n    if a: time.sleep(60)\n    return a + b\n"
    verdict = anyio.run(calls.judge, {"work.py": source})
    assert verdict.cause is Cause.TIMEOUT
    assert (verdict.num_passed, "over 5 s in all" in verdict.detail) == (1, True)


@pytest.mark.parametrize(
    ("source", "cause", "detail"),
    [
        ("def add(a, b): return a - b", Cause.WRONG_ANSWER, r"add\(0, 1\) gave -1, not 1$"),
        ("def add(a, b): return b > 0", Cause.WRONG_ANSWER, "gave True, not 1$"),
        ("def add(a, b): return {a}", Cause.WRONG_ANSWER, "no JSON value: Object of type set"),
        ("def add(a, b): return 1 / 0", Cause.RAISED, "gave ZeroDivisionError: division by zero"),
        ("def add(a, b):", Cause.RAISED, "IndentationError: expected an indented block"),
        ("def other(a, b): return a + b", Cause.RAISED, "AttributeError: .* no attribute 'add'"),
        ("raise SystemExit(0)", Cause.CRASHED, "SystemExit"),
        ("def add(a, b): raise SystemExit", Cause.CRASHED, "gave SystemExit, not 1$"),
    ],
)
def test_the_cause_of_a_failure_is_named(source: str, cause: Cause, detail: str) -> None:
    verdict = judged(source)
    assert verdict.cause is cause
    assert verdict.num_passed == 0
    assert re.search(detail, verdict.detail)


def test_an_exception_may_be_what_is_due() -> None:
    cases = [
        Case(function="work:parse", arguments=["7"], value=7),
        Case(function="work:parse", arguments=["x"], raises="ValueError"),
    ]
    assert judged("def parse(text): return int(text)", cases).passed
    lazy = judged("def parse(text): return 7", cases)
    assert [outcome.cause for outcome in lazy.outcomes] == [None, Cause.WRONG_ANSWER]
    other = judged("def parse(text): return {'7': 7}[text]", cases)
    assert [outcome.cause for outcome in other.outcomes] == [None, Cause.WRONG_ANSWER]


def test_modules_of_the_work_import_each_other() -> None:
    files = {"pack/__init__.py": b"", "pack/a.py": b"from pack.b import one\n", "pack/b.py": b""}
    files["pack/b.py"] = b"def one(): return [1, {'a': 0.1 + 0.2}]\n"
    cases = [Case(function="pack.a:one", arguments=[], value=[1, {"a": 0.3}])]
    calls = Calls(cases=cases, fresh=partial(open_sandbox, backend="local"))
    assert anyio.run(calls.judge, files).passed


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("work.add", "reads module:function, not 'work.add'"),
        ("work:add.x", "reads module:function"),
        ("json:dumps", "'json' is a module of the standard library"),
    ],
)
def test_a_case_that_can_never_be_judged_is_refused(function: str, message: str) -> None:
    case = Case(function=function, arguments=[])
    with pytest.raises(ValueError, match=message):
        Calls(cases=[case], fresh=partial(open_sandbox, backend="local"))


class Fragile(LocalSandbox):
    """Dies under the work, and only then."""

    async def exec(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout_s: float = 30.0,
        max_output: int = 1 << 20,
    ) -> ExecResult:
        if argv[0] == "python3":
            await self.close()
        return await super().exec(argv)


class WithoutPython(LocalSandbox):
    async def exec(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout_s: float = 30.0,
        max_output: int = 1 << 20,
    ) -> ExecResult:
        return await super().exec(["no-such-python"])


@asynccontextmanager
async def opened(kind: type[LocalSandbox]) -> AsyncIterator[LocalSandbox]:
    sandbox = await kind.open()
    try:
        yield sandbox
    finally:
        await sandbox.close()


@asynccontextmanager
async def nothing() -> AsyncIterator[LocalSandbox]:
    raise SandboxUnavailable("no engine")
    yield


def test_work_that_takes_its_sandbox_down_is_to_blame_for_it() -> None:
    calls = Calls(cases=ADD, fresh=partial(opened, Fragile))
    verdict = anyio.run(calls.judge, {"work.py": b"x = 1"})
    assert (verdict.cause, verdict.num_failed) == (Cause.CRASHED, 6)
    assert verdict.detail == "its sandbox died twice under it"


def test_an_engine_that_is_gone_is_no_verdict() -> None:
    with pytest.raises(SandboxUnavailable, match="no engine"):
        anyio.run(Calls(cases=ADD, fresh=nothing).judge, {"work.py": b""})


def test_an_image_in_which_no_judge_can_start_is_no_verdict() -> None:
    with pytest.raises(NeverBegun, match=r"no judge could start \(exit status 127\)"):
        anyio.run(Calls(cases=ADD, fresh=partial(opened, WithoutPython)).judge, {"work.py": b""})
