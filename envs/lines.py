"""Actions written as plain lines, such as `open Aachen`: fewer tokens than a tool call."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

# Some chat templates open the thought themselves, so that only its closing tag is sampled.
_THOUGHT = r"<think>(.*?)(?:</think>|\Z)|\A((?:(?!<think>).)*?)</think>"
_THOUGHTS = re.compile(_THOUGHT, re.DOTALL | re.IGNORECASE)
_PLAN = re.compile(
    rf"<plan>.*?(?:</plan>|\Z)|{_THOUGHT}|^[ \t]*plan:[^\n]*",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
_BULLET = re.compile(r"^\s*(?:[-*>]|\d+[.):])?\s*")


class Command(NamedTuple):
    """A verb and the rest of its line."""

    verb: str
    rest: str


def without_plan(text: str) -> str:
    """A reply without its thoughts, its tagged plans and lines that start with `plan:`."""
    return _PLAN.sub("\n", text).strip()


def holds_thought(text: str) -> bool:
    """Whether a reply holds a thought that is not empty."""
    return any(part.strip() for found in _THOUGHTS.findall(text) for part in found)


def first_command(text: str, verbs: Collection[str]) -> Command | None:
    """The first line of a reply that starts with one of `verbs`; bullets and numbers are skipped.

    Plans are no commands, nor is what follows the first one: it was written before its outcome
    could be read.
    """
    return next(commands(text, verbs), None)


def commands(text: str, verbs: Collection[str]) -> Iterator[Command]:
    """All lines of a reply that start with one of `verbs`, for worlds where outcomes are sure."""
    for line in without_plan(text).splitlines():
        verb, _, rest = _BULLET.sub("", line, count=1).strip().partition(" ")
        if verb.rstrip(":").lower() in verbs and rest.strip():
            yield Command(verb.rstrip(":").lower(), rest.strip())
