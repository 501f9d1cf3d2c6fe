"""What a process that calls judged functions said, read as from somebody who may lie.

Each line is a nonce, a number and JSON (see call_driver.py). Lines that are not what an untouched
driver could have written are a forgery; a last line without its end is one that was cut short.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from pydantic import JsonValue

from forethought.sandbox.judging.call_driver import HELLO, LOADED
from forethought.sandbox.judging.verdict import Cause


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What one call gave: a value if there is no cause."""

    value: JsonValue = None
    raised: str | None = None
    """Name of the exception, where it was one."""
    cause: Cause | None = None
    detail: str


@dataclass(kw_only=True, slots=True)
class Answers:
    """All that one process said."""

    has_begun: bool = False
    is_loaded: bool = False
    load_failure: tuple[Cause, str] | None = None
    """Why the modules could not be loaded, if they could not."""
    reports: list[Report] = field(default_factory=list)
    """Of the first cases, in order."""
    forgery: str = ""


def read_answers(stdout: bytes, nonce: str, *, num_cases: int) -> Answers:
    """The reports in a process's output."""
    answers = Answers()
    due = [LOADED, LOADED, *range(num_cases)]
    *lines, _cut_short = stdout.split(b"\n")
    for number, line in zip(due, lines, strict=False):
        start = f"{nonce} {number} ".encode()
        if not line.startswith(start):
            answers.forgery = f"a line that the driver did not write: {line[:100]!r}"
            return answers
        try:
            _add(answers, _parsed(line.removeprefix(start)))
        except _ForgedLine:
            answers.forgery = f"a report that the driver did not write: {line[:100]!r}"
            return answers
    if len(lines) > len(due):
        answers.forgery = f"a report too many: {lines[len(due)][:100]!r}"
    return answers


class _ForgedLine(ValueError):
    """No driver writes such a report."""


_UNREADABLE = {"unfit": "nested too deeply or too large a number"}


def _parsed(text: bytes) -> object:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (json.JSONDecodeError, UnicodeDecodeError, _ForgedLine):
        raise _ForgedLine from None
    except (RecursionError, ValueError):
        return _UNREADABLE


def _no_constant(name: str) -> object:
    raise _ForgedLine(name)


def _add(answers: Answers, found: object) -> None:
    if not answers.has_begun:
        if found != HELLO:
            raise _ForgedLine
        answers.has_begun = True
        return
    report = _report(found)
    if answers.is_loaded:
        answers.reports.append(report)
    elif report.cause is None:
        answers.is_loaded = True
    elif answers.load_failure is None:
        answers.load_failure = report.cause, report.detail
    else:
        raise _ForgedLine


def _report(found: object) -> Report:
    match found:
        case {"value": value, **rest} if not rest:
            return Report(value=value, detail=repr(value)[:200])
        case {"raised": str(name), "text": str(text), **rest} if not rest:
            return Report(raised=name, cause=Cause.RAISED, detail=f"{name}: {text}"[:200])
        case {"exit": str(name), **rest} if not rest:
            return Report(cause=Cause.CRASHED, detail=name[:200])
        case {"unfit": str(why), **rest} if not rest:
            return Report(cause=Cause.WRONG_ANSWER, detail=f"no JSON value: {why}"[:200])
    raise _ForgedLine
