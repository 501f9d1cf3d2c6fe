"""Checks of snapshots that are not easy to take, and of forks."""

from __future__ import annotations

from forethought.sandbox.base import Sandbox, SandboxFileError
from forethought.sandbox.checks.tools import Check, Surprise, expect, gather, output

TREE = """
mkdir -p a/b "with space"; echo one > a/b/f; echo two > "with space/ünïcode"; echo > .hidden
ln a/b/f hard; ln -s a/b/f soft; ln -s /nowhere dangling; mkfifo pipe; chmod 4751 a/b/f
name=$(printf '%0150d' 0); mkdir $name; echo long > $name/$name; ln -s $name/$name far
echo secret > closed; chmod 000 closed; mkdir shut; echo in > shut/f; chmod 000 shut
touch -d '2001-02-03 04:05:06' a/b a
"""
LISTING = """
chmod 700 shut; chmod 400 closed
find . ! -name . | sort | while read -r f; do
    stat -c '%n %a %h %F' "$f"; test -h "$f" && readlink "$f"; test -f "$f" && cat "$f"
done
stat -c %Y a a/b
"""


async def odd_trees_survive_a_snapshot(sandbox: Sandbox) -> None:
    """Odd trees survive a snapshot: modes, times, links, pipes, long names, closed doors."""
    await output(sandbox, TREE)
    snapshot = await sandbox.snapshot()
    expect(await output(sandbox, "stat -c %a closed shut | xargs"), "0 0")
    before = await output(sandbox, LISTING)
    await sandbox.restore(snapshot)
    expect(await output(sandbox, "stat -c %a closed shut | xargs"), "0 0")
    expect(await output(sandbox, LISTING), before)


async def a_snapshot_that_is_too_long_is_refused(sandbox: Sandbox) -> None:
    """A snapshot longer than allowed is a SandboxFileError that says how long."""
    await output(sandbox, "head -c 2000000 /dev/zero > file")
    # A file with a hole is as long as it says: the archive would hold all of it.
    for script, size in (("true", 2_000_000), ("truncate -s 1099511627776 file", 1 << 40)):
        await output(sandbox, script)
        try:
            await sandbox.snapshot(max_bytes=1 << 20)
        except SandboxFileError as error:
            expect(str(size + 3 * 512) in str(error), True)
        else:
            raise Surprise(f"{size} bytes fitted into a megabyte")
    await output(sandbox, "echo small > file")
    expect(len(await sandbox.snapshot(max_bytes=4096)), 2048)


async def a_fork_has_the_files_and_then_its_own(sandbox: Sandbox) -> None:
    """A fork has the same files, and then its own; the original goes on undisturbed."""
    await output(sandbox, "mkdir -p a; head -c 3000000 /dev/urandom > a/big; ln -s a/big link")
    wanted = await output(sandbox, "md5sum a/big; readlink link")
    children = await sandbox.fork(2)
    try:
        for number, child in enumerate(children):
            expect(await output(child, "md5sum a/big; readlink link"), wanted)
            await child.write("mine", b"%d" % number)
        await output(children[0], "rm -r a")
        expect(await output(sandbox, "md5sum a/big; readlink link; ls"), f"{wanted}\na\nlink")
        expect(await children[1].read("mine"), b"1")
        expect(await output(children[1], "md5sum a/big; readlink link"), wanted)
    finally:
        for child in children:
            await child.close()
    expect(await output(sandbox, "echo alive"), "alive")


async def a_fork_leaves_processes_alone(sandbox: Sandbox) -> None:
    """A fork leaves alone what runs in the original, and takes files alone."""

    async def run() -> None:
        script = "touch begun; until test -e go; do sleep 0.02; done"
        expect((await sandbox.exec(["sh", "-c", script], timeout_s=30)).rc, 0)

    async def fork() -> None:
        while (await sandbox.exec(["test", "-e", "begun"])).rc:
            pass
        (child,) = await sandbox.fork(1)
        try:
            expect(await output(child, "ls"), "begun")
        finally:
            await child.close()
            await sandbox.write("go", b"")

    await gather([run, fork])


FORK_CHECKS: tuple[Check, ...] = (
    odd_trees_survive_a_snapshot,
    a_snapshot_that_is_too_long_is_refused,
    a_fork_has_the_files_and_then_its_own,
    a_fork_leaves_processes_alone,
)
