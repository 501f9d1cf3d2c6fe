"""Checks of what is odd: files of every kind at a reset, and commands that mishandle themselves."""

from __future__ import annotations

import signal

from forethought.sandbox.base import Sandbox
from forethought.sandbox.checks.tools import Check, expect, gather, output

SPECIAL = """
import contextlib, os, socket
os.mkfifo("pipe")
socket.socket(socket.AF_UNIX).bind("socket")
os.symlink("/proc/self/fd/0", "link")
for name in (b"two\\nlines", b"\\xff\\xfe", b"-rf", b" "):
    os.close(os.open(name, os.O_CREAT))
"""
MANY_DEEP_AND_LOCKED = """
import contextlib, os
top = os.getcwd()
os.mkdir("many")
for number in range(5000):
    os.close(os.open(f"many/{number}", os.O_CREAT))
os.makedirs("locked/inner")
os.chmod("locked", 0)
for _ in range(2000):
    os.mkdir("deep")
    os.chdir("deep")
with contextlib.suppress(PermissionError):
    os.chmod(top, 0)
"""
TRACED = """
import ctypes, os, signal
ctypes.CDLL(None).ptrace(0, 0, 0, 0)
os.kill(os.getpid(), signal.SIGUSR1)
"""
REOPENED = "echo out > /dev/stdout; echo err > /dev/stderr; cat /dev/stdin > /proc/self/fd/1"


async def reset_removes_special_files(sandbox: Sandbox) -> None:
    """Reset removes pipes, sockets, links and names of any bytes."""
    expect((await sandbox.exec(["python3", "-c", SPECIAL])).text, "")
    await sandbox.reset()
    expect(await output(sandbox, "ls -A"), "")


async def reset_removes_trees_that_resist(sandbox: Sandbox) -> None:
    """Reset removes thousands of files, trees deeper than any path, and what is locked."""
    expect((await sandbox.exec(["python3", "-c", MANY_DEEP_AND_LOCKED], timeout_s=60)).text, "")
    await sandbox.reset()
    expect(await output(sandbox, "touch new; ls -A"), "new")


async def a_snapshot_takes_special_files(sandbox: Sandbox) -> None:
    """A snapshot takes pipes, links and names of any bytes; sockets it leaves out."""
    expect((await sandbox.exec(["python3", "-c", SPECIAL])).text, "")
    names = "import os; print(sorted(os.listdir(b'.')))"
    before = (await sandbox.exec(["python3", "-c", names])).text
    await sandbox.restore(await sandbox.snapshot())
    after = (await sandbox.exec(["python3", "-c", names])).text
    expect(after, before.replace("b'socket', ", ""))
    expect(await output(sandbox, "test -p pipe; echo $?; readlink link"), "0\n/proc/self/fd/0")


async def a_sparse_file_is_no_snapshot(sandbox: Sandbox) -> None:
    """A file that says it is longer than the disk ends no sandbox when a snapshot is made."""
    size = "import os; room = os.statvfs('.'); print(room.f_blocks * room.f_frsize * 2)"
    await output(sandbox, f'truncate -s $(python3 -c "{size}") hollow')
    try:
        await sandbox.snapshot()
    except OSError as error:
        expect("more than the" in str(error), True)
    expect(await output(sandbox, "echo alive"), "alive")


async def a_command_that_is_traced_is_watched(sandbox: Sandbox) -> None:
    """A command that asks to be traced and stops ends at its time limit, or by its signal."""
    result = await sandbox.exec(["python3", "-c", TRACED], timeout_s=1)
    killed = 128 + signal.SIGUSR1
    expect((result.rc, result.timed_out) in ((137, True), (killed, False)), True)


async def a_stopped_command_ends_at_its_limit(sandbox: Sandbox) -> None:
    """A command that stops itself and its children ends at its time limit."""
    result = await sandbox.exec(["sh", "-c", "sleep 60 & kill -STOP $! $$"], timeout_s=1)
    expect((result.rc, result.timed_out), (137, True))


async def streams_may_be_closed(sandbox: Sandbox) -> None:
    """A command that closes its streams is waited for all the same."""
    result = await sandbox.exec(["sh", "-c", "exec <&- >&- 2>&-; sleep 0.2; exit 3"])
    expect((result.rc, result.text), (3, ""))


async def streams_may_be_opened_again(sandbox: Sandbox) -> None:
    """/dev/stdin, /dev/stdout and /dev/stderr can be opened."""
    result = await sandbox.exec(["sh", "-c", REOPENED], stdin=b"in")
    expect((result.stdout, result.stderr), (b"out\nin", b"err\n"))


async def both_streams_may_be_flooded(sandbox: Sandbox) -> None:
    """A flood of both streams by several processes stalls nothing."""
    flood = "yes | head -c 1000000"
    script = f"yes & yes >&2 & yes >&2 & {flood}; {flood} >&2; exit 4"
    result = await sandbox.exec(["sh", "-c", script], max_output=1000, timeout_s=20)
    expect(
        (result.rc, result.truncated, len(result.stdout), len(result.stderr)), (4, True, 1000, 1000)
    )


async def commands_beside_a_reset_are_told(sandbox: Sandbox) -> None:
    """Ten commands that a reset ends are all answered."""

    async def run() -> None:
        expect((await sandbox.exec(["sleep", "7120"], timeout_s=30)).rc, 137)

    async def interrupt() -> None:
        await output(sandbox, "sleep 0.5")
        await sandbox.reset()

    await gather([*[run] * 10, interrupt])


ODD_CHECKS: tuple[Check, ...] = (
    reset_removes_special_files,
    reset_removes_trees_that_resist,
    a_snapshot_takes_special_files,
    a_sparse_file_is_no_snapshot,
    a_command_that_is_traced_is_watched,
    a_stopped_command_ends_at_its_limit,
    streams_may_be_closed,
    streams_may_be_opened_again,
    both_streams_may_be_flooded,
    commands_beside_a_reset_are_told,
)
