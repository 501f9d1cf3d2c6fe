"""Processes that do the agent's requests, one each at a time.

A worker becomes the parent of every process that its command loses (PR_SET_CHILD_SUBREAPER), so
what daemonises is still found, counted and killed, and counted for the right command. One that has
run a command takes another, since forking is a third of a short command's time; one that has done
a file request has taken the commands' user for good, and ends.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import socket
import time
from collections.abc import Sequence
from typing import NoReturn

from forethought.sandbox.inside.command import execute
from forethought.sandbox.inside.files import read, reset, write
from forethought.sandbox.inside.processes import (
    adopt,
    kill_descendants,
    mark,
    send_signal,
    wake_on_signals,
)
from forethought.sandbox.inside.streams import STREAMS, Dialogue
from forethought.sandbox.wire.frames import COMMANDS, Reply, Request, Settings, Unpacker, join, pack

FILE_REQUESTS = {"read": read, "write": write, "reset": reset}
NUM_IDLE = 4
"""Workers kept for the next commands: each takes a place under the process limit."""
PATIENCE_S = 10.0
"""A worker that is so much later than its command's limit has been stopped by a command."""
FILE_S = 40.0
"""Limit of a file request: less than a controller waits for it."""
REUSE_BYTES = 1 << 16
"""Longer requests might not fit a socket's buffer, and the agent must not wait for a worker."""


class Worker:
    """A child process, and what it is doing."""

    def __init__(self, pid: int, channel: socket.socket, request: Request | None) -> None:
        self.pid = pid
        self.channel = channel
        self.request = request
        self.is_late = False
        self._deadline = math.inf if request is None else _deadline(request)
        kind = "exec" if request is None else request.kind
        self.is_spent = kind not in COMMANDS
        self.has_ended_all = kind in ("reset", "restore")
        """No other worker is left for the next command."""
        self.stream = request.id if request is not None and kind in STREAMS else None
        """First request of the stream that it has not come to the end of."""
        self._unpacker = Unpacker()
        self._outbox = bytearray()

    def take(self, request: Request) -> bool:
        """Take another, short request; False if it is not free or no longer alive."""
        if self.request is not None or self.is_spent:
            return False
        try:
            self.channel.sendall(pack(request))
        except (BrokenPipeError, ConnectionResetError):
            return False
        self.request = request
        self._deadline = _deadline(request)
        return True

    def remaining_s(self) -> float:
        """How long it may still take; infinite if it has nothing to do."""
        return math.inf if self.request is None else self._deadline - time.monotonic()

    def give_up(self) -> None:
        """Kill it; its end is then told as its command's that ran too long."""
        self.is_late = True
        send_signal(self.pid, signal.SIGKILL)

    def go_on(self, request: Request) -> None:
        """Take the next request of its stream, whose pieces are longer than a socket holds."""
        self.request = request
        self._deadline = _deadline(request)
        self._outbox += pack(request)
        self.flush()

    @property
    def is_stalled(self) -> bool:
        """Whether it has more to be told than it has taken in."""
        return bool(self._outbox)

    def flush(self) -> None:
        """Tell it what it can take in now; one that has died is heard of when it is read from."""
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            while self._outbox:
                del self._outbox[: self.channel.send(self._outbox, socket.MSG_DONTWAIT)]

    def cancel(self) -> None:
        """Have its command killed; the signal may come late, so no other command may follow."""
        self.is_spent = True
        send_signal(self.pid, signal.SIGTERM)

    def receive(self) -> bytes | None:
        """The frame that answers its request, empty while incomplete; None if it has ended."""
        data = self.channel.recv(1 << 20)
        if not data:
            return None
        for head, body in self._unpacker.feed(data):
            self.request = None
            if self.stream is not None and not json.loads(head)["more"]:
                self.stream = None
            return join(head, body)
        return b""

    def lost(self) -> bytes:
        """The frame that stands for the answer of a worker that was killed."""
        request, self.request = self.request, None
        if request is None:
            return b""
        if request.kind in COMMANDS:
            why = b"killed together with the process that watched over it\n"
            rc = 128 + signal.SIGKILL
            return pack(Reply(request.id, rc=rc, timed_out=self.is_late, body=why))
        return pack(Reply(request.id, error="the process that worked on it was killed"))


