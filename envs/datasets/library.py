"""The pages that questions are asked about: a corpus file, indexed once a process.

Paragraphs of one title are one page, in their order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from forethought.envs.datasets.rows import read_rows
from forethought.envs.search.retrieval import Document, SqliteIndex


class Paragraph(BaseModel):
    """A line of a corpus file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    text: str
    doc_id: int | None = None
    """Its number from 0, by which questions may name it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Library:
    """Pages to search and open; shared by all episodes."""

    index: SqliteIndex
    titles: tuple[str, ...]
    """Of the paragraphs by number."""
    known: frozenset[str]
    """The titles once each."""


Reader = Callable[[Path], Iterable[Paragraph]]


@cache
def library(file: Path, read: Reader) -> Library:
    """The pages in a file. Raises ValueError naming the line that is broken."""
    texts: dict[str, dict[str, None]] = {}
    titles = []
    for paragraph in read(file):
        title = paragraph.title.strip()
        titles.append(title)
        texts.setdefault(title, {})[paragraph.text.strip()] = None
    if not titles:
        raise ValueError(f"{file}: it holds no page")
    documents = (Document(title=t, text="\n".join(parts)) for t, parts in texts.items())
    return Library(index=SqliteIndex(documents), titles=tuple(titles), known=frozenset(titles))


def read_corpus(file: Path) -> Iterable[Paragraph]:
    """Lines of `title, text` and perhaps `doc_id`. Raises ValueError for a gap in the numbers."""
    for number, (where, row) in enumerate(read_rows(file, Paragraph)):
        if row.doc_id not in (None, number):
            raise ValueError(f"{where}: doc_id is {row.doc_id}, but it is number {number}")
        if not row.title.strip():
            raise ValueError(f"{where}: title is empty")
        yield row
