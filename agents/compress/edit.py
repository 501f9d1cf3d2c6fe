"""Edits: carrying out what a compressor proposes, within rules that it cannot break."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from forethought.agents.agent import Agent
from forethought.agents.compress.context import ContextFull, Rewrite, size_of
from forethought.agents.engines.engine import ContextOverflow
from forethought.agents.record.events import Edit, Message, Trigger
from forethought.agents.view import Entry
from forethought.sandbox import SandboxFileError

_log = logging.getLogger(__name__)
MAX_QUICK_EDITS = 3
"""Edits in a row with at most one turn between them, after which the agent is thrashing."""


def room_for_prompt(agent: Agent) -> int:
    """Tokens that the view may have so that the opening and a whole reply still fit."""
    limits, engine = agent.episode.limits, agent.engine
    window = min(limits.context, engine.context_window)
    reply = min(limits.reply_tokens, max(agent.budget.tokens_left, 1))
    return window - reply - len(engine.template.reply_opening())


async def make_room(agent: Agent, *, room: int, trigger: Trigger) -> None:
    """Shrink the view to at most `room` tokens. Raises ContextFull if that cannot be done.

    An edit is refused where no model call came since the last one, and after three that hardly
    lasted a turn: the context is then full of what must stay. Before it comes to that, the
    last of them leaves half of the room beside what is pinned.
    """
    compressor = agent.episode.compressor
    since_edit = agent.num_turns - agent.turn_of_edit if agent.turn_of_edit >= 0 else None
    if compressor is None or since_edit == 0:
        raise ContextFull
    agent.num_quick_edits = agent.num_quick_edits + 1 if since_edit == 1 else 0
    if agent.num_quick_edits >= MAX_QUICK_EDITS:
        raise ContextFull
    if agent.num_quick_edits >= MAX_QUICK_EDITS - 1:
        pinned = size_of([entry for entry in agent.view.entries if agent.view.is_pinned(entry)])
        room = max(pinned, (room + pinned) // 2)

    async def summarise(prompt: Sequence[int]) -> str:
        thread = f"summary.{agent.num_summaries}"
        agent.num_summaries += 1
        try:
            return (await agent.consider(prompt, purpose="summarise", thread=thread)).text
        except ContextOverflow:
            return ""

    view, plan = agent.view, agent.env.context.plan
    rewrite = await compressor.propose(view, room=room, plan=plan, summarise=summarise)
    if rewrite is None and view.pins:
        # An open branch is held as long as it leaves any room.
        view.pins = frozenset()
        rewrite = await compressor.propose(view, room=room, plan=plan, summarise=summarise)
    if rewrite is None:
        raise ContextFull
    await carry_out(agent, rewrite, room=room, trigger=trigger)
    agent.turn_of_edit = agent.num_turns


async def carry_out(agent: Agent, rewrite: Rewrite, *, room: int, trigger: Trigger) -> None:
    """Change the view and record it. Raises ContextFull if that does not make it small enough.

    Raises ValueError for a rewrite of what is pinned: that is a bug of the compressor.
    """
    _check_pins(agent, rewrite)
    entries, new, replaced = _rewritten(agent, rewrite)
    before, after = len(agent.view), sum(len(entry.ids) for entry in entries)
    if after >= before or after > room:
        raise ContextFull
    inserted = tuple(message.id for message in new if message.id not in replaced.values())
    edit = Edit(
        agent=agent.path,
        t=agent.episode.t,
        strategy=rewrite.strategy,
        trigger=trigger,
        drop=rewrite.drop,
        replace=replaced,
        insert_after=rewrite.insert_after if inserted else None,
        insert=inserted,
        tokens_before=before,
        tokens_after=after,
    )
    await _put_aside(agent, rewrite.kept)
    agent.view.rewrite(entries)
    agent.episode.record(*new, edit)


def _check_pins(agent: Agent, rewrite: Rewrite) -> None:
    touched = {*rewrite.drop, *rewrite.notes}
    for entry in agent.view.entries:
        if entry.id in touched and agent.view.is_pinned(entry):
            raise ValueError(
                f"compressor {rewrite.strategy!r} would change message {entry.id}, which is pinned "
                f"({entry.role}, {entry.origin})"
            )


async def _put_aside(agent: Agent, kept: Mapping[str, str]) -> None:
    """Keep texts where `recall` finds them, and in the sandbox for the agent's other tools."""
    context = agent.env.context
    context.notes.kept.update(kept)
    if context.sandbox is None:
        return
    for path, text in kept.items():
        try:
            await context.sandbox.write(path, text.encode("utf-8", "replace"))
        except SandboxFileError as error:
            _log.warning("episode %s: %s", agent.episode.id, error)


def _rewritten(agent: Agent, rewrite: Rewrite) -> tuple[list[Entry], list[Message], dict[int, int]]:
    """Entries of the new view, the messages made for it, and which of them replace which."""
    entries: list[Entry] = []
    new: list[Message] = []
    replaced: dict[int, int] = {}
    dropped = set(rewrite.drop)

    def join(message: Message) -> None:
        new.append(message)
        entries.append(agent.entry(message))

    def insert_summary() -> None:
        if rewrite.summary:
            join(agent.message("user", rewrite.summary, rewrite.author))

    if rewrite.insert_after is None:
        insert_summary()
    for entry in agent.view.entries:
        if entry.id in rewrite.notes:
            join(agent.message(entry.role, rewrite.notes[entry.id], "harness"))
            replaced[entry.id] = new[-1].id
        elif entry.id not in dropped:
            entries.append(entry)
        if entry.id == rewrite.insert_after:
            insert_summary()
    return entries, new, replaced
