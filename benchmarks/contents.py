"""Contents: the page that leads to the views of several runs, such as the stages of a training."""

from __future__ import annotations

import os.path
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote

from forethought.agents.record.trajectory import Trajectory
from forethought.benchmarks.facts import facts_of
from forethought.benchmarks.page import page


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcomes:
    """How many episodes came out how; those without a score are neither passed nor failed."""

    passed: int
    failed: int
    unscored: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A page of episodes to lead to."""

    path: Path
    title: str
    outcomes: Outcomes


def outcomes_of(trajectories: Sequence[Trajectory]) -> Outcomes:
    """Count successes, failures, and episodes that are open or could not be scored."""
    facts = [facts_of(trajectory) for trajectory in trajectories]
    counts = Counter(None if found is None else found.success for found in facts)
    return Outcomes(passed=counts[True], failed=counts[False], unscored=counts[None])


def write_contents(path: Path, pages: Sequence[Page], *, title: str) -> Path:
    """Write the page, with links relative to it, and return its path."""
    rows = "".join(
        f'<tr><td><a href="{quote(os.path.relpath(item.path, path.parent))}">'
        f"{escape(item.title)}</a></td><td>{item.outcomes.passed:,}</td>"
        f"<td>{item.outcomes.failed:,}</td><td>{item.outcomes.unscored:,}</td></tr>"
        for item in pages
    )
    body = (
        f'<main><h1>{escape(title)}</h1><div class="table"><table><thead><tr><th>Run</th>'
        "<th>Passed</th><th>Failed</th><th>Not scored</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div></main>"
    )
    path.write_text(page(title=title, body=body, style="a { color:var(--link); }"), "utf-8")
    return path
