"""A sandbox behind a wire: what every backend has in common."""

from __future__ import annotations

import asyncio
import io
import itertools
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import anyio

from forethought.sandbox.base import (
    MAX_FORK,
    MAX_SNAPSHOT,
    ExecResult,
    Sandbox,
    SandboxFileError,
)
from forethought.sandbox.inside.archive import PIECE
from forethought.sandbox.network.contacts import Contact
from forethought.sandbox.network.dialer import Dialer
from forethought.sandbox.together import together
from forethought.sandbox.wire.exchange import Exchange
from forethought.sandbox.wire.frames import Reply, Request
from forethought.sandbox.wire.stream import Wire
from forethought.sandbox.wire.transfer import ANSWER_S, Stream, closed_on_failure, copy

BOOT_S = 60.0
CONCURRENT_BOOTS = 4
"""Starting more at once makes none of them ready sooner, and each much later."""


class RemoteSandbox(ABC):
    """A live sandbox whose agent answers at the other end of a wire."""

    def __init__(self, wire: Wire, *, network: Sequence[str] = ()) -> None:
        self._exchange = Exchange(wire)
        self._dialer = Dialer(network, exchange=self._exchange) if network else None
        self._numbers = itertools.count(1)
        self._is_closed = False

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Carry what commands send over the network, if they may reach anything, for so long.

        It may be entered in one task and left in another, as an episode's sandbox is: a task group
        could not. The dialer raises nothing.
        """
        if self._dialer is None:
            yield
            return
        task = asyncio.create_task(self._dialer.run())
        try:
            yield
        finally:
            task.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.wait([task])

    @property
    def contacts(self) -> Sequence[Contact]:
        """What commands reached over the network so far, and what they were refused."""
        return () if self._dialer is None else self._dialer.contacts

    async def greet(self) -> str:
        """The sandbox's Python version, once its agent answers. Raises SandboxUnavailable."""
        request = Request(next(self._numbers), "hello")
        return (await self._exchange.request(request, within_s=BOOT_S)).body.decode()

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

        A command that cannot be found has rc 127, one that cannot be started 126. Raises
        SandboxUnavailable, and ValueError for an argument that no command can be given.
        """
        _require_command(argv, cwd=cwd, env=env)
        request = Request(
            next(self._numbers),
            "exec",
            path=cwd or "",
            argv=list(argv),
            env=dict(env or {}),
            timeout_s=timeout_s,
            limit=max_output,
            body=stdin,
        )
        return await self._run(request)

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
        """Run a Python program as `python3 -` would, without starting an interpreter for it.

        Raises SandboxUnavailable, and ValueError for a NUL character in an argument.
        """
        _require_command(["-"], cwd=cwd, env=env)
        request = Request(
            next(self._numbers),
            "python",
            path=cwd or "",
            argv=[source],
            env=dict(env or {}),
            timeout_s=timeout_s,
            limit=max_output,
            body=stdin,
        )
        return await self._run(request)

    async def _run(self, request: Request) -> ExecResult:
        reply = await self._exchange.request(request, within_s=request.timeout_s + ANSWER_S)
        if reply.error is not None:
            return ExecResult(rc=126, stdout=b"", stderr=f"cannot start: {reply.error}\n".encode())
        return _result(reply)

    async def read(self, path: str, *, max_bytes: int = 16 << 20) -> bytes:
        """Content of a regular file. Raises SandboxFileError, SandboxUnavailable."""
        request = Request(next(self._numbers), "read", path=path, limit=max_bytes)
        return (await self._file_request(request, f"cannot read {path!r}")).body

    async def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file, its parent directories too. Raises SandboxFileError, SandboxUnavailable."""
        request = Request(next(self._numbers), "write", path=path, mode=mode, body=data)
        await self._file_request(request, f"cannot write {path!r}")

    async def reset(self) -> None:
        """Kill every process and empty the working directory. Raises SandboxUnavailable."""
        await self._file_request(Request(next(self._numbers), "reset"), "cannot reset")

    async def snapshot(self, *, max_bytes: int = MAX_SNAPSHOT) -> bytes:
        """The working directory as an uncompressed tar archive; see `Sandbox.snapshot`."""
        archive = io.BytesIO()
        async with self.stream("snapshot") as stream:
            piece = await stream.swap(limit=max_bytes)
            archive.write(piece.body)
            while piece.more:
                piece = await stream.swap()
                archive.write(piece.body)
        return archive.getvalue()

    async def restore(self, snapshot: bytes) -> None:
        """Reset, then unpack a snapshot into the working directory; see `Sandbox.restore`."""
        async with self.stream("restore") as stream:
            for start in range(0, max(1, len(snapshot)), PIECE):
                end = start + PIECE
                await stream.swap(snapshot[start:end], more=end < len(snapshot))

    async def fork(self, n: int, *, max_bytes: int = MAX_FORK) -> list[Sandbox]:
        """`n` new sandboxes with the same files; see `Sandbox.fork`."""
        twins: list[RemoteSandbox] = []

        async def open_one() -> None:
            twins.append(await self._open_twin())

        async with closed_on_failure(twins):
            await together([open_one] * n)
            await copy(self, twins, max_bytes=max_bytes)
        return list(twins)

    def stream(self, kind: str) -> Stream:
        """A snapshot on its way out of here, or one to be restored on its way in."""
        return Stream(self._exchange, self._numbers, kind)

    async def close(self) -> None:
        """End every process and remove what the sandbox used; safe to call twice."""
        if not self._is_closed:
            self._is_closed = True
            self._exchange.broken("it was closed")
            with anyio.CancelScope(shield=True):
                await self._release()

    @abstractmethod
    async def _open_twin(self) -> RemoteSandbox:
        """Another one of the same kind. Raises SandboxUnavailable."""

    @abstractmethod
    async def _release(self) -> None:
        """Remove what the backend made for this sandbox, now that the wire is closed."""

    async def _file_request(self, request: Request, what: str) -> Reply:
        if "\0" in request.path:
            raise ValueError(f"{what}: a path cannot hold a NUL character")
        reply = await self._exchange.request(request, within_s=ANSWER_S)
        if reply.error is not None:
            raise SandboxFileError(f"{what}: {reply.error}")
        return reply


def _require_command(
    argv: Sequence[str], *, cwd: str | None, env: Mapping[str, str] | None
) -> None:
    if isinstance(argv, str):
        raise ValueError(
            f"argv is the string {argv!r}; give a list, such as ['sh', '-c', {argv!r}]"
        )
    if not argv:
        raise ValueError("argv is empty; its first element names the program")
    for text in (*argv, cwd or "", *(env or {}), *(env or {}).values()):
        if "\0" in text:
            raise ValueError(f"{text!r} holds a NUL character, which no command can be given")


def _result(reply: Reply) -> ExecResult:
    return ExecResult(
        rc=reply.rc,
        stdout=reply.body[: reply.num_stdout],
        stderr=reply.body[reply.num_stdout :],
        truncated=reply.truncated,
        timed_out=reply.timed_out,
        oom_killed=reply.oom_killed,
        wall_s=reply.wall_s,
        leftovers=reply.leftovers,
        disk_full=reply.disk_full,
        pids_limited=reply.pids_limited,
        cpu_s=reply.cpu_s,
    )
