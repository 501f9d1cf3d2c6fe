"""Report: one self-contained HTML file, numbers first, an interval beside each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from forethought.benchmarks.page import page


@dataclass(frozen=True, kw_only=True, slots=True)
class Number:
    """A figure that stands out, with what is known of its precision."""

    label: str
    value: str
    interval: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Cells as text, ready to read; the first column names the row."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(f"{len(row)} cells under {len(self.header)} headings: {row}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A heading, what it means in a sentence, and the evidence."""

    title: str
    text: str = ""
    numbers: tuple[Number, ...] = ()
    figures: tuple[str, ...] = ()
    """SVG of `plots`."""
    table: Table | None = None


def write_report(
    path: Path, *, title: str, lead: str, sections: Sequence[Section], foot: str = ""
) -> Path:
    """Write the file and return its path. All text is escaped; figures are put in as they are."""
    body = (
        f'<main><header><h1>{escape(title)}</h1><p class="lead">{escape(lead)}</p></header>'
        + "".join(_section(section) for section in sections)
        + (f"<footer>{escape(foot)}</footer>" if foot else "")
        + "</main>"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(title=title, body=body), encoding="utf-8")
    return path


def _section(section: Section) -> str:
    parts = [f"<section><h2>{escape(section.title)}</h2>"]
    if section.numbers:
        parts.append('<dl class="numbers">' + "".join(map(_number, section.numbers)) + "</dl>")
    if section.text:
        parts.append(f"<p>{escape(section.text)}</p>")
    parts += [f"<figure>{figure}</figure>" for figure in section.figures]
    if section.table:
        parts.append(_table(section.table))
    return "".join(parts) + "</section>"


def _number(number: Number) -> str:
    small = "".join(
        f"<small>{escape(line)}</small>" for line in (number.interval, number.note) if line
    )
    return f"<div><dt>{escape(number.label)}</dt><dd>{escape(number.value)}{small}</dd></div>"


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.header)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    return f'<div class="table"><table><tr>{head}</tr>{rows}</table></div>'
