"""Checks of what a sandbox keeps commands away from; not for a backend that promises nothing."""

from __future__ import annotations

from functools import partial

from forethought.sandbox.base import Sandbox, SandboxFileError
from forethought.sandbox.checks.tools import Check, expect, expect_file_error, output

MORE_MB_THAN_ANY_DISK = 3 << 10
"""A bound in case nothing else bounds them."""
SHARED = "import ctypes; print(ctypes.CDLL(None).shmget(7108, 4096, 0o1600))"
FORK_BOMB = """
import os, time
children = 0
try:
    while children < 2000:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        children += 1
except OSError:
    print(children)
"""


async def there_is_no_network(sandbox: Sandbox) -> None:
    """There is no network but the loopback interface."""
    names = "import socket; print(*sorted(name for _, name in socket.if_nameindex()))"
    expect((await sandbox.exec(["python3", "-c", names])).text.strip(), "lo")


async def the_system_cannot_be_written(sandbox: Sandbox) -> None:
    """The system cannot be written to."""
    for path in ("/usr/planted", "/bin/planted", "/etc/planted", "/planted"):
        await expect_file_error(partial(sandbox.write, data=b""), path)


async def the_agent_cannot_be_harmed_or_read(sandbox: Sandbox) -> None:
    """The agent can be neither killed nor read, and no frame can be forged."""
    await sandbox.exec(["sh", "-c", "kill -9 1; kill -STOP 1"])
    for script in ("head -c 1 /proc/1/mem", "head -c 1 /proc/1/fd/0", "echo x > /proc/1/fd/1"):
        result = await sandbox.exec(["sh", "-c", script])
        expect((script, result.rc != 0, result.stdout), (script, True, b""))
    expect(await output(sandbox, "echo alive"), "alive")


async def a_fork_bomb_is_bounded_and_swept_up(sandbox: Sandbox) -> None:
    """A fork bomb is bounded, counted and swept up."""
    result = await sandbox.exec(["python3", "-c", FORK_BOMB], timeout_s=30)
    expect((result.rc, 0 < int(result.stdout or 0) < 1000), (0, True))
    expect(result.leftovers, int(result.stdout))
    expect(await output(sandbox, "echo alive"), "alive")


async def reset_leaves_no_message(sandbox: Sandbox) -> None:
    """What a command leaves in shared memory or a queue does not outlive a reset, or fails it."""
    await sandbox.exec(
        ["sh", "-c", "echo > /dev/shm/left; echo > /tmp/left; touch /dev/mqueue/left"]
    )
    await sandbox.exec(["python3", "-c", SHARED])
    try:
        await sandbox.reset()
    except SandboxFileError as error:
        expect("/proc/sysvipc/shm" in str(error), True)
        return
    seen = "ls -A /dev/shm /dev/mqueue; cat /proc/sysvipc/*"
    expect("left" in (text := (await sandbox.exec(["sh", "-c", seen])).text), False)
    expect("7108" in text, False)


async def memory_is_bounded(sandbox: Sandbox) -> None:
    """A process cannot take 8 GiB of memory."""
    result = await sandbox.exec(["python3", "-c", "print(len(bytearray(8 << 30)))"])
    expect((result.rc != 0, result.stdout), (True, b""))
    expect(await output(sandbox, "echo alive"), "alive")


async def full_directories_are_survived(sandbox: Sandbox) -> None:
    """Every directory can be filled, and the sandbox lives."""
    for directory in (".", "/tmp", "/dev/shm"):
        script = f"dd if=/dev/zero of={directory}/big bs=1M count={MORE_MB_THAN_ANY_DISK}"
        result = await sandbox.exec(["sh", "-c", script], timeout_s=60)
        expect((result.rc != 0, result.timed_out), (True, False))
    await expect_file_error(partial(sandbox.write, data=bytes(1 << 20)), "more")
    expect(await output(sandbox, "echo full"), "full")
    await sandbox.reset()
    expect(await output(sandbox, "echo alive"), "alive")


ISOLATION_CHECKS: tuple[Check, ...] = (
    there_is_no_network,
    the_system_cannot_be_written,
    the_agent_cannot_be_harmed_or_read,
    a_fork_bomb_is_bounded_and_swept_up,
    reset_leaves_no_message,
    memory_is_bounded,
    full_directories_are_survived,
)
