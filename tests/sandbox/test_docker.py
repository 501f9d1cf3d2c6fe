"""Containers: what they may do, and that none outlives its controller."""

from __future__ import annotations

import json
import subprocess
from functools import partial
from typing import Any

import anyio
import pytest
from left import leave, wait_until

from forethought.sandbox import ExecResult, SandboxSpec, SandboxUnavailable, open_sandbox
from forethought.sandbox.backend import docker as backend
from forethought.sandbox.backend.limits import SYSCTLS
from forethought.sandbox.backend.owner import owner
from forethought.sandbox.backend.removal import owe, reap
from forethought.sandbox.engine import connect

pytestmark = pytest.mark.docker


def run(*argv: str, spec: SandboxSpec | None = None, timeout_s: float = 30.0) -> ExecResult:
    async def once() -> ExecResult:
        async with open_sandbox(spec, backend="docker") as sandbox:
            return await sandbox.exec(argv, timeout_s=timeout_s)

    return anyio.run(once)


def test_commands_have_no_identity_and_no_capability() -> None:
    status = run("cat", "/proc/self/status").text
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"] == "1000\t1000\t1000\t1000"
    assert fields["Gid"] == "1000\t1000\t1000\t1000"
    assert fields["Groups"].strip() == ""
    assert [fields[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")] == ["0" * 16] * 4
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")


def test_the_engine_was_asked_for_every_limit() -> None:
    async def inspect() -> dict[str, Any]:
        spec = SandboxSpec(cpus=0.5, memory_mb=512, pids=77, disk_mb=64)
        sandbox = await backend.DockerSandbox.open(spec)
        try:
            found = subprocess.run(
                ["docker", "inspect", sandbox.container], capture_output=True, check=True
            )
        finally:
            await sandbox.close()
        host: dict[str, Any] = json.loads(found.stdout)[0]["HostConfig"]
        return host

    host = anyio.run(inspect)
    wanted = {
        "NetworkMode": "none",
        "IpcMode": "private",
        "ReadonlyRootfs": True,
        "Privileged": False,
        "Memory": 512 << 20,
        "MemorySwap": 512 << 20,
        "NanoCpus": 500_000_000,
        "PidsLimit": 77,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "AutoRemove": True,
        "Sysctls": SYSCTLS,
        "Binds": None,
    }
    assert {name: host[name] for name in wanted} == wanted
    rooms = {path: options.partition("mode=1777,")[2] for path, options in host["Tmpfs"].items()}
    assert rooms == {
        "/workspace": "size=64m,nr_inodes=8192",
        "/tmp": "size=32m,nr_inodes=4096",
        "/dev/shm": "size=16m,nr_inodes=2048",
    }


def test_too_much_memory_is_told_and_survived() -> None:
    async def bomb() -> tuple[ExecResult, ExecResult]:
        spec = SandboxSpec(memory_mb=128, disk_mb=16)
        async with open_sandbox(spec, backend="docker") as sandbox:
            killed = await sandbox.exec(["python3", "-c", "bytearray(1 << 30)"])
            return killed, await sandbox.exec(["echo", "alive"])

    killed, after = anyio.run(bomb)
    assert (killed.rc, killed.oom_killed, killed.timed_out) == (137, True, False)
    assert (after.stdout, after.oom_killed) == (b"alive\n", False)


def test_a_command_cannot_kill_or_stop_its_watcher() -> None:
    result = run("sh", "-c", "kill -9 $PPID; kill -STOP $PPID; echo alive")
    assert result.stdout == b"alive\n"
    assert result.stderr.count(b"not permitted") == 2


def test_an_image_that_is_nowhere_is_named() -> None:
    with pytest.raises(SandboxUnavailable, match=r"image 'no\.example/none:1' is not here and"):
        run("true", spec=SandboxSpec(image="no.example/none:1"))


def test_a_runtime_that_is_not_installed_is_named() -> None:
    with pytest.raises(SandboxUnavailable, match="no-such-runtime"):
        run("true", spec=SandboxSpec(runtime="no-such-runtime"))


def test_a_container_that_is_removed_underneath_is_unavailable() -> None:
    async def lose() -> None:
        sandbox = await backend.DockerSandbox.open(SandboxSpec())
        async with anyio.create_task_group() as group:
            group.start_soon(partial(expect_loss, sandbox))
            while (await sandbox.exec(["test", "-e", "begun"])).rc:
                pass
            command = ["docker", "rm", "-f", sandbox.container]
            await anyio.run_process(command)
        await sandbox.close()

    async def expect_loss(sandbox: backend.DockerSandbox) -> None:
        with pytest.raises(SandboxUnavailable, match="the sandbox is gone: its agent has ended"):
            await sandbox.exec(["sh", "-c", "touch begun; exec sleep 60"])

    anyio.run(lose)


def test_many_open_at_once_and_none_is_left() -> None:
    containers: list[str] = []

    async def use(number: int) -> None:
        sandbox = await backend.DockerSandbox.open(SandboxSpec())
        containers.append(sandbox.container)
        try:
            result = await sandbox.exec(["sh", "-c", f"echo {number} > mine; cat mine"])
            assert result.stdout == b"%d\n" % number
        finally:
            await sandbox.close()

    async def use_all() -> None:
        async with anyio.create_task_group() as group:
            for number in range(8):
                group.start_soon(use, number)

    anyio.run(use_all)
    assert len(set(containers)) == 8
    assert set(containers).isdisjoint(all_containers())


def test_the_reaper_removes_only_what_dead_owners_left() -> None:
    parts = owner().split("/")
    with connect() as engine:
        dead = leave(engine, owner="/".join([*parts[:3], "1"]))
        living = leave(engine, owner=owner())
        try:
            reap()
            # Others on this machine reap as well, and one of them may be in the middle of it.
            wait_until(lambda: dead not in all_containers())
            assert living in all_containers()
        finally:
            engine.remove_container(living)


def test_what_could_not_be_removed_goes_with_the_next_sandbox() -> None:
    async def scene() -> None:
        async with open_sandbox(backend="docker"):
            pass

    with connect() as engine:
        left = leave(engine, owner=owner())
        owe(left)
        owe("forethought-that-never-was")
        anyio.run(scene)
        assert left not in all_containers()


def all_containers() -> set[str]:
    listing = subprocess.run(
        ["docker", "ps", "-aq", "--no-trunc"], capture_output=True, text=True, check=True
    )
    return set(listing.stdout.split())
