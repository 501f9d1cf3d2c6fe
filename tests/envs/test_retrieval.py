"""Searching, opening and looking through documents."""

from __future__ import annotations

import contextlib
import statistics
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.envs.search.retrieval import Document, Retriever, SqliteIndex, bare
from forethought.envs.suite.lookup.places import places_index

RIVER = Document(title="Avon (river)", also=("River Avon",), text="a river\npart of: England")
COUNTY = Document(title="Avon (county)", text="a county in the west\nhas port: Bristol")
BRISTOL = Document(title="Bristol", also=("Brycgstow",), text="a port on the Avon\npart of: Avon")
INDEX = SqliteIndex([RIVER, COUNTY, BRISTOL])


def titles(index: Retriever, query: str, k: int = 5) -> list[str]:
    return [document.title for document in index.search(query, k)]


def test_a_title_weighs_more_than_a_mention() -> None:
    assert titles(INDEX, "bristol") == ["Bristol", "Avon (county)"]


def test_another_name_is_found() -> None:
    assert titles(INDEX, "Brycgstow") == ["Bristol"]


def test_words_are_stemmed_and_accents_ignored() -> None:
    assert titles(INDEX, "RÍVERS") == ["Avon (river)"]


def test_any_word_may_match_and_more_matches_rank_higher() -> None:
    assert titles(INDEX, "western port county")[0] == "Avon (county)"
    assert set(titles(INDEX, "county river")) == {"Avon (county)", "Avon (river)"}


def test_k_bounds_the_results() -> None:
    assert len(titles(INDEX, "avon", 3)) == 3
    assert len(titles(INDEX, "avon", 1)) == 1
    assert titles(INDEX, "avon", 0) == []


@pytest.mark.parametrize(
    "query",
    ["", "the of in", "?!", '"', "port AND NOT (", "title: port", "port*", "^port", "NEAR(a b, 2)"],
    ids=["empty", "stop words", "marks", "quote", "boolean", "column", "prefix", "caret", "near"],
)
def test_query_syntax_means_nothing(query: str) -> None:
    assert set(titles(INDEX, query)) <= {"Bristol", "Avon (county)"}


@given(query=st.text(max_size=80))
def test_every_text_is_a_valid_query_and_a_valid_title(query: str) -> None:
    assert len(INDEX.search(query, 2)) <= 2
    with contextlib.suppress(LookupError):
        assert INDEX.open(query) in (RIVER, COUNTY, BRISTOL)


def test_a_query_of_lone_surrogates_and_nulls_finds_nothing() -> None:
    assert INDEX.search("\ud800 \0", 5) == []


def test_the_same_query_gives_the_same_order() -> None:
    index = SqliteIndex(Document(title=f"{n}", text="same words") for n in range(9))
    assert titles(index, "words") == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Bristol", "Bristol"),
        ("  bristol ", "Bristol"),
        ("avon_(river)", "Avon (river)"),
        ("RIVER AVON", "Avon (river)"),
        ("brycgstow", "Bristol"),
    ],
    ids=["title", "case and space", "underscores", "other name", "other name's case"],
)
def test_a_page_opens_by_title_or_other_name(name: str, title: str) -> None:
    assert INDEX.open(name).title == title


def test_an_exact_title_comes_before_one_that_differs_in_case() -> None:
    index = SqliteIndex([Document(title="Soho", text="a"), Document(title="SoHo", text="b")])
    assert [index.open(name).text for name in ("Soho", "SoHo")] == ["a", "b"]
    with pytest.raises(LookupError, match="'soho' may be Soho or SoHo"):
        index.open("soho")


def test_a_name_of_several_pages_is_told_apart() -> None:
    with pytest.raises(LookupError, match=r"'avon' may be Avon \(river\) or Avon \(county\)"):
        INDEX.open("avon")


def test_an_unknown_title_names_the_nearest_ones() -> None:
    with pytest.raises(LookupError, match="no page named 'Bristel'; nearest: Bristol"):
        INDEX.open("Bristel")


def test_a_title_like_no_other_is_just_unknown() -> None:
    with pytest.raises(LookupError, match=r"^no page named 'qqqq'$"):
        INDEX.open("qqqq")


def test_a_long_title_is_not_echoed_in_full() -> None:
    with pytest.raises(LookupError) as error:
        INDEX.open("x" * 5000)
    assert len(str(error.value)) < 200


def test_find_gives_the_lines_that_contain_the_text() -> None:
    assert INDEX.find("bristol", "PART OF") == ["part of: Avon"]
    assert INDEX.find("Bristol", "a.*n") == []
    assert INDEX.find("Avon (county)", "bristol") == ["has port: Bristol"]


def test_titles_must_be_unique() -> None:
    with pytest.raises(ValueError, match="titles are not unique: 'Bristol'"):
        SqliteIndex([BRISTOL, COUNTY, BRISTOL])


def test_an_index_may_be_empty() -> None:
    index = SqliteIndex([])
    assert len(index) == 0
    assert index.search("anything") == []


@pytest.mark.parametrize(
    ("title", "name"),
    [("Avon (river)", "Avon"), ("Avon", "Avon"), ("A (b) (c)", "A")],
    ids=["bracket", "none", "two"],
)
def test_a_bare_title_has_no_bracket(title: str, name: str) -> None:
    assert bare(title) == name


def test_threads_may_share_an_index() -> None:
    wrong: list[list[str]] = []

    def look() -> None:
        for _ in range(200):
            found = titles(places_index(), "Aachen Germany")
            if found[:1] != ["Aachen"]:
                wrong.append(found)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_search_among_three_thousand_pages_takes_less_than_two_milliseconds() -> None:
    queries = ["baltic port", "largest city in Germany on the Rhine", "river", "Old Testament book"]
    index = places_index()
    taken = []
    for query in queries * 25:
        started = time.thread_time()
        assert index.search(query)
        taken.append(time.thread_time() - started)
    assert statistics.median(taken) < 0.002
