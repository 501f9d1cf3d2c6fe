"""Files go from container to container: little of them in memory here, nothing left behind."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from forethought.sandbox import (
    Sandbox,
    SandboxFileError,
    SandboxSpec,
    SandboxUnavailable,
    open_sandbox,
)
from forethought.sandbox.backend.docker import OWNER_LABEL, DockerSandbox
from forethought.sandbox.backend.owner import owner
from forethought.sandbox.wire.frames import Reply
from forethought.sandbox.wire.transfer import Stream

pytestmark = pytest.mark.docker
PAGE = 4096


async def shell(sandbox: Sandbox, script: str) -> str:
    result = await sandbox.exec(["sh", "-c", script], timeout_s=120)
    assert (result.rc, result.stderr) == (0, b"")
    return result.stdout.decode().strip()


async def containers() -> set[bytes]:
    """Those of this process, what other tests left to it included."""
    listing = await anyio.run_process(
        ["docker", "ps", "-aq", "--filter", f"label={OWNER_LABEL}={owner()}"]
    )
    return set(listing.stdout.split())


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / (1 << 20)


def test_a_fork_of_a_hundred_megabytes_takes_twenty_of_memory_here() -> None:
    async def scene() -> None:
        async with open_sandbox(SandboxSpec(disk_mb=160), backend="docker") as sandbox:
            await shell(sandbox, "for i in 1 2 3 4; do head -c 25000000 /dev/urandom > $i; done")
            wanted = await shell(sandbox, "md5sum *")
            before, peak = resident_mb(), 0.0

            async def watch() -> None:
                nonlocal peak
                while True:
                    peak = max(peak, resident_mb())
                    await anyio.sleep(0.01)

            async with anyio.create_task_group() as group:
                group.start_soon(watch)
                children = await sandbox.fork(2)
                group.cancel_scope.cancel()
            try:
                assert [await shell(child, "md5sum *") for child in children] == [wanted] * 2
                assert peak - before < 20
            finally:
                for child in children:
                    await child.close()

    anyio.run(scene)


def test_a_fork_that_is_refused_or_cancelled_leaves_no_container() -> None:
    async def scene() -> None:
        before = await containers()
        async with open_sandbox(backend="docker") as sandbox:
            own = await containers() - before
            assert len(own) == 1
            await shell(sandbox, "head -c 50000000 /dev/urandom > big; echo > small")
            with pytest.raises(SandboxFileError, match=r"snapshot: it takes 50002\d+ bytes, more"):
                await sandbox.fork(2, max_bytes=50_000_000)
            assert await containers() - before == own
            for delay_s in (0.1, 0.4, 0.8, 1.2):
                with anyio.move_on_after(delay_s) as scope:
                    for child in await sandbox.fork(2):
                        await child.close()
                assert scope.cancelled_caught or delay_s > 0.1
                assert await containers() - before == own
            assert await shell(sandbox, "stat -c %s big") == "50000000"

    anyio.run(scene)


class Mortal(DockerSandbox):
    """Dies when the first piece of its files is on its way."""

    def stream(self, kind: str) -> Stream:
        return Torn(super().stream(kind), self) if kind == "snapshot" else super().stream(kind)


class Torn(Stream):
    def __init__(self, whole: Stream, sandbox: DockerSandbox) -> None:
        self.__dict__.update(whole.__dict__)
        self._sandbox = sandbox

    async def swap(self, body: bytes = b"", *, limit: int = 0, more: bool = False) -> Reply:
        piece = await super().swap(body, limit=limit, more=more)
        await self._sandbox.close()
        return piece


def test_a_sandbox_that_dies_while_it_is_forked_is_unavailable() -> None:
    async def scene() -> None:
        before = await containers()
        sandbox = await Mortal.open(SandboxSpec())
        try:
            await shell(sandbox, "head -c 5000000 /dev/zero > big")
            with pytest.raises(SandboxUnavailable, match="the sandbox is gone"):
                await sandbox.fork(1)
        finally:
            await sandbox.close()
        assert await containers() <= before

    anyio.run(scene)


def test_hostile_trees_are_copied_as_they_are_or_refused() -> None:
    async def scene() -> None:
        async with open_sandbox(backend="docker") as sandbox:
            await shell(
                sandbox,
                "ln -s /etc/passwd absolute; ln -s ../../.. up;"
                "cp /bin/busybox .; chmod 6755 busybox;"
                "python3 -c \"import socket; socket.socket(socket.AF_UNIX).bind('socket')\";"
                "python3 -c \"for i in range(30000): open(f'f{i}', 'w')\"",
            )
            with pytest.raises(
                SandboxFileError, match=r"takes 1\d{7} bytes, more than the 16777216"
            ):
                await sandbox.snapshot(max_bytes=16 << 20)
            (child,) = await sandbox.fork(1)
            try:
                assert await shell(child, "readlink absolute; readlink up; ls | wc -l") == (
                    "/etc/passwd\n../../..\n30003"
                )
                # The bits are there, and mean nothing: the directory is mounted without them.
                assert await shell(child, "stat -c %a busybox; ./busybox id -u") == "6755\n1000"
            finally:
                await child.close()

    anyio.run(scene)


def test_what_does_not_fit_is_a_file_error() -> None:
    async def scene() -> None:
        small = SandboxSpec(disk_mb=4)
        async with (
            open_sandbox(backend="docker") as source,
            open_sandbox(small, backend="docker") as target,
        ):
            await shell(source, "head -c 8000000 /dev/urandom > big")
            with pytest.raises(SandboxFileError, match="cannot restore: No space left on device"):
                await target.restore(await source.snapshot())
            await target.reset()
            assert await shell(target, "ls -A") == ""
            with pytest.raises(SandboxFileError, match="cannot restore: this is no tar archive"):
                await target.restore(b"garbage " * 1000)

    anyio.run(scene)
