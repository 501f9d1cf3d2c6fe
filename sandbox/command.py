"""One command in a sandbox, from fork to the last of its descendants."""

# Every import lengthens every boot (see agent.py), so no pathlib.
# ruff: noqa: PTH110, PTH118, PTH123

from __future__ import annotations

import errno
import os
import resource
import select
import signal
import time
from typing import NoReturn

from forethought.sandbox.frames import Reply, Request, Settings
from forethought.sandbox.processes import (
    SET_CHILD_SUBREAPER,
    kill_descendants,
    prctl,
    reap,
    wake_on_signals,
)

CHUNK = 1 << 16
NUM_CHUNKS_IN_PIPE = 32
OOM_COUNTERS = "/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"


def execute(request: Request, settings: Settings) -> Reply:
    """Run a command to its end or its limit, then kill what is left of it."""
    prctl(SET_CHILD_SUBREAPER, 1)
    wake = wake_on_signals()
    stdin = os.memfd_create("stdin") if request.body else os.open(os.devnull, os.O_RDONLY)
    if request.body:
        with os.fdopen(stdin, "wb", closefd=False) as file:
            file.write(request.body)
        os.lseek(stdin, 0, os.SEEK_SET)
    (stdout, stdout_end), (stderr, stderr_end) = os.pipe(), os.pipe()
    num_oom, began = _num_oom_kills(settings), time.monotonic()
    leader = os.fork()
    if leader == 0:
        _become(request, settings, (stdin, stdout_end, stderr_end))
    os.close(stdout_end)
    os.close(stderr_end)
    outputs = {stdout: bytearray(), stderr: bytearray()}
    status = _watch(leader, outputs, wake, request, began + request.timeout_s)
    leftovers = kill_descendants()
    for fd in outputs:
        # The writers are dead and left at most a full pipe; nothing here waits for its end.
        os.set_blocking(fd, False)
        for _ in range(NUM_CHUNKS_IN_PIPE):
            if not _copy(fd, outputs[fd], request.limit):
                break
    rc = 128 + signal.SIGKILL if status is None else os.waitstatus_to_exitcode(status)
    return Reply(
        request.id,
        rc=128 - rc if rc < 0 else rc,
        num_stdout=min(len(outputs[stdout]), request.limit),
        truncated=any(len(output) > request.limit for output in outputs.values()),
        timed_out=status is None,
        oom_killed=rc != 0 and _num_oom_kills(settings) > num_oom,
        wall_s=time.monotonic() - began,
        leftovers=0 if status is None else leftovers,
        body=b"".join(bytes(output[: request.limit]) for output in outputs.values()),
    )


def _watch(
    leader: int, outputs: dict[int, bytearray], wake: int, request: Request, deadline: float
) -> int | None:
    """Wait status of the leader; None if it ran past its limit or was cancelled."""
    fds = {*outputs, wake}
    while (left := deadline - time.monotonic()) > 0:
        for fd in select.select(fds, [], [], left)[0]:
            if fd == wake:
                if signal.SIGTERM in os.read(wake, CHUNK):
                    return None
                ended = dict(reap())
                if leader in ended:
                    return ended[leader]
            elif not _copy(fd, outputs[fd], request.limit):
                fds.discard(fd)
    return None


def _copy(fd: int, output: bytearray, limit: int) -> bool:
    """Move bytes from a pipe to an output of at most limit + 1 bytes; False at its end."""
    try:
        chunk = os.read(fd, CHUNK)
    except BlockingIOError:
        return False
    output += chunk[: limit + 1 - len(output)]
    return bool(chunk)


def _become(request: Request, settings: Settings, fds: tuple[int, int, int]) -> NoReturn:
    """Turn this process into the command."""
    try:
        os.setsid()
        for standard, fd in enumerate(fds):
            os.dup2(fd, standard)
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(ignored, signal.SIG_DFL)
        _limit(settings)
        drop(settings)
        _enter(os.path.join(settings.workdir, request.path))
        os.execvpe(request.argv[0], list(request.argv), {**os.environ, **(request.env or {})})
    except OSError as error:
        os.write(2, os.fsencode(f"cannot start {request.argv[0]}: {error.strerror}\n"))
        os._exit(127 if error.errno == errno.ENOENT else 126)
    finally:
        os._exit(126)


def _enter(directory: str) -> None:
    try:
        os.chdir(directory)
    except OSError as error:
        os.write(2, os.fsencode(f"cannot enter {directory}: {error.strerror}\n"))
        os._exit(126)


def _limit(settings: Settings) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for kind, value in (
        (resource.RLIMIT_AS, settings.memory_bytes),
        (resource.RLIMIT_NPROC, settings.processes),
    ):
        if value >= 0:
            resource.setrlimit(kind, (value, value))
    if settings.has_cgroup:
        # Of all processes in the group the kernel is to choose a command's, never the agent.
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")


def drop(settings: Settings) -> None:
    """Take the commands' user for good: from root, this drops every capability too."""
    if settings.uid >= 0:
        os.setgroups([])
        os.setgid(settings.uid)
        os.setuid(settings.uid)


def _num_oom_kills(settings: Settings) -> int:
    for path in OOM_COUNTERS if settings.has_cgroup else ():
        if os.path.exists(path):
            with open(path) as file:
                return int(dict(line.split() for line in file)["oom_kill"])
    return 0
