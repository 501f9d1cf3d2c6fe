"""Grading by calls: judged functions get inputs in a fresh sandbox, and answers leave it as JSON.

Answers are compared here, outside; no expected value enters the sandbox. So there is nothing in it
to be found, and nobody in it whose word counts: objects with an `__eq__` that lies, patched
modules, an early exit or forged lines can at best give answers that are judged like any other.
What it does not protect from: judged code sees all the inputs, so inputs that tell their answers
(a single one, or only small numbers) can be looked up; and values are what JSON can say.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import anyio
from pydantic import JsonValue

from forethought.sandbox.base import ExecResult, Sandbox
from forethought.sandbox.judging.artefacts import as_snapshot
from forethought.sandbox.judging.endings import never_begun, why_it_ended
from forethought.sandbox.judging.fresh import START_S, Factory, NeverBegun, in_fresh
from forethought.sandbox.judging.reports import Answers, Report, read_answers
from forethought.sandbox.judging.same import same
from forethought.sandbox.judging.verdict import Cause, Outcome, Verdict, all_failed

MAX_SPOILT_RUNS = 3
"""Processes that may end early or run too long before the cases left are given up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One call, and what it is to give."""

    function: str
    """`module:function`, the module as one that the artefacts hold."""
    arguments: Sequence[JsonValue]
    value: JsonValue = None
    raises: str | None = None
    """Name of the exception that is due instead of a value."""

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(repr, self.arguments))})"[:200]


@dataclass(frozen=True, kw_only=True, slots=True)
class Calls:
    """A judge that calls functions; see the module for what it can be trusted with.

    Cases share a process until one ends it; one that gives no answer within `case_s` of a process
    of its own, the start of the interpreter included, has timed out. The time is taken outside of
    the judged process. Cases that are not answered within `total_s` have timed out too.
    """

    cases: Sequence[Case]
    fresh: Factory
    """Opens the sandbox to judge in."""
    case_s: float = 5.0
    total_s: float = 60.0
    max_output: int = 1 << 20
    """Bytes of answers in all, and of what is printed in all."""

    def __post_init__(self) -> None:
        """Raises ValueError for a case that could never be judged."""
        for case in self.cases:
            module, _, function = case.function.partition(":")
            if not all(map(str.isidentifier, (*module.split("."), function))):
                raise ValueError(f"a case's function reads module:function, not {case.function!r}")
            if module.partition(".")[0] in sys.stdlib_module_names:
                raise ValueError(f"{module!r} is a module of the standard library; rename yours")

    def failed(self, cause: Cause, detail: str) -> Verdict:
        """The verdict on work that cannot be tried."""
        return all_failed([str(case) for case in self.cases], cause, detail)

    async def judge(self, files: Mapping[str, bytes]) -> Verdict:
        """Try the files in a fresh sandbox.

        Raises SandboxUnavailable for what they are not to blame for.
        """

        async def work(sandbox: Sandbox) -> Verdict:
            return await _Trial(self, sandbox, as_snapshot(files)).verdict()

        lost = "its sandbox died twice under it"
        return await in_fresh(self.fresh, work) or self.failed(Cause.CRASHED, lost)


class _Trial:
    """The cases on their way through one sandbox."""

    def __init__(self, calls: Calls, sandbox: Sandbox, snapshot: bytes) -> None:
        self._calls = calls
        self._cases = calls.cases
        self._sandbox = sandbox
        self._snapshot = snapshot
        self._outcomes: list[Outcome] = []
        self._num_spoilt = 0

    async def verdict(self) -> Verdict:
        """Run processes until every case has an outcome."""
        deadline = anyio.current_time() + self._calls.total_s
        has_begun, grace_s = False, 0.0
        while left := self._cases[len(self._outcomes) :]:
            timeout_s = min(self._calls.case_s + grace_s, deadline - anyio.current_time())
            if timeout_s <= 0:
                return self._given_up(Cause.TIMEOUT, f"over {self._calls.total_s:g} s in all")
            # What an earlier process left in the files must not stand in the way of the next.
            await self._sandbox.restore(self._snapshot)
            nonce = secrets.token_hex(16)
            result = await self._run(left, nonce, timeout_s=timeout_s)
            answers = read_answers(result.stdout, nonce, num_cases=len(left))
            if not (has_begun or answers.has_begun):
                if grace_s or not result.timed_out:
                    raise NeverBegun(never_begun(result, timeout_s))
                grace_s = START_S
                continue
            has_begun = True
            if answers.forgery:
                return self._calls.failed(Cause.TAMPERED, answers.forgery)
            if (cause := self._take(answers, result, timeout_s=timeout_s)) is not None:
                return self._given_up(*cause)
        return Verdict(outcomes=tuple(self._outcomes))

    async def _run(self, cases: Sequence[Case], nonce: str, *, timeout_s: float) -> ExecResult:
        job = {
            "nonce": nonce,
            "functions": sorted({case.function for case in cases}),
            "cases": [[n, case.function, list(case.arguments)] for n, case in enumerate(cases)],
        }
        return await self._sandbox.exec(
            ["python3", "-I", "-S", "-B", "-c", _driver()],
            stdin=json.dumps(job).encode(),
            timeout_s=timeout_s,
            max_output=self._calls.max_output,
        )

    def _take(
        self, answers: Answers, result: ExecResult, *, timeout_s: float
    ) -> tuple[Cause, str] | None:
        """Judge what a process answered; why the cases left are given up, if they are."""
        if answers.load_failure is not None:
            return answers.load_failure
        for report in answers.reports:
            self._outcomes.append(_judged(self._cases[len(self._outcomes)], report))
        if len(self._outcomes) == len(self._cases):
            return None
        if result.timed_out and not result.truncated and answers.reports:
            return None  # the next case gets its whole time in a process of its own
        cause, detail = why_it_ended(result, timeout_s)
        if not answers.is_loaded:
            return cause, detail
        case = str(self._cases[len(self._outcomes)])
        self._outcomes.append(Outcome(case=case, cause=cause, detail=f"{case}: {detail}"))
        self._num_spoilt += 1
        is_enough = cause is Cause.TOO_MUCH_OUTPUT or self._num_spoilt >= MAX_SPOILT_RUNS
        return (cause, detail) if is_enough else None

    def _given_up(self, cause: Cause, detail: str) -> Verdict:
        left = [str(case) for case in self._cases[len(self._outcomes) :]]
        return Verdict(outcomes=(*self._outcomes, *all_failed(left, cause, detail).outcomes))


def _judged(case: Case, report: Report) -> Outcome:
    """What a report is worth, compared with what only this process knows."""
    cause, told = report.cause, report.detail
    if case.raises is not None and cause in (None, Cause.RAISED):
        cause = None if report.raised == case.raises else Cause.WRONG_ANSWER
    elif cause is None and not same(report.value, case.value):
        cause = Cause.WRONG_ANSWER
    if cause is None:
        return Outcome(case=str(case))
    due = case.raises or repr(case.value)
    return Outcome(case=str(case), cause=cause, detail=f"{case} gave {told}, not {due}"[:500])


@cache
def _driver() -> str:
    source = resources.files("forethought.sandbox.judging").joinpath("call_driver.py")
    return source.read_text(encoding="utf-8")
