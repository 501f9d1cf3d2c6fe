"""What a process that runs tests said, read as from somebody who may lie."""

from __future__ import annotations

import json
from dataclasses import dataclass, field


@dataclass(kw_only=True, slots=True)
class SuiteReports:
    """All that one process said."""

    has_begun: bool = False
    broken: str = ""
    """Why a file could not be collected."""
    collected: list[str] | None = None
    outcomes: dict[str, str] = field(default_factory=dict)
    is_done: bool = False
    forgery: str = ""


def read_reports(stdout: bytes, nonce: str) -> SuiteReports:
    """The reports in a process's output; a last line without its end is one that was cut short."""
    reports = SuiteReports()
    *lines, _cut_short = stdout.split(b"\n")
    for number, line in enumerate(lines):
        start = f"{nonce} {number} ".encode()
        if not line.startswith(start) or not _add(reports, line.removeprefix(start)):
            reports.forgery = f"a line that the driver did not write: {line[:100]!r}"
            return reports
    return reports


def _add(reports: SuiteReports, text: bytes) -> bool:
    """Whether the driver could have said this now."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    match found:
        case "hello" if not reports.has_begun:
            reports.has_begun = True
        case "done" if reports.has_begun and not reports.is_done:
            reports.is_done = True
        case {"broken": str(why)} if reports.has_begun and reports.collected is None:
            reports.broken = why
        case {"collected": [*names]} if reports.has_begun and reports.collected is None:
            reports.collected = [str(name) for name in names]
        case {"test": str(test), "outcome": str(outcome)} if (
            reports.collected is not None and not reports.is_done and test not in reports.outcomes
        ):
            reports.outcomes[test] = outcome
        case _:
            return False
    return True
