"""Retrieval: a corpus of titled documents that can be searched, opened and looked through."""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

_WORD = re.compile(r"\w+")
_MAX_WORDS = 24
_MAX_CHARS = 60
_STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "by",
        "for",
        "from",
        "in",
        "is",
        "of",
        "on",
        "or",
        "that",
        "the",
        "to",
        "was",
        "which",
    ]
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A page with a unique title, other names, and text of one or more lines."""

    title: str
    also: tuple[str, ...] = ()
    text: str


class Retriever(Protocol):
    """What search tools need; calls are short enough to be made on an event loop."""

    def search(self, query: str, k: int = 5) -> list[Document]:
        """The `k` best documents for a query of any text, best first."""
        ...

    def open(self, title: str) -> Document:
        """The document of that title or name. Raises LookupError naming the nearest titles."""
        ...

    def find(self, title: str, pattern: str) -> list[str]:
        """Lines of a document that contain `pattern`, whatever the case. Raises LookupError."""
        ...


class SqliteIndex:
    """Documents in memory, ranked by SQLite FTS5's BM25 (title weighs 4, other names 3, text 1).

    Immutable once built, so episodes and threads may share one.
    """

    def __init__(self, documents: Iterable[Document]) -> None:
        self._documents = tuple(documents)
        self._by_title = {document.title: document for document in self._documents}
        if len(self._by_title) < len(self._documents):
            raise ValueError(f"titles are not unique: {_first_repeated(self._documents)!r}")
        self._by_name = _names(self._documents)
        self._database = _built(self._documents)

    def __len__(self) -> int:
        return len(self._documents)

    def close(self) -> None:
        """Free the database; an index that is not shared should not outlive its episode."""
        self._database.close()

    def search(self, query: str, k: int = 5) -> list[Document]:
        """The `k` best documents; any word may match, and words are stemmed.

        No syntax: the query is taken as words, so every text is a valid query.
        """
        words = [word for word in _WORD.findall(query) if word.casefold() not in _STOP_WORDS]
        return self._ranked("pages", words, k, weights="4.0, 3.0, 1.0")

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
                return self._documents[meant[0]]
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
        return [hit.title for hit in self._ranked("spellings", triples, k, weights="1.0")]

    def _ranked(self, table: str, terms: Sequence[str], k: int, *, weights: str) -> list[Document]:
        limit = _MAX_WORDS if table == "pages" else _MAX_CHARS
        distinct = list(dict.fromkeys(terms))[:limit]
        if not distinct or k < 1:
            return []
        quoted = " OR ".join('"' + term.replace('"', '""') + '"' for term in distinct)
        rows = self._database.execute(
            f"SELECT rowid FROM {table} WHERE {table} MATCH ? "
            f"ORDER BY bm25({table}, {weights}), rowid LIMIT ?",
            (quoted, k),
        )
        return [self._documents[row[0]] for row in rows]

    def _listed(self, indices: Sequence[int]) -> str:
        titles = [self._documents[index].title for index in indices]
        return f"{', '.join(titles[:-1])} or {titles[-1]}"


def _built(documents: Sequence[Document]) -> sqlite3.Connection:
    database = sqlite3.connect(":memory:", check_same_thread=False)
    database.execute(
        "CREATE VIRTUAL TABLE pages USING fts5("
        "title, also, text, content='', tokenize='porter unicode61 remove_diacritics 2')"
    )
    database.execute(
        "CREATE VIRTUAL TABLE spellings USING fts5(names, content='', tokenize='trigram')"
    )
    rows = [(i, d.title, "\n".join(d.also), d.text) for i, d in enumerate(documents)]
    database.executemany("INSERT INTO pages(rowid, title, also, text) VALUES (?, ?, ?, ?)", rows)
    names = [(i, "\n".join((d.title, *d.also))) for i, d in enumerate(documents)]
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


def bare(title: str) -> str:
    """A title without what follows it in brackets: "Georgia (American state)" -> "Georgia"."""
    return title.split(" (")[0]


def _folded(text: str) -> str:
    return " ".join(text.replace("_", " ").casefold().split())


def _first_repeated(documents: Sequence[Document]) -> str:
    seen: set[str] = set()
    for document in documents:
        if document.title in seen:
            return document.title
        seen.add(document.title)
    raise AssertionError("no title is repeated")
