"""Snapshots out of a sandbox and into it, a piece at a time, by code that runs inside.

Each piece is asked for, or acknowledged, before the next one moves: no more than one is ever in
memory on either side, and whoever is slow slows only this stream.
"""

from __future__ import annotations

from socket import socket

from forethought.sandbox.inside.archive import PIECE, pieces, require_size, unpack
from forethought.sandbox.inside.command import drop
from forethought.sandbox.inside.files import reset
from forethought.sandbox.wire.frames import Reply, Request, Settings, Unpacker, pack


class Dialogue:
    """A worker's end of a stream: it answers one request and waits for the next."""

    def __init__(self, request: Request, channel: socket) -> None:
        self.request = request
        self._channel = channel
        self._unpacker = Unpacker()

    def swap(self, body: bytes = b"") -> Request:
        """Answer with a piece that is not the last. Raises EOFError if nobody wants more."""
        self._channel.sendall(pack(Reply(self.request.id, more=True, body=body)))
        while data := self._channel.recv(PIECE):
            for head, piece in self._unpacker.feed(data):
                self.request = Request.parse(head, piece)
                return self.request
        raise EOFError


def snapshot(dialogue: Dialogue, settings: Settings) -> Reply:
    """The working directory as an archive of at most `limit` bytes; the last piece of it."""
    drop(settings)
    limit = left = dialogue.request.limit
    require_size(settings.workdir, limit)
    buffer = bytearray()
    for piece in pieces(settings.workdir):
        buffer += piece
        left -= len(piece)
        if left < 0:
            raise OSError(f"it has grown past the {limit} bytes allowed")
        if len(buffer) >= PIECE:
            dialogue.swap(bytes(buffer))
            buffer.clear()
    return Reply(dialogue.request.id, body=bytes(buffer))


def restore(dialogue: Dialogue, settings: Settings) -> Reply:
    """Empty every directory, then unpack the archive that comes in this request and the next."""
    reset(dialogue.request, settings)
    incoming = _Incoming(dialogue)
    unpack(settings.workdir, incoming.read)
    incoming.read_all()
    return Reply(dialogue.request.id)


class _Incoming:
    """The bodies of a dialogue's requests, as one file."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        self._piece = memoryview(dialogue.request.body)

    def read(self, num_bytes: int) -> bytes:
        """That many bytes, or all that are left if there are fewer."""
        if num_bytes <= len(self._piece):
            data, self._piece = self._piece[:num_bytes], self._piece[num_bytes:]
            return bytes(data)
        parts = bytearray(self._piece)
        while len(parts) < num_bytes and self._dialogue.request.more:
            parts += self._dialogue.swap().body
        self._piece = memoryview(bytes(parts[num_bytes:]))
        return bytes(parts[:num_bytes])

    def read_all(self) -> None:
        """Take what follows the end of the archive."""
        while self._dialogue.request.more:
            self._dialogue.swap()


STREAMS = {"snapshot": snapshot, "restore": restore}
