"""The agent for an image that has no Python and cannot be given ours: its own /bin/sh.

It needs a POSIX shell, Linux's /proc, the engine's docker-init, and, of busybox or of coreutils and
their like, cat, chmod, dd (with iflag=fullblock), env, head, id, ls, mkdir, mkfifo, mv, rm, sleep
(with fractions), tar, tr and wc, and one of setpriv (util-linux), setuidgid (busybox) and su. An
image that lacks one is refused, and the one is named.

It keeps the contract of `Sandbox`: time limits, leftovers, bounds of outputs, files in pieces and
an agent out of the commands' reach included. EXCEPTIONS names what of it fails. In words:

- One request at a time: commands and a fork wait for each other. Cancelling and resetting do not.
- No filter of system calls but the engine's, no Landlock, and no network.
- `disk_full` is never told, nor the length of a snapshot that is too long; one cannot hold what its
  owner has closed to himself.
- A reset fails, and says so, where trees are deeper than any path or System V queues are left.
- The input of a command and the bounds of both outputs, or a file, have to fit in 64 MiB, which are
  memory of its own.
- Commands ignore SIGINT and SIGQUIT, as POSIX has it for what a shell runs in the background.
- Where only su is there, and the image has no user 1000, commands are its user nobody.
- `python` starts an interpreter, if the image has one after all.
- A dozen processes are started for each command, which takes twice as long.
"""

from __future__ import annotations

import posixpath
import shlex
import signal
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources

import anyio

from forethought.sandbox.base import SandboxSpec
from forethought.sandbox.inside.archive import PIECE
from forethought.sandbox.wire.exchange import Exchange
from forethought.sandbox.wire.frames import COMMANDS, Flow, Reply, Request, Settings
from forethought.sandbox.wire.stream import Wire

PROGRAM = "/bin/sh"
STATE = "/forethought"
"""Directory in memory that only the agent can enter."""
BEGIN = 'cd "$0" || exit 126; exec "$@"'
EXCEPTIONS = (
    "Two commands run at the same time",
    "Ten commands that a reset ends are all answered",
    "A fork leaves alone what runs in the original, and takes files alone",
    "A Python program's error is told with its place, and nothing of the agent in it",
    "Odd trees survive a snapshot: modes, times, links, pipes, long names, closed doors",
    "A snapshot longer than allowed is a SandboxFileError that says how long",
    "Reset removes thousands of files, trees deeper than any path, and what is locked",
    "A full working directory is told, until there is room again",
    "Message queues outlive a command, and not a reset: no message for the next episode",
    "System calls that no command needs are refused before they reach the kernel",
    "There are no sockets to the hypervisor or to raw devices, which namespaces do not hold",
)
"""What `check_sandbox` would find that it does not keep; for its `without`."""


def arguments(settings: Settings) -> list[str]:
    """What follows `/bin/sh` to run the agent."""
    numbers = [str(settings.uid), str(settings.open_files), str(PIECE)]
    return ["-c", _source(), "agent", STATE, settings.workdir, *numbers, *settings.scratch]


def require_possible(spec: SandboxSpec) -> None:
    """Raises ValueError for a spec that asks for more than a shell can do."""
    if spec.network:
        raise ValueError(
            f"the shell agent has no network, and the spec asks for {spec.network!r}; "
            "take an image with python3, or agent='python'"
        )


class ShellExchange(Exchange):
    """Requests to the shell agent, which does one at a time."""

    def __init__(self, wire: Wire, *, workdir: str) -> None:
        super().__init__(wire)
        self._workdir = workdir
        # No lock, which would be a task's own: a stream keeps its turn from request to request.
        self._turn = anyio.Semaphore(1)
        self._holder: int | None = None
        self._num_resets = 0

    async def request(self, request: Request, *, within_s: float) -> Reply:
        """The reply to `request`, whose time begins when it is its turn.

        A reset ends those that still wait for theirs, as it ends the command that runs.
        """
        if request.kind == "reset":
            self._num_resets += 1
            return await super().request(request, within_s=within_s)
        if request.kind == "restore":
            await self.request(Request(-request.id, "reset"), within_s=within_s)
        if request.kind != "more":
            num_resets = self._num_resets
            await self._turn.acquire()
            if self._num_resets != num_resets:
                self._turn.release()
                return _ended(request)
            self._holder = request.id
        return await self._take_turn(request, within_s=within_s)

    async def _take_turn(self, request: Request, *, within_s: float) -> Reply:
        number = request.limit if request.kind == "more" else request.id
        is_followed = False
        try:
            reply = await super().request(request, within_s=within_s)
            is_followed = reply.more
        finally:
            if not is_followed:
                self._end(number)
        return reply

    async def give_up(self, number: int) -> None:
        """Say that nobody waits any more for what a request asked for."""
        await super().give_up(number)
        self._end(number)

    def _end(self, number: int) -> None:
        """Let the next one have its turn, if this one has it."""
        if number == self._holder:
            self._holder = None
            self._turn.release()

    def _encode(self, message: Request | Flow) -> bytes:
        assert isinstance(message, Request), "there is no network"
        return encode(message, workdir=self._workdir)


def _ended(request: Request) -> Reply:
    if request.kind in COMMANDS:
        return Reply(request.id, rc=128 + signal.SIGKILL)
    return Reply(request.id, error="a reset came before it")


def encode(request: Request, *, workdir: str) -> bytes:
    """A request as one line of shell, and its body."""
    words = ENCODERS[request.kind](request, posixpath.join(workdir, request.path))
    line = " ".join([request.kind, str(request.id), *map(quote, words)])
    return line.encode("utf-8", "surrogateescape") + b"\n" + request.body


def quote(text: str) -> str:
    """A word that a shell reads as `text`, on one line."""
    return shlex.quote(text).replace("\n", "'\"$nl\"'")


def _exec(request: Request, path: str) -> list[str]:
    return _command(request, path, request.argv)


def _python(request: Request, path: str) -> list[str]:
    return _command(request, path, ["python3", "-c", *request.argv])


def _command(request: Request, path: str, argv: Sequence[str]) -> list[str]:
    limits = [f"{request.timeout_s:f}", str(request.limit), str(len(request.body))]
    variables = [f"{name}={value}" for name, value in (request.env or {}).items()]
    begin = ["/bin/sh", "-c", BEGIN, path, *argv]
    return [*limits, *(["env", *variables] if variables else []), *begin]


def _read(request: Request, path: str) -> list[str]:
    return [str(request.limit), path]


def _write(request: Request, path: str) -> list[str]:
    return [f"{request.mode:o}", str(len(request.body)), path]


def _snapshot(request: Request, path: str) -> list[str]:
    return [str(request.limit)]


def _piece(request: Request, path: str) -> list[str]:
    return [str(len(request.body)), "true" if request.more else "false"]


def _cancel(request: Request, path: str) -> list[str]:
    return [str(request.limit)]


def _plain(request: Request, path: str) -> list[str]:
    return []


ENCODERS: Mapping[str, Callable[[Request, str], list[str]]] = {
    "hello": _plain,
    "exec": _exec,
    "python": _python,
    "cancel": _cancel,
    "read": _read,
    "write": _write,
    "reset": _plain,
    "snapshot": _snapshot,
    "restore": _piece,
    "more": _piece,
}
"""The words after the name and the number; the agent has a function of each of these names."""


@cache
def _source() -> str:
    return (
        resources.files("forethought.sandbox.inside")
        .joinpath("agent.sh")
        .read_text(encoding="utf-8")
    )
