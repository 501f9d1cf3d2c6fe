"""PDDL: a reader for STRIPS domains and problems, typed or not.

It knows `:strips`, `:typing`, `:negative-preconditions` and `:equality`: preconditions and goals
are conjunctions of literals, effects add and delete atoms. What is written is taken for what it
says, whether or not `:requirements` announces it; anything more raises ValueError with its line
rather than being read as something else. PDDL ignores case, and so does this: all is lower case.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from forethought.envs.suite.planning.brackets import Group, Node, Word, fault, read, shown, words
from forethought.envs.suite.planning.formulas import (
    Reader,
    conjuncts,
    is_equality,
    is_predicate,
    reader,
)
from forethought.envs.suite.planning.kinds import (
    ANYTHING,
    Hierarchy,
    Kind,
    read_hierarchy,
    require_known,
    typed,
)
from forethought.envs.suite.planning.requirements import require_supported
from forethought.envs.suite.planning.strips import (
    NOT,
    Atom,
    Domain,
    Literal,
    Problem,
    Schema,
    State,
    holds,
)

_IN_DOMAIN = (":requirements", ":types", ":constants", ":predicates", ":action")
_IN_PROBLEM = (":domain", ":requirements", ":objects", ":init", ":goal")


def read_domain(text: str) -> Domain:
    """A domain from PDDL. Raises ValueError naming what is not STRIPS or not PDDL."""
    name, sections = _define(text, "domain", known=_IN_DOMAIN)
    require_supported(sections.get(":requirements", []))
    hierarchy = read_hierarchy(_body(sections, ":types"))
    bare = Domain(
        name=name,
        schemas={},
        hierarchy=hierarchy,
        constants=_kinds(_body(sections, ":constants"), hierarchy),
        predicates=_predicates(sections, hierarchy),
    )
    schemas: dict[str, Schema] = {}
    for section in sections.get(":action", []):
        schema = _schema(section, bare)
        if schema.name in schemas:
            raise fault(section, f"action {schema.name!r} is defined twice")
        schemas[schema.name] = schema
    if not schemas:
        raise ValueError(f"domain {name!r} has no (:action ...)")
    return Domain(
        name=name,
        schemas=schemas,
        hierarchy=hierarchy,
        constants=bare.constants,
        predicates=bare.predicates,
    )


def read_problem(text: str, domain: Domain) -> Problem:
    """A problem of a domain from PDDL. Raises ValueError naming what is not STRIPS or not PDDL."""
    name, sections = _define(text, "problem", known=_IN_PROBLEM)
    require_supported(sections.get(":requirements", []))
    for keyword in (":init", ":goal"):
        if keyword not in sections:
            raise ValueError(f"problem {name!r} has no ({keyword} ...)")
    objects = _body(sections, ":objects")
    kinds = {**domain.constants, **_kinds(objects, domain.hierarchy, taken=domain.constants)}
    literal = reader(domain, kinds, what="object", where=f"problem {name!r}")
    goal, shunned = _split(_goal(sections[":goal"][0], literal))
    return Problem(
        name=name,
        objects=tuple(kinds),
        init=_init(_body(sections, ":init"), literal),
        goal=goal,
        shunned=shunned,
        kinds={each: kind for each, kind in kinds.items() if kind != ANYTHING},
    )


def _define(text: str, kind: str, *, known: Sequence[str]) -> tuple[str, Mapping[str, list[Group]]]:
    """Name and sections, by keyword, of `(define (kind name) (:keyword ...) ...)`."""
    match read(text):
        case Group([Word("define"), Group([Word(found), Word(name)]), *rest]) if found == kind:
            sections: dict[str, list[Group]] = {}
            for node in rest:
                keyword, section = _section(node)
                if keyword not in known:
                    raise fault(node, f"section {keyword} of a {kind} is not supported")
                if keyword in sections and keyword != ":action":
                    raise fault(node, f"section {keyword} occurs twice")
                sections.setdefault(keyword, []).append(section)
            return name, sections
    raise ValueError(f"not a PDDL {kind}: it should read (define ({kind} NAME) ...)")


def _section(node: Node) -> tuple[str, Group]:
    match node:
        case Group([Word(keyword), *_]) if keyword.startswith(":"):
            return keyword, node
    raise fault(node, f"not a PDDL section: {shown(node)}; it should read (:keyword ...)")


def _body(sections: Mapping[str, list[Group]], keyword: str) -> Sequence[Node]:
    return [node for section in sections.get(keyword, []) for node in section.items[1:]]


def _kinds(
    body: Sequence[Node],
    hierarchy: Hierarchy,
    *,
    taken: Collection[str] = (),
    are_variables: bool = False,
) -> dict[str, Kind]:
    """Names of a typed list, each with what it is. Raises ValueError if one comes twice."""
    found: dict[str, Kind] = {}
    for word, kind in typed(body):
        require_known(word, kind, hierarchy)
        if word.text.startswith("?") != are_variables:
            raise fault(word, f"a variable begins with ?, and nothing else does: {word}")
        if word.text in found or word.text in taken:
            raise fault(word, f"{word} is declared twice")
        found[word.text] = kind
    return found


def _predicates(
    sections: Mapping[str, list[Group]], hierarchy: Hierarchy
) -> dict[str, tuple[Kind, ...]] | None:
    """What stands in each place of the atoms of a predicate; None where it is not declared."""
    if ":predicates" not in sections:
        return None
    found: dict[str, tuple[Kind, ...]] = {}
    for node in _body(sections, ":predicates"):
        match node:
            case Group([Word(name), *parameters]) if is_predicate(name):
                if name in found:
                    raise fault(node, f"predicate {name!r} is declared twice")
                found[name] = tuple(_kinds(parameters, hierarchy, are_variables=True).values())
            case _:
                raise fault(node, f"not a predicate: {shown(node)}; it should read (name ?x ...)")
    return found


def _schema(section: Group, domain: Domain) -> Schema:
    match section.items[1:]:
        case [Word(name), *rest] if len(rest) % 2 == 0:
            keys = words(rest[::2])
        case _:
            raise fault(section, f"not a PDDL action: {shown(section)}")
    parts = {key.text: part for key, part in zip(keys, rest[1::2], strict=True)}
    unknown = [key for key in keys if key.text not in (":parameters", ":precondition", ":effect")]
    if unknown:
        raise fault(unknown[0], f"action {name!r}: {unknown[0]} is not supported")
    if ":effect" not in parts or len(parts) < len(keys):
        raise fault(section, f"action {name!r}: {'a part twice' if parts else 'no :effect'}")
    parameters = _kinds(_parameters(parts.get(":parameters")), domain.hierarchy, are_variables=True)
    known = {**domain.constants, **parameters}
    literal = reader(domain, known, what="parameter or constant", where=f"action {name!r}")
    needed = parts.get(":precondition")
    add, delete = _effects(parts[":effect"], literal)
    return Schema(
        name=name,
        parameters=tuple(parameters),
        kinds=tuple(parameters.values()),
        precondition=() if needed is None else tuple(map(literal, conjuncts(needed))),
        add=add,
        delete=delete,
    )


def _parameters(node: Node | None) -> Sequence[Node]:
    match node:
        case None:
            return []
        case Group(items):
            return items
    raise fault(node, f"parameters stand in parentheses: (?x ...), not {shown(node)}")


def _effects(node: Node, literal: Reader) -> tuple[tuple[Atom, ...], tuple[Atom, ...]]:
    add: list[Atom] = []
    delete: list[Atom] = []
    for part in conjuncts(node):
        effect = literal(part)
        if is_equality(effect):
            raise fault(part, f"an action cannot make objects equal: {shown(part)}")
        if effect[0] == NOT:
            delete.append(effect[1:])
        else:
            add.append(effect)
    return tuple(add), tuple(delete)


def _init(body: Iterable[Node], literal: Reader) -> State:
    """Atoms that hold from the start; all others do not, whether or not that is said."""
    found, absent = set[Atom](), set[Atom]()
    for node in body:
        said = literal(node)
        if is_equality(said):
            raise fault(node, f"objects are equal to themselves alone: {shown(node)}")
        atom, own, other = (said[1:], absent, found) if said[0] == NOT else (said, found, absent)
        if atom in other:
            raise fault(node, f"(:init ...) says this and the opposite: {shown(node)}")
        own.add(atom)
    return frozenset(found)


def _goal(section: Group, literal: Reader) -> Iterator[Literal]:
    """Literals of the goal; whether objects are equal is told here and now."""
    match section.items[1:]:
        case [formula]:
            for node in conjuncts(formula):
                found = literal(node)
                if not is_equality(found):
                    yield found
                elif not holds(frozenset(), found):
                    raise fault(node, f"{shown(node)} can never hold")
        case items:
            raise fault(section, f":goal: one formula is expected, found {len(items)}")


def _split(literals: Iterable[Literal]) -> tuple[State, State]:
    """Atoms that are to hold, and those that are not to."""
    found = list(literals)
    positive = frozenset(each for each in found if each[0] != NOT)
    return positive, frozenset(each[1:] for each in found if each[0] == NOT)
