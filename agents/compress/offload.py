"""Offload: what leaves the context goes to a file, and a pointer stays in its place.

Old results go one by one; where that frees too little, the oldest pairs go as one transcript. The
agent reads them again, or finds words in them, with `recall`; in a sandbox they lie as files
besides, for its other tools.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from forethought.agents.compress.context import (
    KEEP,
    SLACK,
    Rewrite,
    Summarise,
    loose,
    note_of,
    size_of,
    start_of_tail,
    without,
)
from forethought.agents.compress.window import Window, oldest
from forethought.agents.view import Entry, View
from forethought.envs.context import Plan
from forethought.envs.remember import KEPT_FOLDER, recall

FIRST_LINE = 80
"""Characters of a result's first line that its pointer shows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OffloadResults:
    """Put results before the last `keep` pairs aside, each with a pointer to it."""

    keep: int = KEEP
    grants: ClassVar[tuple[Callable[..., object], ...]] = (recall,)

    async def propose(
        self, view: View, *, room: int, plan: Plan, summarise: Summarise
    ) -> Rewrite | None:
        """See `Compressor.propose`."""
        size, notes, kept = len(view), {}, {}
        for entry in loose(view, start_of_tail(view.entries, self.keep)):
            if entry.origin != "env":
                continue
            path = _path(view, entry)
            note = pointer(path, entry.text)
            saved = len(entry.ids) - len(view.template.render(entry.role, note))
            if saved > 0:
                size -= saved
                notes[entry.id], kept[path] = note, entry.text
        if not notes or size > room:
            return None
        return Rewrite(strategy="offload", notes=notes, kept=kept)


@dataclass(frozen=True, kw_only=True, slots=True)
class OffloadHistory:
    """Put the oldest pairs aside as one transcript, until `slack` of the room is free."""

    slack: float = SLACK
    grants: ClassVar[tuple[Callable[..., object], ...]] = (recall,)

    async def propose(
        self, view: View, *, room: int, plan: Plan, summarise: Summarise
    ) -> Rewrite | None:
        """See `Compressor.propose`."""
        about = pointer(_path(view, view.entries[-1]), "", "1234 earlier messages")
        cost = len(view.template.render("user", f"{about}\nPlan:\n{plan}"))
        old = oldest(view, cost=cost, room=room, slack=self.slack)
        if not old:
            return None
        text, path = _transcript(old), _path(view, old[-1])
        about = f"{len(old)} earlier messages"
        left = min(room, len(view) - 1) - (len(view) - size_of(old))
        note = note_of(view, pointer(path, text, about), plan, room=left)
        if path not in note:
            last = Window(slack=self.slack)
            return await last.propose(view, room=room, plan=plan, summarise=summarise)
        kept = {path: text}
        return without(view, old, note, strategy="offload", author="harness", kept=kept)


def pointer(path: str, text: str, about: str = "") -> str:
    """What stands for a text that was put aside: where, how long, its first line or what it is."""
    first = about or text.strip().partition("\n")[0]
    begin = first if len(first) <= FIRST_LINE else f"{first[:FIRST_LINE]}..."
    return f"[kept in {path}, {len(text)} characters; recall reads it] {begin}"


def _path(view: View, entry: Entry) -> str:
    return f"{KEPT_FOLDER}/{view.owner}-{entry.id}.txt"


def _transcript(entries: Sequence[Entry]) -> str:
    return "\n\n".join(f"{entry.role}: {entry.text}" for entry in entries)
