"""TantivyIndex: full-text search in well under a millisecond, for training at scale.

Needs the extra `search` (PyPI `tantivy`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from forethought.envs.search.retrieval import Catalogue, Document, query_words

try:
    import tantivy
except ImportError as error:
    raise ImportError(
        "the tantivy index needs tantivy; run: pip install 'forethought[search]'"
    ) from error

_TITLE_WEIGHT, _ALSO_WEIGHT = 4, 3
_FIELD = _ANALYSER = "words"
_HEAP_BYTES = 256 << 20


class TantivyIndex:
    """Documents in memory, ranked by tantivy's BM25 (title weighs 4, other names 3, text 1).

    Words are stemmed and accents ignored, as in SqliteIndex. Immutable once built, so episodes and
    threads may share one. Equal scores keep the documents' order.
    """

    def __init__(self, documents: Iterable[Document]) -> None:
        self.catalogue = Catalogue(documents)
        self._analyser = _analyser()
        self._schema = _schema()
        self._index = _built(self._schema, self._analyser, self.catalogue.documents)
        self._searcher = self._index.searcher()

    def __len__(self) -> int:
        return len(self.catalogue)

    def close(self) -> None:
        """Free what the names need; tantivy frees the rest with the object."""
        self.catalogue.close()

    def search(self, query: str, k: int = 5) -> list[Document]:
        """The `k` best documents; any word may match. No syntax: every text is a valid query."""
        return [self.catalogue.documents[index] for index in self.rank(query, k)]

    def rank(self, query: str, k: int) -> list[int]:
        """Numbers of the `k` best documents."""
        terms = [term for word in query_words(query) for term in self._terms(word)]
        if not terms or k < 1:
            return []
        wanted = [(tantivy.Occur.Should, self._holding(term)) for term in dict.fromkeys(terms)]
        found = self._searcher.search(tantivy.Query.boolean_query(wanted), k, count=False)
        addresses = [address for _, address in found.hits]
        numbers = self._searcher.fast_field_values("number", addresses)
        scores = [score for score, _ in found.hits]
        ranked = sorted(zip(scores, numbers, strict=True), key=lambda hit: (-hit[0], hit[1]))
        return [int(number) for _, number in ranked]

    def open(self, title: str) -> Document:
        """See `Catalogue.open`."""
        return self.catalogue.open(title)

    def find(self, title: str, pattern: str) -> list[str]:
        """See `Catalogue.find`."""
        return self.catalogue.find(title, pattern)

    def _terms(self, word: str) -> list[str]:
        return list(self._analyser.analyze(word))

    def _holding(self, term: str) -> tantivy.Query:
        return tantivy.Query.term_query(self._schema, _FIELD, term, index_option="freq")


def _analyser() -> tantivy.TextAnalyzer:
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(80))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .filter(tantivy.Filter.stemmer("english"))
        .build()
    )


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("number", fast=True)
    builder.add_text_field(_FIELD, tokenizer_name=_ANALYSER, index_option="freq")
    return builder.build()


def _built(
    schema: tantivy.Schema, analyser: tantivy.TextAnalyzer, documents: Sequence[Document]
) -> tantivy.Index:
    index = tantivy.Index(schema)
    index.register_tokenizer(_ANALYSER, analyser)
    # One thread, so that documents of equal score come in the order in which they were given.
    writer = index.writer(heap_size=_HEAP_BYTES, num_threads=1)
    for number, document in enumerate(documents):
        writer.add_document(tantivy.Document(number=number, words=_weighed(document)))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    return index


def _weighed(document: Document) -> str:
    """The words of a document as often as they weigh.

    One field for all, so that a word is as rare as it is in whole documents; boosted fields would
    each count it by itself, and a place called Port would beat one that is a port.
    """
    also = " ".join(document.also)
    return " ".join([document.title] * _TITLE_WEIGHT + [also] * _ALSO_WEIGHT + [document.text])
