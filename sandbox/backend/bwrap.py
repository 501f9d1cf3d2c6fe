"""Sandboxes in bubblewrap namespaces, for machines without a container engine.

A command sees a read-only /usr, memory-backed directories and its own processes only; it has no
network, no capability, no other user's identity, and its files are gone in the end. A seccomp
filter keeps it from system calls that no command needs, io_uring, bpf, keyrings and System V memory
among them, and Landlock, where the kernel has it, from writing elsewhere.

What this does not protect from: the kernel is the host's, so a bug behind an allowed system call is
in reach; memory is limited per process and not in sum (a hundred processes may take a hundred times
as much, and full directories come on top), and so is the number of files not; processor time is not
limited at all; all world-readable files under /usr can be read; and the agent runs as the same user
as the commands: it cannot be read or killed, being PID 1 and not dumpable, but its workers can. A
command that kills or stops its worker loses its output and, ten seconds after its limit at the
latest, ends as one that was killed. Use Docker for code that is out to do harm.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

from forethought.sandbox.base import SandboxSpec, SandboxUnavailable
from forethought.sandbox.inside import seccomp
from forethought.sandbox.network.allowed import not_proxied
from forethought.sandbox.wire import process, program
from forethought.sandbox.wire.frames import Settings
from forethought.sandbox.wire.remote import RemoteSandbox
from forethought.sandbox.wire.stream import Wire

ISOLATION = "namespaces: no network, read-only system, seccomp filter; memory per process only"
HELP = "apt-get install bubblewrap, and allow unprivileged user namespaces"
UID = 1000
NOBODY = 65534
WORKDIR = "/workspace"
SCRATCH = "/tmp", "/dev/shm"
QUEUES = "/dev/mqueue"
SYSTEM_LINKS = "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"
PATH = "/usr/local/bin:/usr/bin:/bin"


class BubblewrapSandbox(RemoteSandbox):
    """Namespaces of its own, made by bubblewrap."""

    def __init__(self, wire: Wire, *, agent: subprocess.Popen[bytes], spec: SandboxSpec) -> None:
        super().__init__(wire, network=spec.network)
        self._agent = agent
        self._spec = spec

    @classmethod
    async def open(cls, spec: SandboxSpec) -> BubblewrapSandbox:
        """Start the agent in new namespaces and wait for it. Raises SandboxUnavailable."""
        settings = Settings(
            WORKDIR,
            scratch=(*SCRATCH, QUEUES),
            memory_bytes=spec.memory_mb << 20,
            processes=spec.pids,
            open_files=spec.open_files,
            not_proxied=not_proxied(spec.network),
            system_call_filter=seccomp.program({**seccomp.DENIED, **seccomp.SHARED_MEMORY}).hex(),
        )
        inside = [_python(), *program.arguments(settings)]
        # --die-with-parent means the thread that starts it: here the event loop's own.
        agent, wire = process.start([*_outside(spec), *inside], env={}, user=_caller())
        sandbox = cls(wire, agent=agent, spec=spec)
        try:
            await sandbox.greet()
        except BaseException:
            await sandbox.close()
            raise
        return sandbox

    async def _open_twin(self) -> BubblewrapSandbox:
        return await self.open(self._spec.model_copy(update={"network": ()}))

    async def _release(self) -> None:
        await process.end(self._agent)


def unusable() -> str | None:
    """Why no such sandbox can be made here; None if one was."""
    try:
        command = [*_outside(SandboxSpec()), "true"]
    except SandboxUnavailable as error:
        return str(error)
    probe = subprocess.run(
        command, capture_output=True, text=True, check=False, user=_caller(), group=_caller()
    )
    return None if probe.returncode == 0 else f"bwrap failed: {probe.stderr.strip()}; {HELP}"


def _outside(spec: SandboxSpec) -> list[str]:
    """The bwrap command line, up to the command that it is to run."""
    size = str(spec.disk_mb << 20)
    options = [_program(), "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session"]
    options += ["--as-pid-1", "--uid", str(UID), "--gid", str(UID), "--hostname", "sandbox"]
    options += ["--cap-drop", "ALL", *_without_nesting()]
    options += ["--ro-bind", "/usr", "/usr", *_system_links()]
    for path in ("/etc/alternatives", "/etc/ld.so.cache", "/etc/localtime"):
        options += ["--ro-bind-try", path, path]
    if not _python().startswith("/usr/"):
        options += ["--ro-bind", sys.base_prefix, sys.base_prefix]
    options += ["--proc", "/proc", "--dev", "/dev", "--dir", QUEUES, "--mqueue", QUEUES]
    for path in (*SCRATCH, WORKDIR):
        options += ["--size", size, "--tmpfs", path]
    for path in ("/proc", "/dev", "/"):
        options += ["--remount-ro", path]
    options += ["--chdir", "/", "--clearenv"]
    for name, value in (("PATH", PATH), ("HOME", WORKDIR), ("LANG", "C.UTF-8")):
        options += ["--setenv", name, value]
    return [*options, "--"]


def _system_links() -> list[str]:
    options = []
    for name in SYSTEM_LINKS:
        path = Path(name)
        if path.is_symlink():
            options += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            options += ["--ro-bind", name, name]
    return options


def _program() -> str:
    found = shutil.which("bwrap")
    if found is None:
        raise SandboxUnavailable(f"there is no bwrap on PATH: {HELP}")
    return found


@functools.cache
def _without_nesting() -> list[str]:
    """The option that forbids more user namespaces inside, from bubblewrap 0.8 on."""
    usage = subprocess.run([_program(), "--help"], capture_output=True, text=True, check=False)
    return ["--disable-userns"] if "--disable-userns" in usage.stdout else []


def _python() -> str:
    """The system's interpreter, which /usr brings along; else the one that runs this."""
    found = shutil.which("python3", path="/usr/local/bin:/usr/bin")
    return found or str(Path(sys.base_prefix) / "bin" / "python3")


def _caller() -> int | None:
    """Root starts it as nobody: a limit on processes does not hold for root, nor do file modes."""
    return NOBODY if os.geteuid() == 0 else None