class Workers:
    """All workers of an agent."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._by_channel: dict[socket.socket, Worker] = {}

    @property
    def channels(self) -> list[socket.socket]:
        """What to wait on."""
        return list(self._by_channel)

    def patience_s(self) -> float | None:
        """How long the agent may wait before it has to look again; None for ever."""
        remaining = min((worker.remaining_s() for worker in self._busy()), default=math.inf)
        return None if remaining == math.inf else max(0.0, remaining)

    def give_up(self) -> None:
        """Kill the workers that do not come back: a command of the same user can stop them."""
        for worker in self._busy():
            if worker.remaining_s() <= 0:
                worker.give_up()

    def begin(self, request: Request) -> bytes:
        """Hand a request to a worker; a frame that can be sent at once, or nothing."""
        if request.kind == "more":
            return self._go_on(request)
        if request.kind in COMMANDS and len(request.body) + len(str(request.argv)) < REUSE_BYTES:
            for worker in self._by_channel.values():
                if worker.take(request):
                    return b""
        return self._start(request)

    def keep_ready(self) -> None:
        """Have a worker wait for the next command, if there is none: it will be in a hurry."""
        if self._num_idle() == 0:
            self._start(None)

    @property
    def stalled(self) -> list[socket.socket]:
        """Channels to be flushed when they can be written to."""
        return [each for each, worker in self._by_channel.items() if worker.is_stalled]

    def flush(self, writable: Sequence[int | socket.socket]) -> None:
        """Send workers what they can take in now."""
        for channel in writable:
            if isinstance(channel, socket.socket) and channel in self._by_channel:
                self._by_channel[channel].flush()

    def cancel(self, number: int) -> None:
        """Have the command of a request killed, if it still runs; give up a stream."""
        for worker in self._by_channel.values():
            if worker.stream == number:
                worker.channel.shutdown(socket.SHUT_WR)
            if worker.request is not None and worker.request.id == number:
                worker.cancel()

    def receive(self, channel: socket.socket) -> bytes:
        """What a worker has to say that is ready to be sent."""
        worker = self._by_channel[channel]
        frame = worker.receive()
        if frame is None:
            del self._by_channel[channel]
            channel.close()
            # Its command's processes are the agent's children now, beside the other workers.
            kill_descendants(spare=frozenset(each.pid for each in self._by_channel.values()))
            return worker.lost()
        if worker.stream is not None:
            return frame
        if worker.request is None and (worker.is_spent or self._num_idle() > NUM_IDLE):
            channel.shutdown(socket.SHUT_WR)
            worker.is_spent = True
            if worker.has_ended_all:
                worker.has_ended_all = False
                self.keep_ready()
        return frame

    def kill(self) -> bytes:
        """Kill every process; the frames that stand for what they would have said."""
        kill_descendants()
        frames = [worker.lost() for worker in self._by_channel.values()]
        for channel in self._by_channel:
            channel.close()
        self._by_channel.clear()
        return b"".join(frames)

    def _busy(self) -> list[Worker]:
        return [worker for worker in self._by_channel.values() if not worker.is_late]

    def _start(self, request: Request | None) -> bytes:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                pid = os.fork()
            except OSError as error:
                ours.close()
                if request is None:
                    return b""
                why = f"no process could be started for it: {error.strerror}"
                return pack(Reply(request.id, error=why))
            if pid == 0:
                self._become_worker(request, theirs, ours)
        self._by_channel[ours] = Worker(pid, ours, request)
        return b""

    def _go_on(self, request: Request) -> bytes:
        for worker in self._by_channel.values():
            if worker.stream == request.limit:
                worker.go_on(request)
                return b""
        return pack(Reply(request.id, error="what it goes on with has ended"))

    def _num_idle(self) -> int:
        workers = self._by_channel.values()
        return sum(worker.request is None and not worker.is_spent for worker in workers)

    def _become_worker(
        self, request: Request | None, channel: socket.socket, other_end: socket.socket
    ) -> NoReturn:
        status = 1
        try:
            for inherited in (other_end, *self._by_channel):
                inherited.close()
            _labour(request, channel, self._settings)
            status = 0
        finally:
            os._exit(status)


def _deadline(request: Request) -> float:
    limit_s = request.timeout_s + PATIENCE_S if request.kind in COMMANDS else FILE_S
    return time.monotonic() + limit_s


def _labour(request: Request | None, channel: socket.socket, settings: Settings) -> None:
    """Do this request, if there is one, and those that follow on the channel."""
    if not adopt():
        settings = settings._replace(mark=mark(os.getpid()))
    wake = wake_on_signals()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    unpacker = Unpacker()
    if request is not None:
        channel.sendall(pack(_do(request, settings, wake, channel)))
    while data := channel.recv(1 << 20):
        for head, body in unpacker.feed(data):
            channel.sendall(pack(_do(Request.parse(head, body), settings, wake, channel)))


def _do(request: Request, settings: Settings, wake: int, channel: socket.socket) -> Reply:
    if request.kind in STREAMS:
        return _converse(Dialogue(request, channel), settings)
    try:
        if request.kind in COMMANDS:
            return execute(request, settings, wake)
        return FILE_REQUESTS[request.kind](request, settings)
    except OSError as error:
        return Reply(request.id, error=error.strerror or str(error))


def _converse(dialogue: Dialogue, settings: Settings) -> Reply:
    begin = STREAMS[dialogue.request.kind]
    try:
        return begin(dialogue, settings)
    except OSError as error:
        return Reply(dialogue.request.id, error=error.strerror or str(error))
