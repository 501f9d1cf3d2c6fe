"""Grading by test files: pytest runs in one process with the judged code, in a fresh sandbox.

Prefer `Calls` where answers can be said in JSON. Here judged code shares a process with what tests
it, so it can in principle lie about anything that happens there: code that looks for the tests in
the interpreter, finds out which of them are to pass and reports them under the run's nonce is not
found out. What stands against it:

- Which tests there are is known beforehand, from a run on the reference: a test that is missing,
  new, skipped or expected to fail is a failure, and an exit status counts for nothing.
- Some tests are decoys that have to fail: a wrong value beside the right one, and a sentinel that
  no work could pass. Work that has one of them pass has tampered with the tests: a patched pytest,
  objects that equal everything, reports of success for all. Without solving the task nobody can
  tell a good decoy from its fellows.
- Settings, conftest files, plugins, environment and user site of the work have no effect, and
  files that are named like the tests cannot replace them.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

from forethought.sandbox.base import ExecResult, Sandbox
from forethought.sandbox.judging.artefacts import as_snapshot
from forethought.sandbox.judging.endings import never_begun, why_it_ended
from forethought.sandbox.judging.fresh import START_S, Factory, NeverBegun, in_fresh
from forethought.sandbox.judging.suite_reports import SuiteReports, read_reports
from forethought.sandbox.judging.verdict import Cause, Outcome, Verdict, all_failed

SENTINEL = """
def test_{name}():
    value = {value}
    assert value + {less} == value + {more}
"""
HELP = "judging by test files needs pytest in the image"


@dataclass(frozen=True, kw_only=True, slots=True)
class Suite:
    """A judge that runs test files; see the module for what it can be trusted with.

    Tests are named as pytest does it, `test_words.py::test_empty[0]`. All of them together have
    `total_s`, taken outside of the judged process.
    """

    files: Mapping[str, str]
    """Source of the test files by name; they import the work as the agent named it."""
    passing: Sequence[str]
    """Tests that right work passes."""
    failing: Sequence[str] = ()
    """Decoys: tests that right work fails."""
    fresh: Factory
    """Opens the sandbox to judge in; its Python has pytest."""
    total_s: float = 60.0
    max_output: int = 1 << 20

    def __post_init__(self) -> None:
        """Raises ValueError if no test would tell anything."""
        if not self.passing:
            raise ValueError("there are no tests to pass; name them, or see known_from_reference")
        if both := set(self.passing) & set(self.failing):
            raise ValueError(f"{sorted(both)[0]!r} cannot be both a test and a decoy")

    def failed(self, cause: Cause, detail: str) -> Verdict:
        """The verdict on work that cannot be tried."""
        return all_failed(self.passing, cause, detail)

    async def judge(self, files: Mapping[str, bytes]) -> Verdict:
        """Try the files in a fresh sandbox.

        Raises SandboxUnavailable for what they are not to blame for.
        """

        async def work(sandbox: Sandbox) -> Verdict:
            reports, result, sentinel = await self._run(sandbox, files)
            return self._verdict(reports, result, sentinel)

        lost = "its sandbox died twice under it"
        return await in_fresh(self.fresh, work) or self.failed(Cause.CRASHED, lost)

    async def _run(
        self, sandbox: Sandbox, files: Mapping[str, bytes]
    ) -> tuple[SuiteReports, ExecResult, str]:
        """What was reported, how it ended, and the sentinel that was among the tests."""
        directory, nonce = f"tests-{secrets.token_hex(8)}", secrets.token_hex(16)
        name, source = _sentinel()
        tests = {**self.files, f"test_{name}.py": source}
        placed = {f"{directory}/{test}": text.encode() for test, text in tests.items()}
        await sandbox.restore(as_snapshot({**files, **placed}))
        order = sorted(placed)
        job = {"nonce": nonce, "directory": directory, "files": order}
        for timeout_s in (self.total_s, self.total_s + START_S):
            result = await sandbox.exec(
                ["python3", "-I", "-B", "-c", _driver()],
                stdin=json.dumps(job).encode(),
                timeout_s=timeout_s,
                max_output=self.max_output,
            )
            reports = read_reports(result.stdout, nonce)
            if reports.has_begun:
                return reports, result, f"test_{name}.py::test_{name}"
            if not result.timed_out:
                break
        raise NeverBegun(f"{never_begun(result, timeout_s)}; {HELP}")

    def _verdict(self, reports: SuiteReports, result: ExecResult, sentinel: str) -> Verdict:
        if reports.forgery:
            return self.failed(Cause.TAMPERED, reports.forgery)
        if reports.broken:
            return self.failed(Cause.RAISED, reports.broken)
        expected = {*self.passing, *self.failing, sentinel}
        if reports.collected is not None and set(reports.collected) != expected:
            odd = sorted(expected ^ set(reports.collected))[0]
            return self.failed(Cause.TAMPERED, f"{odd} was not to be expected, or is not there")
        for decoy in (*self.failing, sentinel):
            if reports.outcomes.get(decoy, "failed") != "failed":
                return self.failed(Cause.TAMPERED, f"{decoy}, which must fail, did not")
        ending = why_it_ended(result, self.total_s)
        return Verdict(outcomes=tuple(_judged(test, reports, ending) for test in self.passing))


async def known_from_reference(suite: Suite, reference: Mapping[str, bytes]) -> Suite:
    """The same judge, its tests to pass and its decoys being what passes and fails on a reference.

    Raises ValueError if a test on the reference is skipped, or none passes, or it cannot be loaded;
    and SandboxUnavailable.
    """
    async with suite.fresh() as sandbox:
        reports, result, sentinel = await suite._run(sandbox, reference)
    if reports.broken or not reports.is_done:
        why = reports.broken or why_it_ended(result, suite.total_s)[1]
        raise ValueError(f"the tests do not run on the reference: {why}")
    by_outcome: dict[str, list[str]] = {}
    for test, outcome in reports.outcomes.items():
        if test != sentinel:
            by_outcome.setdefault(outcome, []).append(test)
    if odd := set(by_outcome) - {"passed", "failed"}:
        kind = sorted(odd)[0]
        raise ValueError(f"{by_outcome[kind][0]} is {kind} on the reference, so it tells nothing")
    return replace(
        suite, passing=by_outcome.get("passed", ()), failing=by_outcome.get("failed", ())
    )


def _judged(test: str, reports: SuiteReports, ending: tuple[Cause, str]) -> Outcome:
    match reports.outcomes.get(test):
        case "passed" if reports.is_done:
            return Outcome(case=test)
        case "passed" | None:
            return Outcome(case=test, cause=ending[0], detail=f"{test}: {ending[1]}")
        case "failed":
            return Outcome(case=test, cause=Cause.WRONG_ANSWER, detail=f"{test} failed")
        case other:
            return Outcome(case=test, cause=Cause.TAMPERED, detail=f"{test} was {other}")


def _sentinel() -> tuple[str, str]:
    """A test that cannot pass, of a name that nobody can know."""
    name, value, less = secrets.token_hex(8), secrets.randbelow(1000), secrets.randbelow(100)
    more = less + 1 + secrets.randbelow(100)
    return name, SENTINEL.format(name=name, value=value, less=less, more=more)


@cache
def _driver() -> str:
    source = resources.files("forethought.sandbox.judging").joinpath("suite_driver.py")
    return source.read_text(encoding="utf-8")
