"""Pools of real containers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial

import anyio
import pytest
from left import leave, wait_until
from lending import until

from forethought.sandbox import SandboxPool, SandboxSpec, SandboxUnavailable, check_sandbox
from forethought.sandbox.backend.owner import owner
from forethought.sandbox.engine import connect

pytestmark = pytest.mark.docker

LEAVE_SHARED = "import ctypes; print(ctypes.CDLL(None).shmget(7108, 4096, 0o1600))"
NOWHERE = "127.0.0.1:9/none:1"
"""Refuses at once, where a name would be looked up for as long as the machine's resolver takes."""
MANY = """
import json, os, sys, time, anyio
from pathlib import Path
from forethought.sandbox import SandboxPool

def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / (1 << 20)

async def main(num_live):
    async with SandboxPool(max_live=num_live, warm=0) as pool:
        async with pool.lease(backend="docker") as sandbox:
            await sandbox.exec(["true"])
        before = resident_mb()
        ready, done = [], anyio.Event()

        async def take():
            async with pool.lease(backend="docker") as sandbox:
                await sandbox.exec(["true"])
                ready.append(sandbox)
                await done.wait()

        async with anyio.create_task_group() as group:
            for _ in range(num_live):
                group.start_soon(take)
            while len(ready) < num_live:
                await anyio.sleep(0.1)
            print(json.dumps({"live": pool.stats().live, "mb": resident_mb() - before}))
            done.set()

anyio.run(main, int(sys.argv[1]))
"""


@pytest.mark.slow
def test_a_sandbox_on_loan_keeps_the_contract_used_ones_too() -> None:
    async def check() -> None:
        async with SandboxPool(max_live=1, warm=0, max_uses=1000) as pool:
            findings = await check_sandbox(partial(pool.lease, backend="docker"))
            assert [finding for finding in findings if not finding.ok] == []
            assert pool.stats().reused > 20

    anyio.run(check)


def test_what_a_reset_cannot_remove_is_not_handed_on() -> None:
    async def scene() -> None:
        async with SandboxPool(max_live=1, warm=0) as pool:
            async with pool.lease(backend="docker") as sandbox:
                made = await sandbox.exec(["python3", "-c", LEAVE_SHARED])
            async with pool.lease(backend="docker") as sandbox:
                seen = await sandbox.exec(["cat", "/proc/sysvipc/shm"])
                assert seen.text.count("\n") == 1
            # Either the reset removes it, or the sandbox that has it is closed.
            is_made = not made.text.startswith("-1")
            assert pool.stats().recycled in ({"unclean": 1}, {}) if is_made else True

    anyio.run(scene)


def test_a_spec_that_cannot_be_fulfilled_fails_at_once_and_harms_no_other() -> None:
    async def scene() -> None:
        async with SandboxPool(max_live=2, warm=0) as pool:
            async with pool.lease(backend="docker"):
                pass
            for _ in range(4):
                with (
                    anyio.fail_after(60),
                    pytest.raises(SandboxUnavailable, match=f"image '{NOWHERE}' is not here"),
                ):
                    async with pool.lease(SandboxSpec(image=NOWHERE)):
                        pass
            async with pool.lease(backend="docker") as sandbox:
                assert (await sandbox.exec(["echo", "well"])).text == "well\n"
            assert pool.stats().failures == 4

    anyio.run(scene)


def test_a_pool_removes_what_dead_owners_left() -> None:
    dead = "/".join([*owner().split("/")[:3], "1"])

    async def scene() -> None:
        async with SandboxPool(max_live=1, warm=0) as pool, pool.lease(backend="docker"):
            pass

    anyio.run(scene)
    with connect() as engine:
        left = leave(engine, owner=dead)
        anyio.run(scene)
        # Others on this machine reap as well, and one of them may be in the middle of it.
        wait_until(lambda: left not in {each["Id"] for each in engine.containers(all=True)})


@pytest.mark.slow
def test_a_live_sandbox_takes_less_than_a_megabyte_here() -> None:
    num_live = int(os.environ.get("FORETHOUGHT_NUM_LIVE", "12"))
    done = subprocess.run(
        [sys.executable, "-c", MANY, str(num_live)], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert found["live"] == num_live
    assert found["mb"] / num_live < 1.0, found


def test_a_container_that_is_removed_on_the_shelf_is_not_lent() -> None:
    async def scene() -> None:
        async with SandboxPool(max_live=1, warm=0) as pool:
            async with pool.lease(backend="docker") as sandbox:
                name = (await sandbox.exec(["hostname"])).text.strip()
            await until(lambda: pool.stats().idle == 1)
            await anyio.run_process(["docker", "rm", "-f", name])
            async with pool.lease(backend="docker") as sandbox:
                assert (await sandbox.exec(["echo", "well"])).text == "well\n"
            assert pool.stats().recycled == {"broken": 1}

    anyio.run(scene)
