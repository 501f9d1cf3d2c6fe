"""A sandbox opened at its first use: an episode that never runs anything pays nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack

import anyio

from forethought.sandbox import (
    MAX_FORK,
    MAX_SNAPSHOT,
    Contact,
    ExecResult,
    Sandbox,
    SandboxFileError,
    SandboxUnavailable,
)


class LazySandbox:
    """Stands for a sandbox and is one; agents that share it share the sandbox behind it.

    `files`, a snapshot, are in its working directory from the beginning. Every method raises what
    the sandbox behind it raises, and SandboxUnavailable once it is closed.
    """

    def __init__(
        self,
        open_sandbox: Callable[[], AbstractAsyncContextManager[Sandbox]],
        *,
        files: bytes | None = None,
    ) -> None:
        self._open_sandbox = open_sandbox
        self._files = files
        self._sandbox: Sandbox | None = None
        self._opening = anyio.Lock()
        self._stack = AsyncExitStack()
        self._closed = False

    @property
    def is_open(self) -> bool:
        """Whether there is a sandbox behind it by now."""
        return self._sandbox is not None and not self._closed

    @property
    def contacts(self) -> Sequence[Contact]:
        """What commands reached over the network so far; see `Sandbox.contacts`."""
        return () if self._sandbox is None else self._sandbox.contacts

    @property
    def is_untouched(self) -> bool:
        """Whether nobody has used it yet, so that it holds what it began with."""
        return self._sandbox is None and not self._closed

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
        sandbox = await self._opened()
        return await sandbox.exec(
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
        sandbox = await self._opened()
        return await sandbox.python(
            source, stdin=stdin, cwd=cwd, env=env, timeout_s=timeout_s, max_output=max_output
        )

    async def read(self, path: str, *, max_bytes: int = 16 << 20) -> bytes:
        """Content of a regular file; a sandbox that was never used has what it began with."""
        if self._sandbox is None and self._files is None and not path.startswith("/"):
            raise SandboxFileError(f"{path}: no such file")
        return await (await self._opened()).read(path, max_bytes=max_bytes)

    async def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file, its parent directories too."""
        await (await self._opened()).write(path, data, mode=mode)

    async def reset(self) -> None:
        """Kill every process and empty the working directory."""
        await (await self._opened()).reset()

    async def snapshot(self, *, max_bytes: int = MAX_SNAPSHOT) -> bytes:
        """The working directory as an uncompressed tar archive."""
        return await (await self._opened()).snapshot(max_bytes=max_bytes)

    async def kept(self) -> bytes | None:
        """`snapshot`; of a sandbox that was never used what it began with, without opening it."""
        if self._sandbox is None and not self._closed:
            return self._files
        return await self.snapshot()

    async def restore(self, snapshot: bytes) -> None:
        """Reset, then unpack a snapshot into the working directory."""
        await (await self._opened()).restore(snapshot)

    async def fork(self, n: int, *, max_bytes: int = MAX_FORK) -> list[Sandbox]:
        """`n` new sandboxes with the same files; see `Sandbox.fork`."""
        return await (await self._opened()).fork(n, max_bytes=max_bytes)

    async def close(self) -> None:
        """Close the sandbox, if there ever was one; safe to call twice."""
        self._closed = True
        await self._stack.aclose()

    async def _opened(self) -> Sandbox:
        async with self._opening:
            if self._closed:
                raise SandboxUnavailable("the episode has ended and its sandbox is closed")
            if self._sandbox is None:
                sandbox = await self._stack.enter_async_context(self._open_sandbox())
                if self._files is not None:
                    await sandbox.restore(self._files)
                self._sandbox = sandbox
            return self._sandbox
