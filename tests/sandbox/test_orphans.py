"""Nothing that a sandbox started outlives the process that opened it, however that process ends.

How soon it is gone is measured by benchmarks/perf/chaos.py: two seconds on a machine of its own.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from left import leave, wait_until

from forethought.sandbox import Backend, backends
from forethought.sandbox.checks.tools import long_while
from forethought.sandbox.engine import connect

CONTROLLER = """
import sys, anyio
from forethought.sandbox import open_sandbox

async def main():
    async with open_sandbox(backend=sys.argv[1]) as sandbox:
        await sandbox.exec(["true"])
        print("open", flush=True)
        await sandbox.exec(["sh", "-c", f"(setsid sleep {sys.argv[2]} &); sleep {sys.argv[2]}"])

anyio.run(main)
"""
BUBBLEWRAP = backends()[1]


@pytest.mark.parametrize(
    "backend",
    [
        pytest.param("docker", marks=pytest.mark.docker),
        pytest.param(
            "bwrap", marks=pytest.mark.skipif(not BUBBLEWRAP.usable, reason=BUBBLEWRAP.reason)
        ),
        "local",
    ],
)
def test_killing_the_controller_ends_everything_that_it_started(backend: Backend) -> None:
    seconds = long_while()
    command = [sys.executable, "-c", CONTROLLER, backend, seconds]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as controller:
        assert controller.stdout is not None
        assert controller.stdout.readline() == b"open\n"
        wait_until(lambda: num_sleepers(seconds) == 2)
        controller.send_signal(signal.SIGKILL)
        wait_until(lambda: num_sleepers(seconds) == 0)


CREATES_AND_DIES = """
import os, signal
from forethought.sandbox import SandboxSpec
from forethought.sandbox.backend import docker
from forethought.sandbox.backend.removal import OWNER_LABEL
with docker.connect() as engine:
    docker.watch(docker.address(), label=f"{OWNER_LABEL}={docker.owner()}")
    spec = SandboxSpec()
    name = f"forethought-left-{os.getpid()}"
    print(docker._create(engine, spec, docker.launch(engine, spec), name=name), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.docker
def test_a_container_that_was_never_started_is_removed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CREATES_AND_DIES], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    container = done.stdout.strip()
    with connect() as engine:
        wait_until(lambda: not engine.containers(all=True, filters={"id": container}))


@pytest.mark.docker
def test_the_watchdog_ends_with_its_process_and_spares_what_others_own() -> None:
    script = (
        "from forethought.sandbox.backend import docker\n"
        "print(docker.watch(docker.address(), label='forethought.owner=nobody'), flush=True)\n"
        "print(docker.watch(docker.address(), label='forethought.owner=nobody'), flush=True)\n"
    )
    with connect() as engine:
        other = leave(engine, owner="somebody/1/1/1")
        try:
            done = subprocess.run(
                [sys.executable, "-c", script], capture_output=True, text=True, check=True
            )
            first, second = map(int, done.stdout.split())
            assert first == second
            wait_until(lambda: has_ended(first))
            assert engine.containers(all=True, filters={"id": other})
        finally:
            engine.remove_container(other)


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or waits to be reaped: not every machine's first process does."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return status.rpartition(")")[2].split()[0] in "ZX"


def num_sleepers(seconds: str) -> int:
    """Processes of the host that run `sleep seconds`, those in containers included."""
    found = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found += line == b"sleep\0" + seconds.encode() + b"\0"
    return found
