"""Formulas: the literals of PDDL, about parameters, constants and objects that there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from forethought.envs.suite.planning.brackets import Group, Node, Word, fault, shown, words
from forethought.envs.suite.planning.kinds import Kind, told
from forethought.envs.suite.planning.strips import EQUAL, NOT, Atom, Domain, Literal

Reader: TypeAlias = Callable[[Node], Literal]
_BEYOND = frozenset({"and", "or", NOT, "imply", "forall", "exists", "when", "increase", EQUAL})
"""Words that are no predicates."""


def reader(domain: Domain, known: Mapping[str, Kind], *, what: str, where: str) -> Reader:
    """Reads literals about what is `known`, with the kind of each name."""

    def literal(node: Node) -> Literal:
        match node:
            case Group([Word("not"), inner]):
                opposite = literal(inner)
                return opposite[1:] if opposite[0] == NOT else (NOT, *opposite)
            case Group([Word("="), Word(left), Word(right)]):
                found: Literal = (EQUAL, left, right)
            case Group([Word(predicate), *rest]) if is_predicate(predicate):
                found = (predicate, *(word.text for word in words(rest)))
                _require_declared(node, found, domain)
            case _:
                raise fault(
                    node, f"not a STRIPS atom: {shown(node)}; it should read (predicate object ...)"
                )
        strange = [name for name in found[1:] if name not in known]
        if strange:
            raise fault(node, f"{where}: {shown(node)} names {strange[0]!r}, no {what}")
        _require_fitting(node, found, known, domain)
        return found

    return literal


def is_predicate(name: str) -> bool:
    """Whether a predicate may be called so."""
    return name not in _BEYOND and name[0] not in "?:-"


def is_equality(literal: Literal) -> bool:
    """Whether it says that two are the same, or that they are not."""
    return EQUAL in (literal[0], literal[1] if literal[0] == NOT else "")


def conjuncts(formula: Node) -> Iterator[Node]:
    """What a conjunction says, one after the other; `()` says nothing."""
    match formula:
        case Group([]):
            return
        case Group([Word("and"), *items]):
            for item in items:
                yield from conjuncts(item)
        case _:
            yield formula


def _require_declared(node: Node, atom: Atom, domain: Domain) -> None:
    if domain.predicates is None:
        return
    if atom[0] not in domain.predicates:
        there_are = ", ".join(sorted(domain.predicates))
        raise fault(node, f"no predicate {atom[0]!r} in (:predicates ...): {there_are}")
    wanted = len(domain.predicates[atom[0]])
    if len(atom) - 1 != wanted:
        raise fault(node, f"{atom[0]} takes {wanted} objects, not {len(atom) - 1}: {shown(node)}")


def _require_fitting(node: Node, atom: Atom, known: Mapping[str, Kind], domain: Domain) -> None:
    """A variable has to be possible in its place, an object to be of what is asked for there."""
    if domain.predicates is None or atom[0] == EQUAL:
        return
    for name, wanted in zip(atom[1:], domain.predicates[atom[0]], strict=True):
        fits = domain.hierarchy.may_be if name.startswith("?") else domain.hierarchy.is_a
        if not fits(known[name], wanted):
            raise fault(
                node,
                f"{shown(node)}: {name} is of type {told(known[name])}, and {atom[0]} takes "
                f"{told(wanted)} there",
            )
