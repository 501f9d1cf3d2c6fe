"""Places: WordNet's places and what they are part of, as a graph and as pages to search."""

from __future__ import annotations

import gzip
from collections import defaultdict
from functools import cache
from importlib import resources

from pydantic import BaseModel, ConfigDict

from forethought.envs.search.retrieval import Document, SqliteIndex, bare


class Place(BaseModel):
    """A place, period, battle or book; `part_of` names its wholes by title."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    also: tuple[str, ...]
    text: str
    """Its gloss: one sentence without a full stop, clauses separated by semicolons."""
    kind: tuple[str, ...]
    part_of: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that counts as naming it."""
        return tuple(dict.fromkeys((self.title, bare(self.title), *self.also)))


class Atlas:
    """All places, with two exact relations: up to the whole, and down to the only part of a kind.

    Both are functions: they give one place or none.
    """

    def __init__(self, places: tuple[Place, ...]) -> None:
        self.places = {place.title: place for place in places}
        self.parts: dict[str, tuple[str, ...]] = _parts(places)
        self._only_parts: dict[str, dict[str, str]] = {}

    def whole(self, title: str) -> str | None:
        """What a place is part of, if that is one thing."""
        wholes = self.places[title].part_of
        return wholes[0] if len(wholes) == 1 else None

    def only_parts(self, title: str) -> dict[str, str]:
        """Kind -> the one part of that kind, where no other part's line contains that word.

        So `find(title, kind)` over `page(title)` shows a single line that starts with "has".
        """
        if title not in self._only_parts:
            self._only_parts[title] = self._find_only_parts(title)
        return self._only_parts[title]

    def _find_only_parts(self, title: str) -> dict[str, str]:
        lines = [line.casefold() for line in self._part_lines(title)]
        only: dict[str, str] = {}
        for part in self.parts.get(title, ()):
            for kind in self.places[part].kind:
                if sum(kind.casefold() in line for line in lines) == 1:
                    only[kind] = part
        return only

    def page(self, title: str) -> Document:
        """Its page: the gloss, what it is part of, and a line `has KIND: TITLE` for each part."""
        place = self.places[title]
        wholes = [f"part of: {'; '.join(place.part_of)}"] if place.part_of else []
        lines = [place.text, *wholes, *self._part_lines(title)]
        return Document(title=title, also=place.also, text="\n".join(lines))

    def _part_lines(self, title: str) -> list[str]:
        parts = self.parts.get(title, ())
        return [f"has {kind}: {part}" for part in parts for kind in self.places[part].kind]


@cache
def atlas() -> Atlas:
    """The shipped places (WordNet 3.0, see data/README.md), read once a process."""
    packed = resources.files("forethought.envs").joinpath("data/places.jsonl.gz").read_bytes()
    lines = gzip.decompress(packed).decode().splitlines()
    return Atlas(tuple(Place.model_validate_json(line) for line in lines))


@cache
def places_index() -> SqliteIndex:
    """The pages of all places, indexed once a process and shared by all episodes."""
    places = atlas()
    return SqliteIndex(places.page(title) for title in places.places)


def _parts(places: tuple[Place, ...]) -> dict[str, tuple[str, ...]]:
    parts: defaultdict[str, list[str]] = defaultdict(list)
    for place in places:
        for whole in place.part_of:
            parts[whole].append(place.title)
    return {whole: tuple(found) for whole, found in parts.items()}
