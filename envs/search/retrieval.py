"""Retrieval: a corpus of titled documents that can be searched, opened and looked through.

SqliteIndex needs nothing; `retrieval_tantivy`, `retrieval_dense` and `retrieval_hybrid` hold others
behind the same protocol.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Protocol

from forethought.envs.search.catalogue import Catalogue, Document, any_of, bare

__all__ = ["Catalogue", "Document", "Ranker", "Retriever", "SqliteIndex", "bare", "query_words"]

_WORD = re.compile(r"\w+")
_MAX_WORDS = 24
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


class Ranker(Protocol):
    """One opinion on which documents answer a query."""

    def rank(self, query: str, k: int) -> list[int]:
        """Numbers of the `k` best documents, as they were given, best first."""
        ...


class SqliteIndex:
    """Documents in memory, ranked by SQLite FTS5's BM25 (title weighs 4, other names 3, text 1).

    Immutable once built, so episodes and threads may share one.
    """

    def __init__(self, documents: Iterable[Document]) -> None:
        self.catalogue = Catalogue(documents)
        self._database = _built(self.catalogue.documents)

    def __len__(self) -> int:
        return len(self.catalogue)

    def close(self) -> None:
        """Free the database; an index that is not shared should not outlive its episode."""
        self._database.close()
        self.catalogue.close()

    def search(self, query: str, k: int = 5) -> list[Document]:
        """The `k` best documents; any word may match, and words are stemmed.

        No syntax: the query is taken as words, so every text is a valid query.
        """
        return [self.catalogue.documents[index] for index in self.rank(query, k)]

    def rank(self, query: str, k: int) -> list[int]:
        """Numbers of the `k` best documents."""
        words = query_words(query)
        if not words or k < 1:
            return []
        rows = self._database.execute(
            "SELECT rowid FROM pages WHERE pages MATCH ? "
            "ORDER BY bm25(pages, 4.0, 3.0, 1.0), rowid LIMIT ?",
            (any_of(words), k),
        )
        return [row[0] for row in rows]

    def open(self, title: str) -> Document:
        """See `Catalogue.open`."""
        return self.catalogue.open(title)

    def find(self, title: str, pattern: str) -> list[str]:
        """See `Catalogue.find`."""
        return self.catalogue.find(title, pattern)


def query_words(query: str) -> list[str]:
    """The different words of a query that say something, in order, at most 24."""
    words = (word for word in _WORD.findall(query) if word.casefold() not in _STOP_WORDS)
    return list(dict.fromkeys(words))[:_MAX_WORDS]


def _built(documents: Sequence[Document]) -> sqlite3.Connection:
    database = sqlite3.connect(":memory:", check_same_thread=False)
    database.execute(
        "CREATE VIRTUAL TABLE pages USING fts5("
        "title, also, text, content='', tokenize='porter unicode61 remove_diacritics 2')"
    )
    rows = ((i, d.title, "\n".join(d.also), d.text) for i, d in enumerate(documents))
    database.executemany("INSERT INTO pages(rowid, title, also, text) VALUES (?, ?, ?, ?)", rows)
    database.commit()
    return database
