"""Phases: how many tokens of a reply went into planning, thinking and answering."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from forethought.agents.template import Template

_PLAN = re.compile(r"<plan>.*?(?:</plan>|\Z)|\A\s*plan:[^\n]*\n?", re.DOTALL | re.IGNORECASE)
# Some chat templates open the thought themselves, so that only its closing tag is sampled.
_THINK = re.compile(r"<think>.*?(?:</think>|\Z)|\A(?:(?!<think>).)*?</think>", re.DOTALL)


class Phases(NamedTuple):
    """Tokens of one completion by phase; they add up to its length."""

    plan: int
    think: int
    answer: int


def count_phases(ids: Sequence[int], text: str, template: Template) -> Phases:
    """Tokens of `ids`, which decode to `text`, that lie in a plan, in a thought and in neither.

    A plan is `<plan>...</plan>` or a first line that starts with `plan:`; a thought is
    `<think>...</think>`. Tags belong to their phase; a plan within a thought counts as plan. A
    token counts where it ends, a stop token as answer.
    """
    if "<plan>" not in text and "think>" not in text and not _opens_with_plan(text):
        return Phases(0, 0, len(ids))
    phases = ["answer"] * len(text)
    for name, pattern in (("think", _THINK), ("plan", _PLAN)):
        for match in pattern.finditer(text):
            phases[match.start() : match.end()] = [name] * (match.end() - match.start())
    counts = {"plan": 0, "think": 0, "answer": 0}
    position = done = 0
    while position < len(text):
        end = position
        while end < len(text) and phases[end] == phases[position]:
            end += 1
        reach = _num_tokens(ids, end, template)
        counts[phases[position]] += reach - done
        position, done = end, reach
    counts["answer"] += len(ids) - done
    return Phases(**counts)


def _opens_with_plan(text: str) -> bool:
    return text.lstrip()[:5].lower() == "plan:"


def _num_tokens(ids: Sequence[int], num_chars: int, template: Template) -> int:
    """The fewest leading tokens that decode to at least `num_chars` characters."""
    return bisect_left(
        range(len(ids)), num_chars, key=lambda count: len(template.decode(list(ids[:count])))
    )
