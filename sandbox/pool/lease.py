"""A sandbox on loan from a pool."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from forethought.sandbox.base import (
    MAX_FORK,
    MAX_SNAPSHOT,
    ExecResult,
    Sandbox,
    SandboxUnavailable,
)
from forethought.sandbox.network.contacts import Contact
from forethought.sandbox.wire.remote import RemoteSandbox
from forethought.sandbox.wire.transfer import Stream, closed_on_failure, copy


class LeasedSandbox:
    """Stands for a sandbox of a pool until it is closed, which gives that back.

    Who still holds this afterwards reaches nothing: the sandbox behind it may be another's by then.
    """

    def __init__(
        self,
        sandbox: RemoteSandbox,
        *,
        give_back: Callable[[], None],
        lend: Callable[[int], Awaitable[list[LeasedSandbox]]],
    ) -> None:
        self._sandbox: RemoteSandbox | None = sandbox
        self._give_back = give_back
        self._lend = lend

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
        """Run `argv`; see `Sandbox.exec`."""
        return await self._behind().exec(
            argv, stdin=stdin, cwd=cwd, env=env, timeout_s=timeout_s, max_output=max_output
        )

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
        """Run a Python program; see `Sandbox.python`."""
        return await self._behind().python(
            source, stdin=stdin, cwd=cwd, env=env, timeout_s=timeout_s, max_output=max_output
        )

    async def read(self, path: str, *, max_bytes: int = 16 << 20) -> bytes:
        """Content of a regular file; see `Sandbox.read`."""
        return await self._behind().read(path, max_bytes=max_bytes)

    async def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file, its parent directories too; see `Sandbox.write`."""
        await self._behind().write(path, data, mode=mode)

    async def reset(self) -> None:
        """Kill every process and empty the directories; see `Sandbox.reset`."""
        await self._behind().reset()

    async def snapshot(self, *, max_bytes: int = MAX_SNAPSHOT) -> bytes:
        """The working directory as a tar archive; see `Sandbox.snapshot`."""
        return await self._behind().snapshot(max_bytes=max_bytes)

    async def restore(self, snapshot: bytes) -> None:
        """Reset, then unpack a snapshot; see `Sandbox.restore`."""
        await self._behind().restore(snapshot)

    async def fork(self, n: int, *, max_bytes: int = MAX_FORK) -> list[Sandbox]:
        """`n` more of the pool's sandboxes, with the same files; see `Sandbox.fork`."""
        source = self._behind()
        twins = await self._lend(n)
        async with closed_on_failure(twins):
            await copy(source, twins, max_bytes=max_bytes)
        return list(twins)

    def stream(self, kind: str) -> Stream:
        """Files of this sandbox on their way out or in."""
        return self._behind().stream(kind)

    @property
    def contacts(self) -> Sequence[Contact]:
        """None: a pool's sandboxes reach nothing."""
        return ()

    async def close(self) -> None:
        """Give the sandbox back; safe to call twice."""
        if self._sandbox is not None:
            self._sandbox = None
            self._give_back()

    def _behind(self) -> RemoteSandbox:
        if self._sandbox is None:
            raise SandboxUnavailable("the sandbox was given back to its pool; lease another one")
        return self._sandbox
