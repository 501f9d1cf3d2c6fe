"""Phase limits: where a reply is cut so that plan, thought and answer keep to their tokens.

A reply is sampled in pieces. A piece is never longer than what is left of the phase that the reply
stands in, or of one that it may pass into; when a phase has used up its tokens the harness writes
what closes it, and the policy goes on from there (budget forcing, s1, arXiv 2501.19393). All pieces
are calls of one segment: the prompt of a piece is the prompt and completion of the one before, and
the closing. The closing was not sampled, so it is context and is not trained on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from forethought.agents.budget import Limits
from forethought.agents.templates.phases import num_tokens
from forethought.agents.templates.template import Template

Standing = Literal["between", "opening", "plan", "plan line", "think", "answer"]
"""Where a reply stands: in a phase, between two with nothing said yet of the next, or with the
beginning of a tag, such as `<thi`, that may open the next."""

_OPENING = re.compile(r"\s*((?i:<plan>|plan:)|<think>)")
_CLOSING: Mapping[Standing, str] = {
    "plan": "</plan>\n",
    "plan line": "\n",
    "think": "</think>\n",
}
_STANDING: Mapping[str, Standing] = {"<plan>": "plan", "plan:": "plan line", "<think>": "think"}
_ORDER = ("plan", "think", "answer")


class Piece(NamedTuple):
    """What comes next in a reply: text that the harness writes, then tokens to be sampled."""

    insert: tuple[int, ...]
    max_tokens: int


class Block(NamedTuple):
    """A plan or thought at the beginning of a reply, in characters; an open one ends with it."""

    phase: str
    start: int
    end: int


def has_phase_limits(limits: Limits) -> bool:
    """Whether a reply has to be sampled in pieces."""
    caps = (limits.plan_tokens, limits.think_tokens, limits.answer_tokens)
    return caps != (None, None, None)


def next_piece(
    ids: Sequence[int], *, limits: Limits, room: int, template: Template
) -> Piece | None:
    """How a reply that has come to `ids` goes on within `room` more tokens; None: it is over.

    A plan is `<plan>...</plan>` or a first line that starts with `plan:`; one thought may follow.
    What is opened later, such as a second thought, is part of the answer and held by its limit.
    """
    text = template.decode(list(ids))
    blocks, standing = read_phases(text)
    left = _left(ids, blocks, limits, template)
    insert: tuple[int, ...] = ()
    phase: str = "plan" if standing == "plan line" else standing
    if standing in _CLOSING and left[phase] <= 0:
        insert = tuple(template.encode(_CLOSING[standing]))
        phase = _ORDER[_ORDER.index(phase) + 1]
    elif standing in ("between", "opening"):
        phase = "think" if blocks else "plan"
    following = min(left[each] for each in _ORDER[_ORDER.index(phase) :])
    # The beginning of a tag is no answer yet: it gets a token more until it is one or the other.
    following = max(following, 1) if standing == "opening" else following
    max_tokens = min(room - len(insert), following)
    return Piece(insert, int(max_tokens)) if max_tokens > 0 else None


def read_phases(text: str) -> tuple[list[Block], Standing]:
    """The plan and the thought at the beginning of a reply, and where the reply stands."""
    blocks: list[Block] = []
    position = 0
    while (match := _OPENING.match(text, position)) and not _is_later(match, blocks):
        opening = match.group(1).lower()
        phase = "think" if opening == "<think>" else "plan"
        closing = "\n" if opening == "plan:" else f"</{phase}>"
        found = text.find(closing, match.end())
        end = len(text) if found < 0 else found + len(closing)
        blocks.append(Block(phase, match.start(1), end))
        if found < 0:
            return blocks, _STANDING[opening]
        position = end
    rest = text[position:].lstrip().lower()
    openings = ("<plan>", "plan:", "<think>")[2 * len(blocks) :]
    is_thought = bool(blocks) and blocks[-1].phase == "think"
    if is_thought or not any(opening.startswith(rest) for opening in openings):
        return blocks, "answer"
    return blocks, "opening" if rest else "between"


def _is_later(match: re.Match[str], blocks: Sequence[Block]) -> bool:
    """Whether what is opened comes after the phase that it would be, and is thus answer."""
    if not blocks:
        return False
    return blocks[-1].phase == "think" or match.group(1) != "<think>"


def _left(
    ids: Sequence[int], blocks: Sequence[Block], limits: Limits, template: Template
) -> dict[str, float]:
    """Tokens that each phase may still take."""
    used = dict.fromkeys(_ORDER, 0)
    for phase, start, end in blocks:
        used[phase] += num_tokens(ids, end, template) - num_tokens(ids, start, template)
    used["answer"] = len(ids) - used["plan"] - used["think"]
    caps = (limits.plan_tokens, limits.think_tokens, limits.answer_tokens)
    return {
        phase: math.inf if cap is None else cap - used[phase]
        for phase, cap in zip(_ORDER, caps, strict=True)
    }
