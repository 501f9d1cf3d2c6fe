"""View: the messages that an agent sees now, as the tokens of its next prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from forethought.agents.events import Origin
from forethought.agents.template import Role, Template
from forethought.agents.tokens import common_prefix


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A message in the view with the ids that stand for it."""

    id: int
    role: Role
    text: str
    origin: Origin
    ids: list[int]


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
        self.ids += self.template.reply_opening()

    def withdraw_reply(self) -> None:
        """Take the opening back: the call was not made."""
        del self.ids[len(self.ids) - len(self.template.reply_opening()) :]

    def shared(self) -> int:
        """Leading tokens that the prompt has in common with the last call, its completion too."""
        if self._last_call is None:
            return self._num_seen
        return common_prefix(self._last_call, self.ids)

    def close_reply(self, completion: Sequence[int], *, stopped: bool, id: int, text: str) -> None:
        """Put the sampled reply at the end, as the very ids that were sampled."""
        self.ids += completion
        self._num_seen = len(self.ids)
        self._last_call = None
        closing = self.template.reply_closing(stopped=stopped)
        self.ids += closing
        ids = [*self.template.reply_opening(), *completion, *closing]
        self.entries.append(Entry(id=id, role="assistant", text=text, origin="policy", ids=ids))
