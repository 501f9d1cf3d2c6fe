"""Brackets: the nested lists that PDDL is written in, each word with the line it stands on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

MAX_DEPTH = 64
"""Of brackets within brackets; no PDDL needs a dozen."""

_TOKEN = re.compile(r"[()]|[^\s()]+")
_MAX_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Word:
    """A name, keyword or variable."""

    text: str
    line: int

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Group:
    """What stands between two brackets."""

    items: tuple[Node, ...]
    line: int
    """Of the opening bracket."""

    def __str__(self) -> str:
        return f"({' '.join(map(str, self.items))})"


Node: TypeAlias = Word | Group


def read(text: str) -> Group:
    """The one group that a text is; comments are left out and all is in lower case.

    Raises ValueError for brackets that do not match, and for more or less than one group.
    """
    opened: list[tuple[int, list[Node]]] = [(1, [])]
    for number, line in enumerate(text.lower().split("\n"), start=1):
        for token in _TOKEN.findall(line.partition(";")[0]):
            if token == "(":
                opened.append((number, []))
                if len(opened) > MAX_DEPTH:
                    raise ValueError(
                        f"line {number}: more than {MAX_DEPTH} parentheses within each other"
                    )
            elif token != ")":
                opened[-1][1].append(Word(token, number))
            elif len(opened) == 1:
                raise ValueError(f"line {number}: a parenthesis closes that was never opened")
            else:
                began, items = opened.pop()
                opened[-1][1].append(Group(tuple(items), began))
    if len(opened) > 1:
        count = len(opened) - 1
        raise ValueError(
            f"PDDL: {count} parentheses are never closed; the last opens on line {opened[-1][0]}"
        )
    match opened[0][1]:
        case [Group() as group]:
            return group
    raise ValueError(f"PDDL: one (define ...) is expected, found {len(opened[0][1])} items")


def words(nodes: Sequence[Node]) -> list[Word]:
    """The same, where all are words. Raises ValueError for a group among them."""
    for node in nodes:
        if isinstance(node, Group):
            raise fault(node, f"a name is expected, not {shown(node)}")
    return [node for node in nodes if isinstance(node, Word)]


def shown(node: Node) -> str:
    """How it reads, cut where it is long."""
    text = str(node)
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 3] + "..."


def fault(node: Node, told: str) -> ValueError:
    """What is wrong with something that was read, and on which line it stands."""
    return ValueError(f"line {node.line}: {told}")
