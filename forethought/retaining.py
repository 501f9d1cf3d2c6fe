"""`forethought eval --suite retention`: the table of the schemes."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from forethought.benchmarks.axes import format_value
from forethought.benchmarks.retention import Kept, Retention

_LEGEND = (
    "First what came right, per cent: days on which all did (all), facts asked, rules applied, "
    "errands run (open), checks of the first and of the last round, slips filed. Then, of a day: "
    "edits of the context, turns, tokens read, per cent of them saved, tokens written."
)


def show_retention(found: Retention, console: Console) -> None:
    """A row for each scheme, what the columns are, and whether the record is sound."""
    table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False)
    table.add_column("scheme", no_wrap=True)
    names = ("all", "facts", "rules", "open", "first", "last", "filed")
    for name in (*names, "edits", "turns", "read", "saved", "wrote"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in found.schemes:
        table.add_row(row.scheme, *_cells(row))
    console.print(table)
    console.print(_LEGEND, markup=False)
    coverage = found.gradient_coverage
    told = "unknown (no log-probabilities)" if coverage is None else f"{coverage:.3f}"
    console.print(
        f"{found.model}: {found.schemes[0].n} days a scheme; template drift "
        f"{found.template_drift}, gradient coverage {told}",
        markup=False,
    )


def _cells(row: Kept) -> list[str]:
    shares = (row.success, row.facts, row.rules, row.errands)
    rounds = (row.first_round, row.last_round, row.filed)
    return [
        *map(_percent, (*shares, *rounds)),
        *map(_count, (row.edits, row.turns, row.prompt_tokens)),
        _percent(row.saved),
        _count(row.sampled_tokens),
    ]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f}"


def _count(value: float | None) -> str:
    return "-" if value is None else format_value(round(value, 1 if value < 10 else 0))
