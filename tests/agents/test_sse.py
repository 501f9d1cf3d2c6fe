"""Server-sent events, however the bytes are cut."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.agents.engines.sse import data_of


def read(chunks: Sequence[bytes]) -> list[str]:
    async def source() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async def main() -> list[str]:
        return [data async for data in data_of(source())]

    return anyio.run(main)


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\ndata: b\n\n", ["a", "b"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", ["a", "b"]),
        (b"data: a\r\rdata: b\r\r", ["a"]),
        (b"data:a\n\n", ["a"]),
        (b"data: a\ndata: b\n\n", ["a\nb"]),
        (b": ping\n\nevent: x\nid: 1\ndata: a\n\n", ["a"]),
        (b"data\n\n", [""]),
        (b"data: a\n\ndata: b\n", ["a"]),
        (b'data: a\n\ndata: {"x', ["a"]),
        ("data: a\u2028b\u0085c\n\n".encode(), ["a\u2028b\u0085c"]),
        (b"", []),
    ],
    ids=[
        *("LF", "CRLF", "CR, the last of which may be half of a CRLF", "no space"),
        *("two lines", "other fields", "no value", "no empty line", "half a line"),
        *("line separators of Unicode", "nothing"),
    ],
)
def test_events_are_read_as_the_standard_says(stream: bytes, events: list[str]) -> None:
    assert read([stream]) == events


@given(
    events=st.lists(st.text(st.characters(exclude_characters="\r\n"), max_size=8), max_size=5),
    end=st.sampled_from(["\n", "\r\n"]),
    cuts=st.lists(st.integers(0, 200), max_size=20),
)
def test_where_the_bytes_are_cut_makes_no_difference(
    events: list[str], end: str, cuts: list[int]
) -> None:
    sound = [event.encode("utf-8", "replace").decode() for event in events]
    stream = "".join(f"data: {event}{end}{end}" for event in sound).encode()
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    chunks = [stream[begin:stop] for begin, stop in itertools.pairwise(places)]
    assert read(chunks) == sound
