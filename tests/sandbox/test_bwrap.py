"""Namespaces without an engine: what the shared user of agent and commands can do."""

from __future__ import annotations

import anyio
import pytest

from forethought.sandbox import ExecResult, backends, open_sandbox

(STATUS,) = (status for status in backends() if status.name == "bwrap")
pytestmark = pytest.mark.skipif(not STATUS.usable, reason=STATUS.reason)


def run_and_go_on(script: str, *, timeout_s: float = 30.0) -> ExecResult:
    async def session() -> ExecResult:
        async with open_sandbox(backend="bwrap") as sandbox:
            result = await sandbox.exec(["sh", "-c", script], timeout_s=timeout_s)
            assert (await sandbox.exec(["echo", "alive"])).text == "alive\n"
            await sandbox.reset()
            assert (await sandbox.exec(["echo", "alive"])).text == "alive\n"
            return result

    return anyio.run(session)


@pytest.mark.slow
def test_a_command_that_stops_its_watcher_has_run_too_long() -> None:
    result = run_and_go_on("(setsid sleep 60 &); kill -STOP -1; sleep 60", timeout_s=1)
    assert (result.rc, result.timed_out) == (137, True)


def test_a_command_that_kills_its_watcher_is_killed() -> None:
    result = run_and_go_on("kill -KILL -1; kill -KILL $PPID; sleep 60")
    assert (result.rc, result.timed_out) == (137, False)


def test_a_locked_working_directory_is_unlocked_by_a_reset() -> None:
    async def session() -> None:
        async with open_sandbox(backend="bwrap") as sandbox:
            await sandbox.exec(["chmod", "000", "/workspace"])
            assert (await sandbox.exec(["true"])).rc == 126
            await sandbox.reset()
            assert (await sandbox.exec(["true"])).rc == 0

    anyio.run(session)


def test_memory_that_would_outlive_its_processes_is_refused() -> None:
    code = "import ctypes; print(ctypes.CDLL(None).shmget(0, 1 << 20, 0o1600))"
    assert run_and_go_on(f"python3 -c '{code}'").text == "-1\n"
