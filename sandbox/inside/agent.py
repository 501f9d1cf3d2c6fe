"""The program inside a sandbox: it does what framed requests on its standard input ask for.

It is sent as source text with the modules that it imports from here (see program.py), so these need
Python 3.9 for Linux, its standard library and nothing else; they avoid pathlib and other imports
that would lengthen every boot. In a container it is PID 1. It ends when its input ends, and a
container ends with its PID 1: a controller that dies leaves nothing. Commands hold none of the
descriptors that frames go through, so they cannot write one.
"""

# Every import lengthens every boot, so no pathlib.
# ruff: noqa: PTH101

from __future__ import annotations

import json
import os
import select
import signal
import sys
from socket import socket
from typing import TYPE_CHECKING

from forethought.sandbox.inside.confine import filter_system_calls, write_rules
from forethought.sandbox.inside.pristine import directories, modes
from forethought.sandbox.inside.processes import (
    SET_DUMPABLE,
    adopt,
    kill_descendants,
    prctl,
    reap,
    wake_on_signals,
)
from forethought.sandbox.inside.workers import Workers
from forethought.sandbox.wire.frames import (
    Flow,
    Reply,
    Request,
    Settings,
    Unpacker,
    is_flow,
    pack,
)

if TYPE_CHECKING:
    from forethought.sandbox.inside.tunnel import Tunnels


def serve(settings: Settings) -> None:
    """Answer requests until the input ends."""
    # A command of the same user could read this process's memory and descriptors through /proc.
    prctl(SET_DUMPABLE, 0)
    adopt()
    if settings.system_call_filter:
        filter_system_calls(bytes.fromhex(settings.system_call_filter))
        write_rules(settings.writable)
    os.umask(0o022)
    _let_commands_write(settings)
    wake = wake_on_signals()
    # Workers alone are sent it, and a new one has to keep it until it can heed it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    os.set_blocking(0, False)
    os.set_blocking(1, False)
    workers, tunnels = Workers(settings._replace(modes=modes(settings))), _tunnels(settings)
    inbox, outbox = Unpacker(), bytearray()
    while _flush(outbox):
        reading: list[int | socket] = [0, wake, *workers.channels]
        writing: list[int | socket] = [*([1] if outbox else []), *workers.stalled]
        if tunnels is not None:
            reading += tunnels.readers(len(outbox))
            writing += tunnels.writers()
        readable, writable, _ = select.select(reading, writing, [], workers.patience_s())
        workers.flush(writable)
        for ready in readable:
            if ready == 0:
                data = os.read(0, 1 << 20)
                if not data:
                    kill_descendants()
                    return
                for head, body in inbox.feed(data):
                    outbox += _begin(head, body, workers, tunnels)
            else:
                outbox += _hear(ready, wake, workers)
        if tunnels is not None:
            outbox += tunnels.serve(readable, writable)
        workers.give_up()
    kill_descendants()


def _let_commands_write(settings: Settings) -> None:
    """Whatever the image's own directories of these names allow: runc mounts with their modes."""
    if settings.uid >= 0:
        for directory in directories(settings):
            os.chmod(directory, 0o1777)


def _tunnels(settings: Settings) -> Tunnels | None:
    """The proxy, where the sandbox may reach anything; commands find it by their variables."""
    if settings.not_proxied is None:
        return None
    from forethought.sandbox.inside.tunnel import Tunnels

    tunnels = Tunnels()
    os.environ.update(tunnels.environment(settings.not_proxied))
    return tunnels


def _hear(ready: int | socket, wake: int, workers: Workers) -> bytes:
    """What there is to send after a signal, or after a worker has said something."""
    if ready == wake:
        os.read(wake, 1 << 16)
        reap()
    elif isinstance(ready, socket) and ready in workers.channels:
        return workers.receive(ready)
    return b""


def _begin(head: str, body: bytes, workers: Workers, tunnels: Tunnels | None) -> bytes:
    """Start on what a frame asks for; frames that can be sent at once."""
    if tunnels is not None and is_flow(head):
        return tunnels.take(Flow.parse(head, body))
    request = Request.parse(head, body)
    if request.kind == "hello":
        workers.keep_ready()
        return pack(Reply(request.id, body=sys.version.encode()))
    if request.kind == "cancel":
        workers.cancel(request.limit)
        return b""
    frames = b""
    if request.kind in ("reset", "restore"):
        frames = workers.kill() + (b"" if tunnels is None else tunnels.drop_all())
    return frames + workers.begin(request)


def _flush(outbox: bytearray) -> bool:
    """Send what can be sent now; False when nobody will ever read it."""
    try:
        while outbox:
            del outbox[: os.write(1, outbox)]
    except BlockingIOError:
        pass
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


if __name__ == "__main__":
    serve(Settings(**json.loads(sys.argv[1])))
