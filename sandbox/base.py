"""Sandbox: a place where a command that nobody trusts can run.

    SandboxError
    ├── SandboxUnavailable (ConnectionError)   the engine or the sandbox itself is gone
    ├── SandboxFileError (OSError)             a file could not be read or written in it
    └── ImageBuildFailed (RuntimeError)        an image could not be made

A command that fails, runs too long or eats too much is no error: that is what `ExecResult` tells.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, field_validator

from forethought.sandbox.network.allowed import Allowed
from forethought.sandbox.network.contacts import Contact

Backend = Literal["auto", "docker", "bwrap", "local"]
Agent = Literal["auto", "python", "shell"]
SYSTEM = "/", "/bin", "/dev", "/etc", "/lib", "/lib64", "/proc", "/sbin", "/sys", "/tmp", "/usr"
"""Directories of an image that cannot be hidden by one to work in."""
MAX_SNAPSHOT = 256 << 20
"""Bytes of a snapshot, all of which are in memory here."""
MAX_FORK = 1 << 30
"""Bytes of files that are copied from one sandbox into others, through memory for 1 MiB of them."""


class SandboxError(Exception):
    """Something about a sandbox failed that the command in it is not to blame for."""


class SandboxUnavailable(SandboxError, ConnectionError):
    """The engine, or this sandbox, no longer answers; nothing can be said about the command."""


class SandboxFileError(SandboxError, OSError):
    """A file in the sandbox could not be read or written."""


class ImageBuildFailed(SandboxError, RuntimeError):
    """An image could not be made of what there is."""


class SandboxSpec(BaseModel):
    """What a sandbox is made of and what it may use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: str | None = None
    """Image reference; None is the default image, built from the host unless another one is pinned
    and can be had (pinned.py). One without a Python that can run the agent is lent ours; ENTRYPOINT
    and USER do not count."""
    cpus: float = Field(default=1.0, gt=0)
    memory_mb: int = Field(default=512, ge=16)
    pids: int = Field(default=128, ge=4)
    open_files: int = Field(default=1024, ge=16)
    """Most descriptors of one process."""
    disk_mb: int = Field(default=256, ge=1)
    """Size of the working directory, which is in memory; in a container it counts as memory."""
    workdir: str | None = None
    """Directory of the image in which an episode starts and that a reset brings back, such as
    "/app"; its files are copied into memory and belong to the commands' user. None is an empty
    /workspace."""
    network: tuple[str, ...] = ()
    """Places that commands may reach through an HTTP proxy, and nothing else: `host:port`,
    `*.domain:port` or an address, which is seen from the controller."""
    agent: Agent = "auto"
    """What does our side of a container: the image's Python or, where it has none, ours; or its
    shell, which can do less (see shell.py) and is "auto" only where ours cannot be brought."""
    runtime: str | None = None
    """Container runtime, "runsc" for gVisor; None is the engine's default."""

    @field_validator("workdir")
    @classmethod
    def _workdir_is_a_place_of_its_own(cls, workdir: str | None) -> str | None:
        if workdir is not None and (
            workdir != posixpath.normpath(workdir)
            or not workdir.startswith("/")
            or workdir in SYSTEM
            or workdir.startswith(("/dev/", "/proc/", "/sys/", "/tmp/", "/forethought"))
        ):
            raise ValueError(
                f"workdir {workdir!r} cannot be worked in; name a directory such as '/app'"
            )
        return workdir

    @field_validator("network")
    @classmethod
    def _network_is_a_list_of_places(cls, network: tuple[str, ...]) -> tuple[str, ...]:
        Allowed(network)
        return network


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecResult:
    """What one command did, and what a limit did to it."""

    rc: int
    """Exit status; 128 + n when signal n ended it."""
    stdout: bytes
    stderr: bytes
    truncated: bool = False
    """Output went past `max_output` and was cut."""
    timed_out: bool = False
    oom_killed: bool = False
    wall_s: float = 0.0
    leftovers: int = 0
    """Processes that the command left behind when it exited; they have been killed."""
    disk_full: bool = False
    """A directory that it may write in had no room left, for bytes or for files, when it exited."""
    pids_limited: bool = False
    """While it ran, the sandbox was refused a process or thread for having `pids` of them; told by
    control groups only, so containers alone know."""
    cpu_s: float = 0.0
    """Processor time of its processes, both user's and system's, as far as somebody waited for
    them; what was left behind counts."""

    @property
    def text(self) -> str:
        """Standard output, then standard error, decoded leniently."""
        return (self.stdout + self.stderr).decode("utf-8", "replace")


class Sandbox(Protocol):
    """A live sandbox with a working directory; every path is relative to that or absolute in it."""

    async def exec(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout_s: float = 30.0,
        max_output: int = 1 << 20,
    ) -> ExecResult:
        """Run `argv` to its end, or kill its whole process tree at `timeout_s`.

        `max_output` bounds stdout and stderr each, in bytes. Raises SandboxUnavailable.
        """
        ...

    async def python(
        self,
        source: str,
        *,
        stdin: bytes = b"",
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout_s: float = 30.0,
        max_output: int = 1 << 20,
    ) -> ExecResult:
        """Run a Python program as `python3 -` would; quicker where an interpreter is at hand."""
        ...

    async def read(self, path: str, *, max_bytes: int = 16 << 20) -> bytes:
        """Content of a regular file. Raises SandboxFileError, SandboxUnavailable."""
        ...

    async def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file, its parent directories too. Raises SandboxFileError, SandboxUnavailable."""
        ...

    async def reset(self) -> None:
        """Kill every process and empty the directories that can be written to.

        A working directory that came with an image's files has those again.

        Raises SandboxFileError if anything is left, and SandboxUnavailable.
        """
        ...

    async def snapshot(self, *, max_bytes: int = MAX_SNAPSHOT) -> bytes:
        """The working directory as an uncompressed tar archive; processes are not kept.

        Contents, modes, links and times to the second are; sockets are left out. Raises
        SandboxFileError, which says how long it would be, if that is more than `max_bytes`.
        """
        ...

    async def restore(self, snapshot: bytes) -> None:
        """Reset, then unpack a snapshot into the working directory.

        It may be an archive of one's own, in GNU tar's format. Raises SandboxFileError.
        """
        ...

    async def fork(self, n: int, *, max_bytes: int = MAX_FORK) -> list[Sandbox]:
        """`n` new sandboxes of the same kind and with the same files; close each of them.

        What a snapshot holds is copied, and the process state is not: no process, and nothing in
        the scratch directories; nor may they reach the network. This one goes on undisturbed.
        Either all are made or none. Raises
        SandboxFileError if the files take more than `max_bytes`, and SandboxUnavailable.
        """
        ...

    @property
    def contacts(self) -> Sequence[Contact]:
        """What commands reached over the network so far, and what they were refused."""
        ...

    async def close(self) -> None:
        """End every process and remove what the sandbox used; safe to call twice."""
        ...
