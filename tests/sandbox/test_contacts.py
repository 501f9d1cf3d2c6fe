"""The record of what was reached keeps sums, and cannot be filled."""

from __future__ import annotations

from forethought.sandbox import Contact
from forethought.sandbox.network.contacts import MAX_CONTACTS, OTHERS, Record


def test_connections_and_bytes_of_a_place_are_added_up() -> None:
    record = Record()
    record.add("a:1", "reached", "192.0.2.1", connections=1)
    record.add("a:1", "reached", "192.0.2.1", sent=5, received=7)
    record.add("a:1", "reached", "192.0.2.1", connections=1, sent=1)
    record.add("b:1", "refused", "no rule", connections=1)
    assert record.contacts == (
        Contact(
            place="a:1",
            outcome="reached",
            detail="192.0.2.1",
            num_connections=2,
            num_sent=6,
            num_received=7,
        ),
        Contact(place="b:1", outcome="refused", detail="no rule", num_connections=1),
    )


def test_places_beyond_the_bound_are_counted_together() -> None:
    record = Record()
    for number in range(MAX_CONTACTS + 5):
        record.add(f"h{number}:1", "refused", f"no rule allows h{number}:1", connections=1)
    assert len(record.contacts) == MAX_CONTACTS + 1
    assert record.contacts[-1] == Contact(place=OTHERS, outcome="refused", num_connections=5)
