"""One command in a sandbox, from fork to the last of its descendants."""

# Every import lengthens every boot (see agent.py), so no pathlib.
# ruff: noqa: PTH110, PTH118, PTH123

from __future__ import annotations

import contextlib
import errno
import os
import resource
import select
import signal
import time
from typing import NoReturn

from forethought.sandbox.frames import Reply, Request, Settings
from forethought.sandbox.processes import kill_descendants, reap
from forethought.sandbox.snippet import interpret

CHUNK = 1 << 16
NUM_CHUNKS_IN_PIPE = 32
OOM_COUNTERS = "/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"


class _Output:
    """One output stream: a pipe, and at most `limit` + 1 bytes of what came through it."""

    def __init__(self, limit: int, closing: contextlib.ExitStack) -> None:
        self.reader, self.writer = os.pipe()
        closing.callback(os.close, self.reader)
        self.data = bytearray()
        self._limit = limit

    def copy(self) -> bool:
        """Take what is in the pipe, which must not be empty; False at its end."""
        chunk = os.read(self.reader, CHUNK)
        self.data += chunk[: self._limit + 1 - len(self.data)]
        return bool(chunk)

    def drain(self) -> None:
        """Take what dead writers left, a full pipe at most, without waiting for the pipe's end."""
        os.set_blocking(self.reader, False)
        with contextlib.suppress(BlockingIOError):
            for _ in range(NUM_CHUNKS_IN_PIPE):
                if not self.copy():
                    break

    @property
    def kept(self) -> bytes:
        return bytes(self.data[: self._limit])

    @property
    def is_cut(self) -> bool:
        return len(self.data) > self._limit


def execute(request: Request, settings: Settings, wake: int) -> Reply:
    """Run a command to its end or its limit, then kill what is left of it.

    `wake` turns readable at signals; the caller has to be a subreaper without other children.
    """
    num_oom, began = _num_oom_kills(settings), time.monotonic()
    with contextlib.ExitStack() as closing:
        stdout, stderr = (_Output(request.limit, closing) for _ in range(2))
        leader = _start(request, settings, stdout, stderr)
        deadline = began + request.timeout_s
        status = _watch(leader, (stdout, stderr), wake, deadline)
        leftovers = kill_descendants()
        stdout.drain()
        stderr.drain()
    rc = 128 + signal.SIGKILL if status is None else os.waitstatus_to_exitcode(status)
    return Reply(
        request.id,
        rc=128 - rc if rc < 0 else rc,
        num_stdout=len(stdout.kept),
        truncated=stdout.is_cut or stderr.is_cut,
        timed_out=status is None,
        oom_killed=rc != 0 and _num_oom_kills(settings) > num_oom,
        wall_s=time.monotonic() - began,
        leftovers=0 if status is None else leftovers,
        body=stdout.kept + stderr.kept,
    )


def _start(request: Request, settings: Settings, stdout: _Output, stderr: _Output) -> int:
    """Fork the command; its process id."""
    stdin = _file_with(request.body)
    try:
        leader = os.fork()
        if leader == 0:
            _become(request, settings, (stdin, stdout.writer, stderr.writer))
        return leader
    finally:
        for fd in (stdin, stdout.writer, stderr.writer):
            os.close(fd)


def _file_with(data: bytes) -> int:
    """A descriptor to read `data` from: a file, so that no command can stall its writer."""
    if not data:
        return os.open(os.devnull, os.O_RDONLY)
    fd = os.memfd_create("stdin")
    with os.fdopen(fd, "wb", closefd=False) as file:
        file.write(data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _watch(leader: int, outputs: tuple[_Output, ...], wake: int, deadline: float) -> int | None:
    """Wait status of the leader; None if it ran past its limit or was cancelled."""
    opened = {output.reader: output for output in outputs}
    while (left := deadline - time.monotonic()) > 0:
        for fd in select.select([wake, *opened], [], [], left)[0]:
            if fd == wake:
                if signal.SIGTERM in os.read(wake, CHUNK):
                    return None
                ended = reap()
                if leader in ended:
                    return ended[leader]
            elif not opened[fd].copy():
                del opened[fd]
    return None


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
        if request.kind == "python":
            interpret(request.argv[0], dict(request.env or {}))
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
