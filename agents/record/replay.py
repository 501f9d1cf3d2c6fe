"""Replay: what an agent had in view at each of its calls, from the record alone."""

from __future__ import annotations

from collections.abc import Iterator

from forethought.agents.record.events import Call, Edit, Message
from forethought.agents.record.trajectory import Trajectory


def views(trajectory: Trajectory, agent: str = "0") -> Iterator[tuple[Call, list[Message]]]:
    """Each call of an agent's conversation with the messages that it was made on, in order."""
    messages: dict[int, Message] = {}
    view: list[int] = []
    for event in trajectory.events:
        if event.agent != agent:
            continue
        if isinstance(event, Call) and event.thread == "":
            yield event, [messages[id] for id in view]
        elif isinstance(event, Message):
            messages[event.id] = event
            view.append(event.id)
        elif isinstance(event, Edit):
            view = _edited(view, event)


def _edited(view: list[int], edit: Edit) -> list[int]:
    """Ids after an edit, whose new messages were recorded just before it."""
    new = {*edit.replace.values(), *edit.insert}
    after = [id for id in view if id not in new]
    at = 0 if edit.insert_after is None else after.index(edit.insert_after) + 1
    after[at:at] = edit.insert
    dropped = set(edit.drop)
    return [edit.replace.get(id, id) for id in after if id not in dropped]
