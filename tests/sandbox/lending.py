"""What the tests of pools share: leases of local sandboxes, and what is left of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from forethought.sandbox import (
    Sandbox,
    SandboxPool,
    SandboxSpec,
    holding,
)

OTHER = SandboxSpec(cpus=2.0)
"""Another kind, as far as a pool can tell."""


async def until(condition: Callable[[], bool], *, within_s: float = 60.0) -> None:
    with anyio.fail_after(within_s):
        while not condition():
            await anyio.sleep(0.01)


async def text(sandbox: Sandbox, *argv: str) -> str:
    return (await sandbox.exec(argv)).text.strip()


def agents() -> set[str]:
    """Agents that are children of this process, what others left to it included."""
    threads = Path("/proc/self/task").glob("*/children")
    children = [pid for each in threads for pid in _read(each).decode().split()]
    lines = {pid: _read(Path(f"/proc/{pid}/cmdline")) for pid in children}
    return {pid for pid, line in lines.items() if b"sandbox.wire.frames" in line}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""  # the thread or the process has ended since it was listed


async def hold(pool: SandboxPool, done: anyio.Event, held: list[Sandbox]) -> None:
    """A task of its own that holds one; what is started within a lease counts as a part of it."""
    async with lease(pool) as sandbox:
        held.append(sandbox)
        await done.wait()


@asynccontextmanager
async def lease(pool: SandboxPool, spec: SandboxSpec | None = None) -> AsyncIterator[Sandbox]:
    """One for a line of work of its own, as an episode is."""
    with holding():
        async with pool.lease(spec, backend="local") as sandbox:
            yield sandbox
