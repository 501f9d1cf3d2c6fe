"""View: the messages that an agent sees now, as the tokens of its next prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from forethought.agents.record.events import Origin
from forethought.agents.templates.template import Role, Template
from forethought.agents.templates.tokens import common_prefix


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A message in the view with the ids that stand for it."""

    id: int
    role: Role
    text: str
    origin: Origin
    ids: tuple[int, ...]


class View:
    """Messages in order and their ids in one running list, which only grows between edits.

    The next prompt is `ids` and the opening of the reply. What a turn costs does not depend on how
    long the history is: nothing before the new messages is rendered, copied or compared again.
    """

    def __init__(self, template: Template, *, owner: str = "0") -> None:
        self.template = template
        self.owner = owner
        """Path of the agent that sees it."""
        self.entries: list[Entry] = []
        self.ids: list[int] = []
        self.pins: frozenset[int] = frozenset()
        """Ids of messages that must stay for now beside those that always do."""
        self._num_seen = 0
        """Leading ids that are the prompt and completion of the last call."""
        self._last_call: list[int] | None = None
        """Prompt and completion of the last call; kept only once an edit has changed `ids`."""
        self._reply_begins = 0
        """Length of `ids` without the reply that is open."""

    def __len__(self) -> int:
        return len(self.ids)

    def is_pinned(self, entry: Entry) -> bool:
        """Whether no compression may touch a message: rules and tools, the task, what is held."""
        return entry.role == "system" or entry.origin == "task" or entry.id in self.pins

    def add(self, entry: Entry) -> None:
        """Put a message at the end."""
        self.entries.append(entry)
        self.ids += entry.ids

    def rewrite(self, entries: Sequence[Entry]) -> None:
        """Replace all messages."""
        if self._last_call is None:
            self._last_call = self.ids[: self._num_seen]
        self.entries = list(entries)
        self.ids = [token for entry in entries for token in entry.ids]

    def open_reply(self) -> None:
        """Add the opening of a reply; `ids` is then the prompt."""
        self._reply_begins = len(self.ids)
        self.ids += self.template.reply_opening()

    def withdraw_reply(self) -> None:
        """Take back the reply that was opened, and whatever was sampled of it."""
        if self._num_seen > self._reply_begins and self._last_call is None:
            self._last_call = self.ids[: self._num_seen]
        del self.ids[self._reply_begins :]

    def shared(self) -> int:
        """Leading tokens that the prompt has in common with the last call, its completion too."""
        if self._last_call is None:
            return self._num_seen
        return common_prefix(self._last_call, self.ids)

    def sampled(self, completion: Sequence[int]) -> None:
        """Add tokens that were sampled for the open reply, as the very ids that they are."""
        self.ids += completion
        self._num_seen = len(self.ids)
        self._last_call = None

    def close_reply(self, *, stopped: bool, id: int, text: str) -> None:
        """The open reply is complete: it becomes a message."""
        self.ids += self.template.reply_closing(stopped=stopped)
        ids = tuple(self.ids[self._reply_begins :])
        self.entries.append(Entry(id=id, role="assistant", text=text, origin="policy", ids=ids))

    def fork(self) -> View:
        """A view of its own with the same messages, whose next call follows the same last call.

        Only between a call and the next edit is that call part of the view. Raises ValueError
        elsewhere.
        """
        if self._last_call is not None:
            raise ValueError("the context was edited since the last call; fork it after the next")
        twin = View(self.template)
        twin.entries, twin.ids = list(self.entries), list(self.ids)
        twin.pins = self.pins
        twin._num_seen = self._num_seen
        return twin
