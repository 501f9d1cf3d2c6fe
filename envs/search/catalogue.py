"""Catalogue: documents by name, opened by title or another name and looked through by line."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_MAX_CHARS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A page with a unique title, other names, and text of one or more lines."""

    title: str
    also: tuple[str, ...] = ()
    text: str


class Catalogue:
    """The documents of an index, in the order that they were given.

    Immutable once built, so episodes and threads may share one.
    """

    def __init__(self, documents: Iterable[Document]) -> None:
        self.documents = tuple(documents)
        self._by_title = {document.title: document for document in self.documents}
        if len(self._by_title) < len(self.documents):
            raise ValueError(f"titles are not unique: {_first_repeated(self.documents)!r}")
        self._by_name = _names(self.documents)
        self._spellings = _spellings(self.documents)

    def __len__(self) -> int:
        return len(self.documents)

    def close(self) -> None:
        """Free the index of spellings."""
        self._spellings.close()

    def open(self, title: str) -> Document:
        """The document whose title, else the only one whose name this is, whatever the case.

        A name is a synonym, or the title without what follows it in brackets. Raises LookupError
        that names the titles it may stand for, or the nearest ones.
        """
        title = title.strip()
        if title in self._by_title:
            return self._by_title[title]
        for names in self._by_name:
            meant = names.get(_folded(title), ())
            if len(meant) == 1:
                return self.documents[meant[0]]
            if meant:
                raise LookupError(f"{title!r} may be {self._listed(meant)}")
        nearest = self._nearest(title)
        hint = f"; nearest: {', '.join(nearest)}" if nearest else ""
        raise LookupError(f"no page named {title[:_MAX_CHARS]!r}{hint}")

    def find(self, title: str, pattern: str) -> list[str]:
        """Lines of a document that contain `pattern` as plain text, whatever the case."""
        wanted = _folded(pattern)
        return [line for line in self.open(title).text.splitlines() if wanted in _folded(line)]

    def _nearest(self, title: str, k: int = 3) -> list[str]:
        """Titles that share most letter triples with a name that does not exist."""
        text = title[:_MAX_CHARS].casefold()
        triples = [text[i : i + 3] for i in range(len(text) - 2) if text[i : i + 3].isprintable()]
        if not triples:
            return []
        rows = self._spellings.execute(
            "SELECT rowid FROM spellings WHERE spellings MATCH ? "
            "ORDER BY bm25(spellings), rowid LIMIT ?",
            (any_of(triples), k),
        )
        return [self.documents[row[0]].title for row in rows]

    def _listed(self, indices: Sequence[int]) -> str:
        titles = [self.documents[index].title for index in indices]
        return f"{', '.join(titles[:-1])} or {titles[-1]}"


def any_of(terms: Iterable[str]) -> str:
    """An FTS5 query that any of these terms answers, with nothing in them taken for syntax."""
    return " OR ".join('"' + term.replace('"', '""') + '"' for term in dict.fromkeys(terms))


def bare(title: str) -> str:
    """A title without what follows it in brackets: "Georgia (American state)" -> "Georgia"."""
    return title.split(" (")[0]


def _spellings(documents: Sequence[Document]) -> sqlite3.Connection:
    database = sqlite3.connect(":memory:", check_same_thread=False)
    database.execute(
        "CREATE VIRTUAL TABLE spellings USING fts5(names, content='', tokenize='trigram')"
    )
    names = ((i, "\n".join((d.title, *d.also))) for i, d in enumerate(documents))
    database.executemany("INSERT INTO spellings(rowid, names) VALUES (?, ?)", names)
    database.commit()
    return database


def _names(documents: Sequence[Document]) -> tuple[dict[str, tuple[int, ...]], ...]:
    """Folded titles, synonyms and bare titles, each to the documents they may stand for."""
    levels: list[defaultdict[str, dict[int, None]]] = [defaultdict(dict) for _ in range(3)]
    for index, document in enumerate(documents):
        levels[0][_folded(document.title)][index] = None
        for name in document.also:
            levels[1][_folded(name)][index] = None
        levels[2][_folded(bare(document.title))][index] = None
    return tuple({name: tuple(found) for name, found in level.items()} for level in levels)


def _folded(text: str) -> str:
    return " ".join(text.replace("_", " ").casefold().split())


def _first_repeated(documents: Sequence[Document]) -> str:
    seen: set[str] = set()
    for document in documents:
        if document.title in seen:
            return document.title
        seen.add(document.title)
    raise AssertionError("no title is repeated")
