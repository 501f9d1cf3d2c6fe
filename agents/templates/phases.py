"""Phases: how many tokens of a reply went into planning, thinking and answering."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from forethought.agents.templates.template import Template

_PLAN = re.compile(r"<plan>.*?(?:</plan>|\Z)|\A\s*plan:[^\n]*\n?", re.DOTALL | re.IGNORECASE)
# Some chat templates open the thought themselves, so that only its closing tag is sampled.
_THINK = re.compile(r"<think>.*?(?:</think>|\Z)|\A(?:(?!<think>).)*?</think>", re.DOTALL)


class Phases(NamedTuple):
    """Tokens of one completion by phase; they add up to its length."""

    plan: int
    think: int
    answer: int


Runs = Sequence[tuple[str, int]]
"""Phases of a reply in order, each with the token before which it ends."""


def count_phases(ids: Sequence[int], text: str, template: Template) -> Phases:
    """Tokens of `ids`, which decode to `text`, that lie in a plan, in a thought and in neither.

    A plan is `<plan>...</plan>` or a first line that starts with `plan:`; a thought is
    `<think>...</think>`. Tags belong to their phase; a plan within a thought counts as plan. A
    token counts where it ends, a stop token as answer.
    """
    if "<plan>" not in text and "think>" not in text and not _opens_with_plan(text):
        return Phases(0, 0, len(ids))
    return count_runs(phase_runs(ids, text, template), start=0, end=len(ids))


def phase_runs(ids: Sequence[int], text: str, template: Template) -> Runs:
    """The phases of a reply, as `count_phases` tells them apart."""
    phases = ["answer"] * len(text)
    for name, pattern in (("think", _THINK), ("plan", _PLAN)):
        for match in pattern.finditer(text):
            phases[match.start() : match.end()] = [name] * (match.end() - match.start())
    runs: list[tuple[str, int]] = []
    position = 0
    while position < len(text):
        end = position
        while end < len(text) and phases[end] == phases[position]:
            end += 1
        runs.append((phases[position], num_tokens(ids, end, template)))
        position = end
    return [*runs, ("answer", len(ids))]


def count_runs(runs: Runs, *, start: int, end: int) -> Phases:
    """Tokens from `start` to before `end` by phase."""
    counts = {"plan": 0, "think": 0, "answer": 0}
    begin = 0
    for phase, until in runs:
        counts[phase] += max(0, min(until, end) - max(begin, start))
        begin = until
    return Phases(**counts)


def num_tokens(ids: Sequence[int], num_chars: int, template: Template) -> int:
    """The fewest leading tokens that decode to the first `num_chars` characters.

    Half of a letter decodes to a character too, but to another one.
    """
    wanted = template.decode(list(ids))[:num_chars]
    return bisect_left(
        range(len(ids)),
        True,
        key=lambda count: template.decode(list(ids[:count]))[:num_chars] == wanted,
    )


def _opens_with_plan(text: str) -> bool:
    return text.lstrip()[:5].lower() == "plan:"
