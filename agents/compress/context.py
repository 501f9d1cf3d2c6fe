"""Context compression: making room in an agent's view, cheap means first.

A compressor proposes a `Rewrite`; the loop checks that it shrinks the view and records it. What is
pinned is pinned by code: the system message with its rules and tools, the task, an open branch, the
plan, and, as long as they leave any room, the last pairs of action and results.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from forethought.agents.view import Entry, View
from forethought.envs.context import Plan

Summarise = Callable[[Sequence[int]], Awaitable[str]]
"""Samples a summary from the ids of a prompt; a trainable model call.

Empty where the prompt does not fit the engine.
"""

DEFAULT = "summarise"
"""Name of the compressor that an episode has unless it is told otherwise (decision 0015)."""
SLACK = 0.25
"""Share of the room that an edit leaves free: each breaks the prompt's common prefix, so it should
happen seldom."""
KEEP = 3
"""Last pairs of action and results that stay as they are."""


class ContextFull(Exception):
    """Nothing more can be taken out of the view, or taking out has stopped to help."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rewrite:
    """A proposed change of the view."""

    strategy: str
    notes: Mapping[int, str] = field(default_factory=dict)
    """Message id -> text that takes its place."""
    drop: tuple[int, ...] = ()
    insert_after: int | None = None
    """Message after which the summary goes."""
    summary: str = ""
    author: Literal["summary", "harness"] = "summary"
    """Who wrote `summary`: the model, or the harness."""
    kept: Mapping[str, str] = field(default_factory=dict)
    """Path -> text that is put aside where the agent can read it again."""


class Compressor(Protocol):
    """Decides what leaves the view when a prompt and its reply no longer fit."""

    @property
    def grants(self) -> tuple[Callable[..., object], ...]:
        """Tools that an agent gets with it; those of its environment win over them."""
        ...

    async def propose(
        self, view: View, *, room: int, plan: Plan, summarise: Summarise
    ) -> Rewrite | None:
        """A rewrite after which the view has at most `room` tokens; None if there is none."""
        ...


def start_of_tail(entries: Sequence[Entry], keep: int) -> int:
    """Index of the action that begins the last `keep` pairs."""
    actions = [index for index, entry in enumerate(entries) if entry.origin == "policy"]
    if keep == 0:
        return len(entries)
    return actions[-keep] if len(actions) >= keep else (actions[0] if actions else len(entries))


def loose(view: View, end: int) -> list[Entry]:
    """The first `end` entries but those that are pinned."""
    return [entry for entry in view.entries[:end] if not view.is_pinned(entry)]


def size_of(entries: Sequence[Entry]) -> int:
    """Tokens of some entries."""
    return sum(len(entry.ids) for entry in entries)


def size_after(view: View, rewrite: Rewrite) -> int:
    """Tokens that the view would have."""
    gone = set(rewrite.drop) | set(rewrite.notes)
    size = sum(len(entry.ids) for entry in view.entries if entry.id not in gone)
    render = view.template.render
    for entry in view.entries:
        if entry.id in rewrite.notes:
            size += len(render(entry.role, rewrite.notes[entry.id]))
    return size + (len(render("user", rewrite.summary)) if rewrite.summary else 0)


def without(
    view: View,
    old: Sequence[Entry],
    note: str,
    *,
    strategy: str,
    author: Literal["summary", "harness"],
    kept: Mapping[str, str] | None = None,
) -> Rewrite:
    """The rewrite that puts `note`, if it is not empty, in the place of `old`."""
    index = next(index for index, entry in enumerate(view.entries) if entry.id == old[0].id)
    return Rewrite(
        strategy=strategy,
        drop=tuple(entry.id for entry in old),
        insert_after=view.entries[index - 1].id if index else None,
        summary=note,
        author=author,
        kept=kept or {},
    )


def note_of(view: View, text: str, plan: Plan, *, room: int) -> str:
    """`text` and the plan, word for word, as a message of at most `room` tokens.

    The text gives way to the plan, done items to open ones; what then is too long is cut. Empty if
    nothing fits.
    """
    for steps in (f"Plan:\n{plan}", f"Plan:\n{plan.open}") if plan.items else ("",):
        end = f"\n{steps}" if steps else ""
        if body := _fitting(view, text, end, room):
            return body + end
    return _fitting(view, f"Plan:\n{plan.open}" if plan.items else text, "", room)


def _fitting(view: View, text: str, end: str, room: int) -> str:
    """The beginning of `text` that, before `end`, makes a message of at most `room` tokens."""
    while text and (size := len(view.template.render("user", text + end))) > room:
        text = text[: max(0, min(len(text) - 1, len(text) * room // size))]
    return text
