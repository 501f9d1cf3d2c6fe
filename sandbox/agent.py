"""The program inside a sandbox: it does what framed requests on its standard input ask for.

It is sent as source text with frames, processes, command and files (see program.py), so these
five need Python 3.9 for Linux, its standard library and nothing else; they avoid pathlib and other
imports that would lengthen every boot. In a container it is PID 1. It ends when its input ends, and
a container ends with its PID 1: a controller that dies leaves nothing.

Each request is worked on by a process of its own, which becomes the parent of every process that
its command loses (PR_SET_CHILD_SUBREAPER): what daemonises is still found, counted and killed. A
worker answers through an anonymous file, so one that is killed half-way cannot leave half a frame,
and commands hold none of the descriptors that frames go through.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from forethought.sandbox.command import execute
from forethought.sandbox.files import read, reset, restore, snapshot, write
from forethought.sandbox.frames import Reply, Request, Settings, Unpacker, pack
from forethought.sandbox.processes import (
    SET_CHILD_SUBREAPER,
    SET_DUMPABLE,
    kill_descendants,
    prctl,
    reap,
    wake_on_signals,
)

WORK = {
    "exec": execute,
    "read": read,
    "write": write,
    "reset": reset,
    "snapshot": snapshot,
    "restore": restore,
}


class Job(NamedTuple):
    """A request in the hands of a worker."""

    request: Request
    answer: int
    """Descriptor of the anonymous file that the worker's frame goes to."""


def serve(settings: Settings) -> None:
    """Answer requests until the input ends."""
    # A command of the same user could read this process's memory and descriptors through /proc.
    prctl(SET_DUMPABLE, 0)
    prctl(SET_CHILD_SUBREAPER, 1)
    os.umask(0o022)
    wake = wake_on_signals()
    os.set_blocking(0, False)
    os.set_blocking(1, False)
    jobs: dict[int, Job] = {}
    inbox, outbox = Unpacker(), bytearray()
    while True:
        readable, _, _ = select.select([0, wake], [1] if outbox else [], [])
        if wake in readable:
            os.read(wake, 1 << 16)
            outbox += b"".join(_collect(jobs))
        if 0 in readable:
            data = os.read(0, 1 << 20)
            if not data:
                break
            for head, body in inbox.feed(data):
                outbox += _begin(Request(**json.loads(head), body=body), jobs, settings)
        if not _flush(outbox):
            break
    kill_descendants()


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


def _begin(request: Request, jobs: dict[int, Job], settings: Settings) -> bytes:
    """Hand a request to a worker; frames that can be sent at once."""
    if request.kind == "hello":
        return pack(Reply(request.id, body=sys.version.encode()))
    if request.kind == "cancel":
        for pid, job in jobs.items():
            if job.request.id == request.limit:
                os.kill(pid, signal.SIGTERM)
        return b""
    ended = b""
    if request.kind in ("reset", "restore"):
        kill_descendants()
        ended = b"".join(pack(_killed(jobs.pop(pid))) for pid in list(jobs))
    answer = os.memfd_create("answer")
    try:
        pid = os.fork()
    except OSError as error:
        os.close(answer)
        why = f"no process could be started for it: {error.strerror}"
        return ended + pack(Reply(request.id, error=why))
    if pid == 0:
        _work(request, settings, answer)
    jobs[pid] = Job(request._replace(body=b""), answer)
    return ended


def _work(request: Request, settings: Settings, answer: int) -> NoReturn:
    status = 1
    try:
        try:
            reply = WORK[request.kind](request, settings)
        except OSError as error:
            reply = Reply(request.id, error=error.strerror or str(error))
        with os.fdopen(answer, "wb", closefd=False) as file:
            file.write(pack(reply))
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        raise
    finally:
        os._exit(status)


def _collect(jobs: dict[int, Job]) -> Iterator[bytes]:
    """Frames of the workers that have ended."""
    for pid, status in list(reap()):
        job = jobs.pop(pid, None)
        if job is None:
            continue
        if status == 0:
            with os.fdopen(job.answer, "rb") as answer:
                answer.seek(0)
                yield answer.read()
        else:
            # Its command's processes are the agent's children now, beside the other workers.
            kill_descendants(spare=frozenset(jobs))
            yield pack(_killed(job))


def _killed(job: Job) -> Reply:
    os.close(job.answer)
    if job.request.kind == "exec":
        why = b"killed together with the process that watched over it\n"
        return Reply(job.request.id, rc=128 + signal.SIGKILL, body=why)
    return Reply(job.request.id, error="the process that worked on it was killed")


if __name__ == "__main__":
    serve(Settings(**json.loads(sys.argv[1])))
