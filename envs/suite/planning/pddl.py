"""PDDL: a reader for the `:strips` subset, domains and problems.

The subset is untyped objects, preconditions and goals that are conjunctions of atoms, effects that
add and delete atoms. Anything more raises ValueError rather than being read as something else.
PDDL ignores case, and so does this: all is lower case.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from forethought.envs.suite.planning.strips import Atom, Domain, Problem, Schema

Tree: TypeAlias = "str | list[Tree]"


def read_domain(text: str) -> Domain:
    """A domain from PDDL. Raises ValueError naming what is not STRIPS or not PDDL."""
    name, sections = _define(text, "domain")
    schemas: dict[str, Schema] = {}
    for keyword, body in sections:
        if keyword == ":requirements":
            unknown = [item for item in _words(body, keyword) if item != ":strips"]
            if unknown:
                raise ValueError(f"requirement {unknown[0]} is not supported; only :strips is")
        elif keyword == ":action":
            schema = _schema(body)
            schemas[schema.name] = schema
        elif keyword != ":predicates":
            raise ValueError(f"section {keyword} of a domain is not supported")
    if not schemas:
        raise ValueError(f"domain {name!r} has no (:action ...)")
    return Domain(name=name, schemas=schemas)


def read_problem(text: str) -> Problem:
    """A problem from PDDL. Raises ValueError naming what is not STRIPS or not PDDL."""
    name, sections = _define(text, "problem")
    found = dict(sections)
    for keyword in (":objects", ":init", ":goal"):
        if keyword not in found:
            raise ValueError(f"problem {name!r} has no ({keyword} ...)")
    objects = _words(found[":objects"], ":objects")
    init = frozenset(_atom(item) for item in found[":init"])
    goal = frozenset(_conjunction(found[":goal"], ":goal"))
    known = set(objects)
    for predicate, *arguments in sorted(init | goal):
        strange = [item for item in arguments if item not in known]
        if strange:
            raise ValueError(f"problem {name!r}: ({predicate} ...) names {strange[0]!r}, no object")
    return Problem(name=name, objects=tuple(objects), init=init, goal=goal)


def _define(text: str, kind: str) -> tuple[str, list[tuple[str, list[Tree]]]]:
    """Name and (keyword, body) sections of `(define (kind name) (:keyword body) ...)`."""
    match _tree(text):
        case ["define", [found, str(name)], *rest] if found == kind:
            return name, [_section(item) for item in rest]
    raise ValueError(f"not a PDDL {kind}: it should read (define ({kind} NAME) ...)")


def _section(item: Tree) -> tuple[str, list[Tree]]:
    match item:
        case [str(keyword), *body] if keyword.startswith(":"):
            return keyword, body
    raise ValueError(f"not a PDDL section: {_show(item)}; it should read (:keyword ...)")


def _tree(text: str) -> Tree:
    tokens = re.findall(r"[()]|[^\s()]+", re.sub(r";[^\n]*", "", text.lower()))
    stack: list[list[Tree]] = [[]]
    for token in tokens:
        if token == "(":
            stack.append([])
        elif token != ")":
            stack[-1].append(token)
        elif len(stack) > 1:
            stack[-2].append(stack.pop())
        else:
            raise ValueError("PDDL: a parenthesis closes that was never opened")
    if len(stack) > 1:
        raise ValueError(f"PDDL: {len(stack) - 1} parentheses are never closed")
    if len(stack[0]) != 1:
        raise ValueError(f"PDDL: one (define ...) is expected, found {len(stack[0])} items")
    return stack[0][0]


def _schema(body: list[Tree]) -> Schema:
    match body:
        case [str(name), *rest] if len(rest) % 2 == 0:
            parts = {str(rest[i]): rest[i + 1] for i in range(0, len(rest), 2)}
        case _:
            raise ValueError(f"not a PDDL action: {_show(body)}")
    unknown = set(parts) - {":parameters", ":precondition", ":effect"}
    if unknown or ":effect" not in parts:
        raise ValueError(f"action {name!r}: {', '.join(sorted(unknown)) or 'no :effect'}")
    parameters = parts.get(":parameters", [])
    add: list[Atom] = []
    delete: list[Atom] = []
    for effect in _conjuncts(parts[":effect"]):
        match effect:
            case ["not", inner]:
                delete.append(_atom(inner))
            case _:
                add.append(_atom(effect))
    return Schema(
        name=name,
        parameters=tuple(_words(parameters, f"parameters of {name}")),
        precondition=tuple(_conjunction([parts.get(":precondition", [])], name)),
        add=tuple(add),
        delete=tuple(delete),
    )


def _conjunction(body: list[Tree], where: str) -> list[Atom]:
    if len(body) != 1:
        raise ValueError(f"{where}: one formula is expected, found {len(body)}")
    return [_atom(item) for item in _conjuncts(body[0])]


def _conjuncts(formula: Tree) -> list[Tree]:
    match formula:
        case []:
            return []
        case ["and", *items]:
            return items
    return [formula]


def _atom(item: Tree) -> Atom:
    match item:
        case [str(predicate), *arguments] if predicate not in _LOGIC:
            return (predicate, *_words(arguments, predicate))
    raise ValueError(f"not a STRIPS atom: {_show(item)}; it should read (predicate object ...)")


def _words(items: Tree, where: str) -> list[str]:
    words = [item for item in items if isinstance(item, str)]
    if isinstance(items, str) or len(words) != len(items) or "-" in words:
        raise ValueError(f"{where}: untyped names are expected, not {_show(items)}")
    return words


def _show(item: Tree) -> str:
    text = item if isinstance(item, str) else f"({' '.join(_show(part) for part in item)})"
    return text if len(text) <= 80 else text[:77] + "..."


_LOGIC = frozenset({"and", "or", "not", "imply", "forall", "exists", "when", "="})
