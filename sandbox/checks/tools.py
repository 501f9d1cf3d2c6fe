"""What the checks of a sandbox are written with."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

import anyio

from forethought.sandbox.base import Sandbox, SandboxError, SandboxFileError

LIMIT_S = 2.0
"""Seconds until a command is killed that has to begin before: machines may be busy."""
Check = Callable[[Sandbox], Awaitable[None]]
"""Its docstring says what holds if it returns; else it raises Surprise or a SandboxError."""


class Surprise(Exception):
    """A check saw something else than the contract says."""


def expect(seen: object, wanted: object) -> None:
    """Raises Surprise with both, shortened, unless they are equal."""
    if seen != wanted:
        raise Surprise(f"wanted {wanted!r}, saw {seen!r}"[:500])


async def expect_file_error(act: Callable[[str], Awaitable[object]], path: str) -> None:
    """Raises Surprise unless `act` raises a SandboxFileError that names the path."""
    try:
        await act(path)
    except SandboxFileError as error:
        expect(path in str(error), True)
    else:
        raise Surprise(f"{path!r} gave no error")


async def output(sandbox: Sandbox, script: str) -> str:
    """Stripped output of a shell script that complains of nothing."""
    result = await sandbox.exec(["sh", "-c", script])
    expect(result.stderr, b"")
    return result.stdout.decode("utf-8", "backslashreplace").strip()


def long_while() -> str:
    """Seconds to sleep, years of them, that no other process on this machine sleeps.

    A sandbox may see more of the machine than its own processes: those of another one, say, in
    which the same checks run.
    """
    return str(10**8 + secrets.randbelow(9 * 10**8))


async def count(sandbox: Sandbox, needle: str) -> int:
    """Processes whose command line holds `needle`; nothing but /proc is needed to tell."""
    script = (
        "import os, sys\n"
        "found = 0\n"
        "for pid in filter(str.isdigit, os.listdir('/proc')):\n"
        "    try:\n"
        "        line = open(f'/proc/{pid}/cmdline').read()\n"
        "    except OSError:\n"
        "        continue\n"
        "    found += sys.argv[1] in line and int(pid) != os.getpid()\n"
        "print(found)\n"
    )
    result = await sandbox.exec(["python3", "-c", script, needle])
    expect(result.stderr, b"")
    return int(result.stdout)


async def gather(tasks: list[Callable[[], Awaitable[None]]]) -> None:
    """Run all at once; the first error cancels the others and is raised as itself."""
    errors: list[Surprise | SandboxError] = []

    async def run(task: Callable[[], Awaitable[None]]) -> None:
        try:
            await task()
        except (Surprise, SandboxError) as error:
            errors.append(error)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for task in tasks:
            group.start_soon(run, task)
    if errors:
        raise errors[0]
