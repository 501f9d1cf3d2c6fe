"""Server-sent events: the data of a stream, put together from bytes that are cut anywhere.

The format is https://html.spec.whatwg.org/multipage/server-sent-events.html; only the `data` field
is used here. Lines end with LF, CRLF or CR and nothing else: a JSON string may hold U+2028, at
which `str.splitlines` would cut it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator


async def data_of(chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """The data of each event; one that the stream's end cuts off is none."""
    data: list[str] = []
    async for line in _lines(chunks):
        if not line:
            if data:
                yield "\n".join(data)
            data = []
        elif line == b"data" or line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" ").decode("utf-8", "replace"))


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The lines that have come to their end."""
    rest = b""
    async for chunk in chunks:
        whole = (rest + chunk).replace(b"\r\n", b"\n")
        # A CR at the very end may be the first half of a CRLF.
        held = b"\r" if whole.endswith(b"\r") else b""
        *lines, rest = whole.removesuffix(held).replace(b"\r", b"\n").split(b"\n")
        rest += held
        for line in lines:
            yield line
