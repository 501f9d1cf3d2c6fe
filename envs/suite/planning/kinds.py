"""Kinds: the types of PDDL, which form a hierarchy under `object`.

A kind is one type or a choice of several, `(either truck airplane)`: what has it is of one of them.
So whatever is `(either truck airplane)` may stand where a vehicle is asked for if both of them are
vehicles; and where `(either truck airplane)` is asked for, either of the two may stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from forethought.envs.suite.planning.brackets import Group, Node, Word, fault, shown

Kind: TypeAlias = frozenset[str]
"""Names of types, of one of which it is."""
OBJECT = "object"
ANYTHING: Kind = frozenset({OBJECT})
MAX_TYPES = 256
"""Of one domain; no PDDL needs fifty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hierarchy:
    """What is a special case of what."""

    above: Mapping[str, tuple[Kind, ...]] = field(default_factory=dict)
    """For each type the kinds that it was said to be; `object` is above all of them."""

    def under(self, wanted: Kind) -> Kind:
        """Every type of which all is of `wanted` too."""
        found, size = set(wanted), 0
        while len(found) > size:
            size = len(found)
            found |= {
                name
                for name, kinds in self.above.items()
                if OBJECT in found or any(kind <= found for kind in kinds)
            }
        return frozenset(found)

    def is_a(self, kind: Kind, wanted: Kind) -> bool:
        """Whether all that is of `kind` is of `wanted` too."""
        return OBJECT in wanted or kind <= self.under(wanted)

    def may_be(self, kind: Kind, wanted: Kind) -> bool:
        """Whether something can be of both, as one is a special case of the other."""
        return any(
            self.is_a(frozenset({one}), frozenset({other}))
            or self.is_a(frozenset({other}), frozenset({one}))
            for one in kind
            for other in wanted
        )


def read_hierarchy(body: Sequence[Node]) -> Hierarchy:
    """The types of a domain. Raises ValueError for one that is above itself."""
    above: dict[str, tuple[Kind, ...]] = {}
    lines: dict[str, Word] = {}
    for word, kind in typed(body):
        if word.text == OBJECT and kind != ANYTHING:
            raise fault(word, f"type object is above all others, not below {told(kind)}")
        if word.text != OBJECT:
            above[word.text] = (*above.get(word.text, ()), kind)
            lines[word.text] = word
        for name in kind - above.keys() - ANYTHING:
            above[name] = ()
        if len(above) > MAX_TYPES:
            raise fault(word, f"more than {MAX_TYPES} types")
    for name, word in lines.items():
        if name in _all_above(name, above):
            raise fault(word, f"type {name!r} is above itself")
    return Hierarchy(above=above)


def typed(body: Sequence[Node]) -> Iterator[tuple[Word, Kind]]:
    """The names of a typed list, each with its kind: `a b - truck c - (either x y) d`.

    Raises ValueError for what is none, `- truck` with nothing before it for example.
    """
    waiting: list[Word] = []
    rest = iter(body)
    for node in rest:
        match node:
            case Word("-"):
                if not waiting:
                    raise fault(node, "a type is given to nothing; write it after names: a b - t")
                kind = _kind(next(rest, None), after=node)
                yield from ((word, kind) for word in waiting)
                waiting = []
            case Word():
                waiting.append(node)
            case Group():
                raise fault(node, f"a name is expected, not {shown(node)}")
    yield from ((word, ANYTHING) for word in waiting)


def require_known(word: Word, kind: Kind, hierarchy: Hierarchy) -> None:
    """Raises ValueError if a name was given a type that the domain has not."""
    for name in sorted(kind - {OBJECT} - hierarchy.above.keys()):
        there_are = ", ".join(sorted(hierarchy.above)) or "none but object"
        raise fault(word, f"{word} has type {name!r}, which is none of (:types ...): {there_are}")


def told(kind: Kind) -> str:
    """`truck`, or `airplane or truck`."""
    return " or ".join(sorted(kind))


def _kind(node: Node | None, *, after: Word) -> Kind:
    match node:
        case Word(name) if name != "-":
            return frozenset({name})
        case Group([Word("either"), *names]) if names:
            return frozenset(_either(names))
        case None:
            raise fault(after, "a type is expected after -")
    raise fault(node, f"a type is expected after -, not {shown(node)}")


def _either(names: Iterable[Node]) -> Iterator[str]:
    for node in names:
        match node:
            case Word(name) if name != "-":
                yield name
            case _:
                raise fault(node, f"(either ...) is a choice of types, not of {shown(node)}")


def _all_above(name: str, above: Mapping[str, tuple[Kind, ...]]) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for kind in above.get(waiting.pop(), ()):
            waiting += kind - found
            found |= kind
    return found
