"""Frames survive any cutting of the stream they travel in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from forethought.sandbox.wire.frames import Reply, Request, Unpacker, pack

requests = st.builds(
    Request,
    id=st.integers(0, 2**31),
    kind=st.sampled_from(["exec", "read", "write"]),
    path=st.text(),
    argv=st.lists(st.text()),
    env=st.none() | st.dictionaries(st.text(), st.text()),
    timeout_s=st.floats(0, 1e6),
    limit=st.integers(0, 2**40),
    mode=st.integers(0, 0o7777),
    body=st.binary(max_size=300),
)


@given(sent=st.lists(requests, max_size=5), size=st.integers(1, 400))
def test_requests_come_out_as_they_went_in(sent: list[Request], size: int) -> None:
    stream = b"".join(map(pack, sent))
    unpacker = Unpacker()
    seen = [
        Request.parse(head, body)
        for start in range(0, len(stream), size)
        for head, body in unpacker.feed(stream[start : start + size])
    ]
    assert seen == sent


def test_a_frame_is_two_lengths_a_head_and_a_body() -> None:
    frame = pack(Reply(7, rc=1, num_stdout=2, body=b"hi!"))
    assert frame[:8] == bytes([0, 0, 0, len(frame) - 11, 0, 0, 0, 3])
    assert frame[8:].startswith(b'{"id": 7, "error": null, "rc": 1, "num_stdout": 2, ')
    assert frame.endswith(b"}hi!")
