"""Bytes to and from the agent in a sandbox, over a connected stream socket."""

from __future__ import annotations

import contextlib
import socket
import struct

import anyio

CHUNK = 1 << 18
MULTIPLEX = struct.Struct(">BxxxI")
STDERR = 2
NUM_COMPLAINT = 2000


class Wire:
    """A non-blocking socket for one reader and one writer at a time."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._socket = connection

    async def send(self, data: bytes) -> None:
        """Send all of `data`. Raises OSError when the other end is gone."""
        left = memoryview(data)
        while left:
            try:
                left = left[self._socket.send(left) :]
            except BlockingIOError:
                await anyio.wait_writable(self._socket)

    async def receive(self) -> bytes:
        """Some bytes, or none at the end. Cancelling it loses nothing."""
        while True:
            await anyio.wait_readable(self._socket)
            try:
                return self._socket.recv(CHUNK)
            except BlockingIOError:
                continue

    def complaint(self) -> str:
        """The last that the agent wrote to its standard error, where that is known."""
        return ""

    def close(self) -> None:
        """Hang up: the agent sees its input end, and ends."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


class MultiplexedWire(Wire):
    """A container's attached stream: its output and its errors come in pieces, each with a head."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self._data = bytearray()
        self._complaint = bytearray()

    async def receive(self) -> bytes:
        """Some bytes of standard output, or none at the end."""
        while True:
            if output := self._take():
                return output
            data = await super().receive()
            if not data:
                return b""
            self._data += data

    def _take(self) -> bytes:
        output = bytearray()
        while len(self._data) >= MULTIPLEX.size:
            stream, length = MULTIPLEX.unpack_from(self._data)
            end = MULTIPLEX.size + length
            if len(self._data) < end:
                break
            if stream == STDERR:
                self._complaint += self._data[MULTIPLEX.size : end]
                del self._complaint[:-NUM_COMPLAINT]
            else:
                output += self._data[MULTIPLEX.size : end]
            del self._data[:end]
        return bytes(output)

    def complaint(self) -> str:
        """The last 2,000 bytes of standard error."""
        return self._complaint.decode("utf-8", "replace").strip()
