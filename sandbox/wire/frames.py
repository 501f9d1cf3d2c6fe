"""Messages between a controller and the agent in a sandbox, and how they are framed.

A frame is two big-endian 32-bit lengths, a JSON object and raw bytes: 8 + head + body.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

LENGTHS = struct.Struct(">II")
PIECE, WINDOW = 1 << 15, 1 << 17
"""Bytes in one step of a tunnel, and on their way in one of its directions, at most."""
COMMANDS = frozenset({"exec", "python"})
"""Requests that run something, and that can be cancelled; a program stands in `argv[0]`."""


class Settings(NamedTuple):
    """How a sandbox differs from another one."""

    workdir: str
    scratch: Sequence[str] = ()
    """Other directories that a reset empties."""
    uid: int = -1
    """User and group that commands and file requests run as; -1 is the agent's own."""
    memory_bytes: int = -1
    """Address space of each process; -1 where a control group limits memory."""
    processes: int = -1
    """RLIMIT_NPROC of a command; -1 where a control group limits processes."""
    has_cgroup: bool = False
    modes: Mapping[str, int] = {}
    """Modes that directories had at the start; the agent notes them (pristine.py)."""
    open_files: int = -1
    """RLIMIT_NOFILE of a command; -1 leaves the agent's own."""
    system_call_filter: str = ""
    """A seccomp program in hexadecimal. Where there is one, commands are confined (confine.py), and
    shared memory is the sandbox's own, so a reset removes it."""
    mark: int = -1
    """Supplementary group by which a worker finds its commands' processes; see `adopt`."""
    not_proxied: str | None = None
    """Hosts that commands reach without the proxy; None where there is no network at all."""

    @property
    def writable(self) -> tuple[str, ...]:
        """Directories that commands may write in, devices included."""
        return (self.workdir, *self.scratch, "/dev")


class Request(NamedTuple):
    """One thing to do. `path` is a file, or the directory that a command starts in."""

    id: int
    kind: str
    path: str = ""
    argv: Sequence[str] = ()
    env: Mapping[str, str] | None = None
    timeout_s: float = 0.0
    limit: int = 0
    """Most bytes of each output stream, or of the file; of "more", the stream's first request."""
    mode: int = 0
    more: bool = False
    """Requests of the kind "more" bring what follows."""
    body: bytes = b""

    @staticmethod
    def parse(head: str, body: bytes) -> Request:
        """The request that a frame holds."""
        return Request(**json.loads(head), body=body)


class Reply(NamedTuple):
    """What a request led to; `error` is None or says why it could not be done."""

    id: int
    error: str | None = None
    rc: int = 0
    num_stdout: int = 0
    """Bytes of `body` that are standard output; the rest is standard error."""
    truncated: bool = False
    timed_out: bool = False
    oom_killed: bool = False
    wall_s: float = 0.0
    leftovers: int = 0
    disk_full: bool = False
    pids_limited: bool = False
    cpu_s: float = 0.0
    more: bool = False
    """Requests of the kind "more" are answered with what follows."""
    body: bytes = b""

    @staticmethod
    def parse(head: str, body: bytes) -> Reply:
        """The reply that a frame holds."""
        return Reply(**json.loads(head), body=body)


class Flow(NamedTuple):
    """One step of a tunnel: a command's connection, which the controller carries on.

    From the sandbox: open (`text` is host:port). From the controller: opened, or refused (`number`
    is an HTTP status, `text` says why). Both ways: data, credit (`number` more bytes may come),
    end (of one direction) and drop (of both).
    """

    tunnel: int
    kind: str
    text: str = ""
    number: int = 0
    body: bytes = b""

    @staticmethod
    def parse(head: str, body: bytes) -> Flow:
        """The step that a frame holds."""
        return Flow(**json.loads(head), body=body)


def is_flow(head: str) -> bool:
    """Whether a frame is a step of a tunnel, and no request or reply."""
    return head.startswith('{"tunnel":')


def pack(message: Request | Reply | Flow) -> bytes:
    """The message as one frame."""
    fields = message._asdict()
    body: bytes = fields.pop("body")
    return join(json.dumps(fields), body)


def join(head: str, body: bytes) -> bytes:
    """A head and a body as one frame."""
    encoded = head.encode()
    return LENGTHS.pack(len(encoded), len(body)) + encoded + body


class Unpacker:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """Heads (JSON) and bodies of the frames that `data` completes."""
        self._data += data
        while len(self._data) >= LENGTHS.size:
            num_head, num_body = LENGTHS.unpack_from(self._data)
            split, end = LENGTHS.size + num_head, LENGTHS.size + num_head + num_body
            if len(self._data) < end:
                return
            head, body = self._data[LENGTHS.size : split].decode(), bytes(self._data[split:end])
            del self._data[:end]
            yield head, body
