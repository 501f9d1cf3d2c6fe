"""What commands reached over the network and what they were refused: a record to be kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Outcome = Literal["reached", "refused", "failed"]
MAX_CONTACTS = 1000
OTHERS = "(others)"
"""Stands for all places beyond the first thousand, so that no command can fill the record."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    """All connections to one place that went the same way."""

    place: str
    """Host and port, as the command asked for them."""
    outcome: Outcome
    """Refused by a rule; failed if the place is allowed and did not answer."""
    detail: str = ""
    """The address that was dialled, the rule that refused it, or the error."""
    num_connections: int = 0
    num_sent: int = 0
    """Bytes from the sandbox."""
    num_received: int = 0


class Record:
    """Counts of every contact so far."""

    def __init__(self) -> None:
        self._contacts: dict[tuple[str, Outcome, str], Contact] = {}

    @property
    def contacts(self) -> Sequence[Contact]:
        """In the order in which they were first made."""
        return tuple(self._contacts.values())

    def add(
        self,
        place: str,
        outcome: Outcome,
        detail: str,
        *,
        connections: int = 0,
        sent: int = 0,
        received: int = 0,
    ) -> None:
        """Count connections or bytes of one place."""
        key = (place, outcome, detail)
        if key not in self._contacts and len(self._contacts) >= MAX_CONTACTS:
            key = (OTHERS, outcome, "")
        contact = self._contacts.get(key) or Contact(place=key[0], outcome=outcome, detail=key[2])
        self._contacts[key] = replace(
            contact,
            num_connections=contact.num_connections + connections,
            num_sent=contact.num_sent + sent,
            num_received=contact.num_received + received,
        )
