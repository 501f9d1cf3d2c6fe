"""Nothing that a sandbox started outlives the process that opened it, however that process ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from forethought.sandbox import Backend, backends

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
    ("backend", "seconds"),
    [
        pytest.param("docker", "7201", marks=pytest.mark.docker),
        pytest.param(
            "bwrap",
            "7202",
            marks=pytest.mark.skipif(not BUBBLEWRAP.usable, reason=BUBBLEWRAP.reason),
        ),
        ("local", "7203"),
    ],
    ids=["docker", "bwrap", "local"],
)
def test_killing_the_controller_ends_everything_in_two_seconds(
    backend: Backend, seconds: str
) -> None:
    command = [sys.executable, "-c", CONTROLLER, backend, seconds]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as controller:
        assert controller.stdout is not None
        assert controller.stdout.readline() == b"open\n"
        wait_until(lambda: num_sleepers(seconds) == 2, within_s=10)
        controller.send_signal(signal.SIGKILL)
        wait_until(lambda: num_sleepers(seconds) == 0, within_s=2)


def wait_until(condition: Callable[[], bool], *, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


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
