"""Checks of the files in a sandbox: single ones, resets, snapshots, and its end."""

from __future__ import annotations

from functools import partial

import anyio

from forethought.sandbox.base import Sandbox, SandboxUnavailable
from forethought.sandbox.checks.tools import (
    Check,
    Surprise,
    count,
    expect,
    expect_file_error,
    gather,
    long_while,
    output,
)


async def files_come_back_as_written(sandbox: Sandbox) -> None:
    """Files come back as written: binary, mode, odd names, shorter on the second time."""
    data = bytes(range(256)) * 1000
    await sandbox.write("some/new/place/ünïcode name", data, mode=0o755)
    expect(await sandbox.read("some/new/place/ünïcode name") == data, True)
    expect(await output(sandbox, "stat -c %a some/new/place/*"), "755")
    await sandbox.write("some/new/place/ünïcode name", b"short")
    expect(await sandbox.read("some/new/place/ünïcode name"), b"short")


async def commands_and_files_share_the_directory(sandbox: Sandbox) -> None:
    """Commands and file requests share the working directory."""
    await sandbox.write("in", b"42")
    expect(await output(sandbox, "cat in; echo 43 > out"), "42")
    expect(await sandbox.read("out"), b"43\n")


async def unreadable_paths_are_file_errors(sandbox: Sandbox) -> None:
    """What cannot be read is a SandboxFileError that names the path."""
    await output(sandbox, "mkdir directory; mkfifo pipe; head -c 100 /dev/zero > long")
    for path in ("missing", "directory", "pipe", "long"):
        await expect_file_error(partial(sandbox.read, max_bytes=99), path)


async def unwritable_paths_are_file_errors(sandbox: Sandbox) -> None:
    """What cannot be written is a SandboxFileError that names the path."""
    await output(sandbox, "mkdir directory; echo > file; mkfifo pipe")
    for path in ("directory", "file/below", "pipe"):
        await expect_file_error(partial(sandbox.write, data=b""), path)


async def reset_empties_and_kills(sandbox: Sandbox) -> None:
    """Reset empties the directory, whatever is in it, and kills what runs."""
    seconds = long_while()
    await output(sandbox, "mkdir -p a/b .c; echo > a/b/x; ln -s / root; chmod 000 a/b")
    await output(sandbox, f"(setsid sleep {seconds} &)")
    await sandbox.reset()
    expect(await output(sandbox, "ls -A"), "")
    expect(await count(sandbox, seconds), 0)


async def reset_opens_closed_directories(sandbox: Sandbox) -> None:
    """Reset gives the working directory back as it was, whatever its owner did to it."""
    before = await output(sandbox, "stat -c '%a %u' . /tmp")
    # Where somebody else owns it, that is refused.
    await sandbox.exec(["sh", "-c", "echo > x; chmod 000 . ; chmod 500 /dev/shm"])
    await sandbox.exec(["python3", "-c", "import os; os.setxattr('.', 'user.note', b'hidden')"])
    await sandbox.reset()
    expect(await output(sandbox, "stat -c '%a %u' . /tmp; ls -A"), before)
    names = "import os; print([n for n in os.listxattr('.') if n.startswith('user.')])"
    expect((await sandbox.exec(["python3", "-c", names])).text, "[]\n")


async def reset_ends_what_is_running(sandbox: Sandbox) -> None:
    """A command that a reset ends has exit status 137."""
    seen: list[tuple[int, bool]] = []

    async def run() -> None:
        result = await sandbox.exec(["sleep", long_while()], timeout_s=15)
        seen.append((result.rc, result.timed_out))

    async def interrupt() -> None:
        await anyio.sleep(0.3)
        await sandbox.reset()

    await gather([run, interrupt])
    expect(seen, [(137, False)])


async def a_snapshot_brings_back_the_files(sandbox: Sandbox) -> None:
    """A snapshot brings back files, modes and links, and nothing else stays."""
    await output(sandbox, "mkdir d; echo one > d/f; chmod 750 d/f; ln -s d/f l; ln d/f h")
    snapshot = await sandbox.snapshot()
    await output(sandbox, "rm -r d; echo two > new")
    await sandbox.restore(snapshot)
    expect(await output(sandbox, "find . | sort | xargs"), ". ./d ./d/f ./h ./l")
    expect(await output(sandbox, "cat l; stat -c '%a %h' d/f; readlink l"), "one\n750 2\nd/f")


async def it_closes_twice_and_is_gone(sandbox: Sandbox) -> None:
    """A sandbox closes twice, and runs nothing after."""
    await sandbox.close()
    await sandbox.close()
    try:
        await sandbox.exec(["true"])
    except SandboxUnavailable:
        return
    raise Surprise("a closed sandbox still runs commands")


FILE_CHECKS: tuple[Check, ...] = (
    files_come_back_as_written,
    commands_and_files_share_the_directory,
    unreadable_paths_are_file_errors,
    unwritable_paths_are_file_errors,
    reset_empties_and_kills,
    reset_opens_closed_directories,
    reset_ends_what_is_running,
    a_snapshot_brings_back_the_files,
    it_closes_twice_and_is_gone,
)
