"""The shipped places: what is in them, and the two exact relations between them."""

from __future__ import annotations

import gzip
import json
from importlib import resources

import pytest

from forethought.envs.suite.lookup.places import Atlas, Place, atlas, places_index


def place(title: str, kind: str, *part_of: str, text: str = "somewhere") -> Place:
    return Place(title=title, also=(), text=text, kind=(kind,), part_of=part_of)


SMALL = Atlas(
    (
        place("Land", "country"),
        place("North", "province", "Land"),
        place("Upper Lake", "lake", "North"),
        place("Mill Stream", "river", "North"),
        place("Old Ford", "town", "North"),
        place("New Ford", "town", "North"),
        place("Border Hills", "range", "North", "Land"),
    )
)


def test_every_place_and_every_whole_is_there() -> None:
    places = atlas().places
    assert len(places) == 3234
    assert all(whole in places for entry in places.values() for whole in entry.part_of)


def test_titles_are_unique_and_free_of_what_separates_them_in_routes_and_answers() -> None:
    names = [name for entry in atlas().places.values() for name in entry.names]
    assert not [name for name in names if set(name) & set(";>:#\n") or name != name.strip()]


def test_the_corpus_comes_with_its_licence() -> None:
    data = resources.files("forethought.envs").joinpath("data")
    assert "WordNet" in data.joinpath("LICENSE.wordnet").read_text("utf-8")
    packed = data.joinpath("places.jsonl.gz").read_bytes()
    assert packed[4:8] == b"\0\0\0\0", "the archive carries no time, so that it can be made again"
    first = json.loads(gzip.decompress(packed).splitlines()[0])
    assert set(first) == {"title", "also", "text", "kind", "part_of"}


def test_a_place_has_names_with_and_without_what_is_in_brackets() -> None:
    assert atlas().places["Paris (national capital)"].names == (
        "Paris (national capital)",
        "Paris",
        "City of Light",
        "French capital",
        "capital of France",
    )


@pytest.mark.parametrize(
    ("title", "whole"),
    [("Upper Lake", "North"), ("North", "Land"), ("Land", None), ("Border Hills", None)],
    ids=["part", "part with parts", "top", "part of two"],
)
def test_the_whole_is_what_a_place_is_part_of_if_that_is_one_thing(
    title: str, whole: str | None
) -> None:
    assert SMALL.whole(title) == whole


def test_the_only_part_of_a_kind_is_no_other_part_of_that_kind() -> None:
    assert SMALL.only_parts("North") == {
        "lake": "Upper Lake",
        "river": "Mill Stream",
        "range": "Border Hills",
    }
    assert SMALL.only_parts("Upper Lake") == {}


def test_a_kind_that_another_parts_line_contains_is_left_out() -> None:
    clash = Atlas(
        (
            place("Sea", "sea"),
            place("Wide Bay", "bay", "Sea"),
            place("Bayonne", "port", "Sea"),
        )
    )
    assert clash.only_parts("Sea") == {"port": "Bayonne"}


def test_a_page_lists_what_the_place_is_part_of_and_each_of_its_parts() -> None:
    assert SMALL.page("North").text.splitlines() == [
        "somewhere",
        "part of: Land",
        "has lake: Upper Lake",
        "has river: Mill Stream",
        "has town: Old Ford",
        "has town: New Ford",
        "has range: Border Hills",
    ]
    assert SMALL.page("Border Hills").text.splitlines()[1] == "part of: North; Land"


def test_finding_the_kind_of_an_only_part_shows_just_that_part() -> None:
    places, index = atlas(), places_index()
    for title in places.places:
        for kind, part in places.only_parts(title).items():
            shown = [line for line in index.find(title, kind) if line.startswith("has ")]
            assert shown == [f"has {kind}: {part}"]


def test_the_corpus_is_read_and_indexed_once_a_process() -> None:
    assert atlas() is atlas()
    assert places_index() is places_index()
    assert len(places_index()) == 3234
