"""The program inside a sandbox: it does what framed requests on its standard input ask for.

It is sent as source text with the modules that it imports from here (see program.py), so these need
Python 3.9 for Linux, its standard library and nothing else; they avoid pathlib and other imports
that would lengthen every boot. In a container it is PID 1. It ends when its input ends, and a
container ends with its PID 1: a controller that dies leaves nothing. Commands hold none of the
descriptors that frames go through, so they cannot write one.
"""

from __future__ import annotations

import json
import os
import select
import sys
from socket import socket

from forethought.sandbox.frames import Reply, Request, Settings, Unpacker, pack
from forethought.sandbox.pristine import modes
from forethought.sandbox.processes import (
    SET_CHILD_SUBREAPER,
    SET_DUMPABLE,
    kill_descendants,
    prctl,
    reap,
    wake_on_signals,
)
from forethought.sandbox.workers import Workers


def serve(settings: Settings) -> None:
    """Answer requests until the input ends."""
    # A command of the same user could read this process's memory and descriptors through /proc.
    prctl(SET_DUMPABLE, 0)
    prctl(SET_CHILD_SUBREAPER, 1)
    os.umask(0o022)
    wake = wake_on_signals()
    os.set_blocking(0, False)
    os.set_blocking(1, False)
    workers = Workers(settings._replace(modes=modes(settings)))
    inbox, outbox = Unpacker(), bytearray()
    while _flush(outbox):
        watched: list[int | socket] = [0, wake, *workers.channels]
        stalled: list[int | socket] = [*([1] if outbox else []), *workers.stalled]
        readable, writable, _ = select.select(watched, stalled, [])
        for ready in writable:
            if isinstance(ready, socket):
                workers.flush(ready)
        for ready in readable:
            if ready == 0:
                data = os.read(0, 1 << 20)
                if not data:
                    kill_descendants()
                    return
                for head, body in inbox.feed(data):
                    outbox += _begin(Request.parse(head, body), workers)
            elif ready == wake:
                os.read(wake, 1 << 16)
                reap()
            elif isinstance(ready, socket) and ready in workers.channels:
                outbox += workers.receive(ready)
    kill_descendants()


def _begin(request: Request, workers: Workers) -> bytes:
    """Start on a request; frames that can be sent at once."""
    if request.kind == "hello":
        workers.keep_ready()
        return pack(Reply(request.id, body=sys.version.encode()))
    if request.kind == "cancel":
        workers.cancel(request.limit)
        return b""
    killed = workers.kill() if request.kind in ("reset", "restore") else b""
    return killed + workers.begin(request)


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
