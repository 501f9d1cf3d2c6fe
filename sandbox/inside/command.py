"""One command in a sandbox, from fork to the last of its descendants."""

# Every import lengthens every boot (see agent.py), so no pathlib.
# ruff: noqa: PTH118, PTH123

from __future__ import annotations

import contextlib
import errno
import os
import resource
import select
import signal
import time
from collections.abc import Iterator
from functools import cache
from typing import NoReturn

from forethought.sandbox.inside.confine import forbid_writes_outside
from forethought.sandbox.inside.processes import kill_descendants, reap
from forethought.sandbox.inside.snippet import interpret
from forethought.sandbox.wire.frames import Reply, Request, Settings

CHUNK = 1 << 16
NUM_CHUNKS_IN_PIPE = 32
CGROUP = "/sys/fs/cgroup"
OOM_COUNTERS = f"{CGROUP}/memory.events", f"{CGROUP}/memory/memory.oom_control"
PIDS_COUNTERS = f"{CGROUP}/pids.events", f"{CGROUP}/pids/pids.events"


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
    before, began = _Counters(settings), time.monotonic()
    with contextlib.ExitStack() as closing:
        with acting_as(settings):
            stdout, stderr = (_Output(request.limit, closing) for _ in range(2))
        leader = _start(request, settings, stdout, stderr)
        deadline = began + request.timeout_s
        status = _watch(leader, (stdout, stderr), wake, deadline)
        disk_full = _is_disk_full(settings)
        leftovers = kill_descendants(marked=settings.mark >= 0)
        stdout.drain()
        stderr.drain()
    rc = 128 + signal.SIGKILL if status is None else os.waitstatus_to_exitcode(status)
    after = _Counters(settings)
    return Reply(
        request.id,
        rc=128 - rc if rc < 0 else rc,
        num_stdout=len(stdout.kept),
        truncated=stdout.is_cut or stderr.is_cut,
        timed_out=status is None,
        oom_killed=rc != 0 and after.oom_kills > before.oom_kills,
        wall_s=time.monotonic() - began,
        leftovers=0 if status is None else leftovers,
        disk_full=disk_full,
        pids_limited=after.refused_forks > before.refused_forks,
        cpu_s=after.cpu_s - before.cpu_s,
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
        if settings.system_call_filter:
            forbid_writes_outside(settings.writable)
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
    # At 1 byte no core is written, and none handed to a program of the host's, which 0 would allow.
    resource.setrlimit(resource.RLIMIT_CORE, (1, 1))
    for kind, value in (
        (resource.RLIMIT_AS, settings.memory_bytes),
        (resource.RLIMIT_NPROC, settings.processes),
        (resource.RLIMIT_NOFILE, settings.open_files),
    ):
        if value >= 0:
            resource.setrlimit(kind, (value, value))
    if settings.has_cgroup:
        # Of all processes in the group the kernel is to choose a command's, never the agent.
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")


@contextlib.contextmanager
def acting_as(settings: Settings) -> Iterator[None]:
    """Own what is made meanwhile as the commands' user, who may then open /dev/stdout, say."""
    if settings.uid < 0:
        yield
        return
    agent = os.geteuid()
    os.seteuid(settings.uid)
    try:
        yield
    finally:
        os.seteuid(agent)


def drop(settings: Settings) -> None:
    """Take the commands' user for good: from root, this drops every capability too."""
    if settings.uid >= 0:
        os.setgroups([settings.mark] if settings.mark >= 0 else [])
        os.setgid(settings.uid)
        os.setuid(settings.uid)


class _Counters:
    """What a command's limits have done so far; a worker's difference is its command's."""

    def __init__(self, settings: Settings) -> None:
        self.oom_kills = _count(settings, OOM_COUNTERS, "oom_kill")
        self.refused_forks = _count(settings, PIDS_COUNTERS, "max")
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cpu_s = usage.ru_utime + usage.ru_stime


def _count(settings: Settings, paths: tuple[str, ...], name: str) -> int:
    fd = _opened(paths) if settings.has_cgroup else -1
    if fd < 0:
        return 0
    lines = os.pread(fd, CHUNK, 0).decode().splitlines()
    return int(dict(line.split() for line in lines)[name])


@cache
def _opened(paths: tuple[str, ...]) -> int:
    """The first of the files that is there, opened once for all commands of a worker; else -1."""
    for path in filter(os.path.exists, paths):
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    return -1


def _is_disk_full(settings: Settings) -> bool:
    for directory in (settings.workdir, *settings.scratch):
        with contextlib.suppress(OSError):
            room = os.statvfs(directory)
            # What has no size, such as a directory of message queues, cannot be full.
            if (room.f_blocks and not room.f_bavail) or (room.f_files and not room.f_favail):
                return True
    return False
