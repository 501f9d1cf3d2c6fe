"""The sandbox contract as a runnable checker: every backend has to pass it, yours too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import anyio

from forethought.sandbox.base import Sandbox, SandboxError, SandboxFileError, SandboxUnavailable

Factory = Callable[[], AbstractAsyncContextManager[Sandbox]]
Check = Callable[[Sandbox], Awaitable[None]]

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One check, and how it went."""

    name: str
    ok: bool
    detail: str = ""
    """What was seen instead; empty if it went well."""


class _Surprise(Exception):
    """A check saw something else than the contract says."""


async def check_sandbox(factory: Factory, *, isolated: bool = True) -> list[Finding]:
    """Try a backend against the contract of `Sandbox`, each check in a sandbox of its own.

    `isolated` is False for a backend that promises no isolation: it is not asked for any. A check
    fails with what was seen; a factory that raises is an error of the caller's.
    """
    checks = (*CHECKS, *ISOLATION_CHECKS) if isolated else CHECKS
    findings = []
    for check in checks:
        async with factory() as sandbox:
            findings.append(await _finding(check, sandbox))
    return findings


async def _finding(check: Check, sandbox: Sandbox) -> Finding:
    name = check.__name__.replace("_", " ")
    try:
        await check(sandbox)
    except (_Surprise, SandboxError) as error:
        return Finding(name=name, ok=False, detail=f"{type(error).__name__}: {error}")
    return Finding(name=name, ok=True)


def _expect(seen: object, wanted: object) -> None:
    if seen != wanted:
        raise _Surprise(f"wanted {wanted!r}, saw {seen!r}"[:500])


async def _output(sandbox: Sandbox, script: str) -> str:
    result = await sandbox.exec(["sh", "-c", script])
    _expect(result.stderr, b"")
    return result.stdout.decode().strip()


async def _count(sandbox: Sandbox, needle: str) -> int:
    """Processes whose command line holds `needle`; nothing but /proc is needed to tell."""
    script = (
        "import os, sys\n"
        "found = 0\n"
        "for pid in filter(str.isdigit, os.listdir('/proc')):\n"
        "    try:\n"
        "        line = open(f'/proc/{pid}/cmdline').read()\n"
        "    except OSError:\n"
        "        continue\n"
        "    found += sys.argv[1] in line and int(pid) != os.getpid()\n"
        "print(found)\n"
    )
    result = await sandbox.exec(["python3", "-c", script, needle])
    _expect(result.stderr, b"")
    return int(result.stdout)


async def exit_status_is_reported(sandbox: Sandbox) -> None:
    _expect((await sandbox.exec(["sh", "-c", "exit 7"])).rc, 7)


async def death_by_a_signal_is_128_plus_its_number(sandbox: Sandbox) -> None:
    _expect((await sandbox.exec(["sh", "-c", "kill -TERM $$"])).rc, 143)


async def an_unknown_program_is_127(sandbox: Sandbox) -> None:
    result = await sandbox.exec(["no-such-program"])
    _expect((result.rc, b"no-such-program" in result.stderr), (127, True))


async def a_missing_directory_is_126(sandbox: Sandbox) -> None:
    _expect((await sandbox.exec(["true"], cwd="no/such/directory")).rc, 126)


async def output_and_errors_stay_apart(sandbox: Sandbox) -> None:
    result = await sandbox.exec(["sh", "-c", "echo out; echo err >&2"])
    _expect((result.stdout, result.stderr), (b"out\n", b"err\n"))


async def input_arrives_whole(sandbox: Sandbox) -> None:
    data = bytes(range(256)) * 4096
    _expect((await sandbox.exec(["cat"], stdin=data, max_output=2 << 20)).stdout == data, True)


async def without_input_it_is_at_its_end(sandbox: Sandbox) -> None:
    _expect((await sandbox.exec(["cat"], timeout_s=5)).rc, 0)


async def variables_are_added(sandbox: Sandbox) -> None:
    result = await sandbox.exec(["sh", "-c", 'echo "$COLOUR $HOME"'], env={"COLOUR": "grün"})
    _expect(result.stdout.decode().startswith("grün /"), True)


async def directories_are_relative_to_the_working_directory(sandbox: Sandbox) -> None:
    await sandbox.write("deep/down/file", b"")
    base = await _output(sandbox, "pwd")
    _expect((await sandbox.exec(["pwd"], cwd="deep/down")).text.strip(), f"{base}/deep/down")


async def unicode_arguments_arrive(sandbox: Sandbox) -> None:
    text = "naïve 日本語 🎲 'quoted' \"twice\" $HOME\n"
    _expect((await sandbox.exec(["printf", "%s", text])).stdout.decode(), text)


async def output_is_cut_at_its_bound(sandbox: Sandbox) -> None:
    script = "head -c 300000 /dev/zero; head -c 10 /dev/zero >&2"
    result = await sandbox.exec(["sh", "-c", script], max_output=1000)
    _expect((len(result.stdout), len(result.stderr), result.truncated), (1000, 10, True))


async def output_at_its_bound_is_whole(sandbox: Sandbox) -> None:
    result = await sandbox.exec(["head", "-c", "200000", "/dev/zero"], max_output=200_000)
    _expect((len(result.stdout), result.truncated, result.rc), (200_000, False, 0))


async def a_flood_ends_at_the_time_limit(sandbox: Sandbox) -> None:
    result = await sandbox.exec(["yes"], timeout_s=0.5, max_output=4096)
    _expect((result.timed_out, result.truncated, result.stdout), (True, True, b"y\n" * 2048))


async def the_time_limit_kills_daemons_too(sandbox: Sandbox) -> None:
    script = "echo begun; (setsid sleep 7101 &) ; sleep 7101"
    result = await sandbox.exec(["sh", "-c", script], timeout_s=0.5)
    _expect((result.timed_out, result.rc, result.stdout), (True, 137, b"begun\n"))
    _expect(await _count(sandbox, "7101"), 0)


async def background_children_do_not_stall_and_are_killed(sandbox: Sandbox) -> None:
    script = "sleep 7102 & (setsid sleep 7102 &) ; echo done"
    result = await sandbox.exec(["sh", "-c", script], timeout_s=20)
    _expect((result.rc, result.stdout, result.timed_out), (0, b"done\n", False))
    _expect(result.leftovers, 2)
    _expect(await _count(sandbox, "7102"), 0)


async def commands_run_at_the_same_time(sandbox: Sandbox) -> None:
    # Each waits for the other one's file: run one after the other, neither would end.
    async def meet(mine: str, other: str) -> None:
        script = f"touch {mine}; until test -e {other}; do sleep 0.02; done"
        _expect((await sandbox.exec(["sh", "-c", script], timeout_s=20)).rc, 0)

    await gather([lambda: meet("a", "b"), lambda: meet("b", "a")])


async def one_command_s_end_leaves_the_others_alone(sandbox: Sandbox) -> None:
    async def leave_something() -> None:
        _expect((await sandbox.exec(["sh", "-c", "sleep 7103 & exit 0"])).leftovers, 1)

    async def stay() -> None:
        result = await sandbox.exec(["sh", "-c", "sleep 1 & wait; echo here"])
        _expect((result.stdout, result.leftovers), (b"here\n", 0))

    await gather([stay, leave_something])


async def cancelling_kills_the_command(sandbox: Sandbox) -> None:
    with anyio.move_on_after(0.3):
        await sandbox.exec(["sleep", "7104"])
    for _ in range(100):
        if await _count(sandbox, "7104") == 0:
            return
        await anyio.sleep(0.02)
    raise _Surprise("the command still runs two seconds after its caller was cancelled")


async def files_come_back_as_written(sandbox: Sandbox) -> None:
    data = bytes(range(256)) * 1000
    await sandbox.write("some/new/place/ünïcode name", data, mode=0o755)
    _expect(await sandbox.read("some/new/place/ünïcode name") == data, True)
    _expect(await _output(sandbox, "stat -c %a some/new/place/*"), "755")
    await sandbox.write("some/new/place/ünïcode name", b"short")
    _expect(await sandbox.read("some/new/place/ünïcode name"), b"short")


async def commands_and_files_share_the_directory(sandbox: Sandbox) -> None:
    await sandbox.write("in", b"42")
    _expect(await _output(sandbox, "cat in; echo 43 > out"), "42")
    _expect(await sandbox.read("out"), b"43\n")


async def unreadable_paths_are_file_errors(sandbox: Sandbox) -> None:
    await _output(sandbox, "mkdir directory; mkfifo pipe; head -c 100 /dev/zero > long")
    for path in ("missing", "directory", "pipe", "long"):
        await _expect_file_error(lambda path=path: sandbox.read(path, max_bytes=99), path)


async def unwritable_paths_are_file_errors(sandbox: Sandbox) -> None:
    await _output(sandbox, "mkdir directory; echo > file; mkfifo pipe")
    for path in ("directory", "file/below", "pipe"):
        await _expect_file_error(lambda path=path: sandbox.write(path, b""), path)


async def _expect_file_error(act: Callable[[], Awaitable[object]], path: str) -> None:
    try:
        await act()
    except SandboxFileError as error:
        _expect(path in str(error), True)
    else:
        raise _Surprise(f"{path!r} gave no error")


async def reset_empties_and_kills(sandbox: Sandbox) -> None:
    script = "mkdir -p a/b .c; echo > a/b/x; ln -s / root; chmod 000 a/b; (setsid sleep 7105 &)"
    await _output(sandbox, script)
    await sandbox.reset()
    _expect(await _output(sandbox, "ls -A"), "")
    _expect(await _count(sandbox, "7105"), 0)


async def reset_ends_what_is_running(sandbox: Sandbox) -> None:
    seen: list[int] = []

    async def run() -> None:
        seen.append((await sandbox.exec(["sleep", "7106"])).rc)

    async def interrupt() -> None:
        await anyio.sleep(0.3)
        await sandbox.reset()

    await gather([run, interrupt])
    _expect(seen, [137])


async def a_snapshot_brings_back_the_files(sandbox: Sandbox) -> None:
    await _output(sandbox, "mkdir d; echo one > d/f; chmod 750 d/f; ln -s d/f l; ln d/f h")
    snapshot = await sandbox.snapshot()
    await _output(sandbox, "rm -r d; echo two > new")
    await sandbox.restore(snapshot)
    _expect(await _output(sandbox, "find . | sort | xargs"), ". ./d ./d/f ./h ./l")
    _expect(await _output(sandbox, "cat l; stat -c '%a %h' d/f; readlink l"), "one\n750 2\nd/f")


async def it_closes_twice_and_is_gone(sandbox: Sandbox) -> None:
    await sandbox.close()
    await sandbox.close()
    try:
        await sandbox.exec(["true"])
    except SandboxUnavailable:
        return
    raise _Surprise("a closed sandbox still runs commands")


async def there_is_no_network(sandbox: Sandbox) -> None:
    names = "import socket; print(*sorted(name for _, name in socket.if_nameindex()))"
    _expect((await sandbox.exec(["python3", "-c", names])).text.strip(), "lo")


async def the_system_cannot_be_written(sandbox: Sandbox) -> None:
    for path in ("/usr/planted", "/bin/planted", "/etc/planted", "/planted"):
        await _expect_file_error(lambda path=path: sandbox.write(path, b""), path)


async def the_agent_cannot_be_harmed_or_read(sandbox: Sandbox) -> None:
    script = "kill -9 1; kill -STOP 1; cat /proc/1/mem /proc/1/environ; echo x > /proc/1/fd/1"
    _expect((await sandbox.exec(["sh", "-c", script])).rc != 0, True)
    _expect((await sandbox.exec(["sh", "-c", "cat /proc/1/environ"])).rc, 1)
    _expect(await _output(sandbox, "echo alive"), "alive")


async def a_fork_bomb_is_bounded_and_swept_up(sandbox: Sandbox) -> None:
    result = await sandbox.exec(["python3", "-c", FORK_BOMB], timeout_s=30)
    _expect((result.rc, 0 < int(result.stdout or 0) < 1000), (0, True))
    _expect(result.leftovers, int(result.stdout))
    _expect(await _output(sandbox, "echo alive"), "alive")


async def memory_is_bounded(sandbox: Sandbox) -> None:
    result = await sandbox.exec(["python3", "-c", "print(len(bytearray(8 << 30)))"])
    _expect((result.rc != 0, result.stdout), (True, b""))
    _expect(await _output(sandbox, "echo alive"), "alive")


async def a_full_disk_is_a_file_error(sandbox: Sandbox) -> None:
    result = await sandbox.exec(["sh", "-c", "cat /dev/zero > big"], timeout_s=60)
    _expect(result.rc != 0, True)
    await sandbox.reset()
    _expect(await _output(sandbox, "echo alive"), "alive")


async def gather(tasks: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """Run all at once; the first error cancels the others and is raised as itself."""
    errors: list[_Surprise | SandboxError] = []

    async def run(task: Callable[[], Awaitable[None]]) -> None:
        try:
            await task()
        except (_Surprise, SandboxError) as error:
            errors.append(error)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for task in tasks:
            group.start_soon(run, task)
    if errors:
        raise errors[0]


CHECKS: tuple[Check, ...] = (
    exit_status_is_reported,
    death_by_a_signal_is_128_plus_its_number,
    an_unknown_program_is_127,
    a_missing_directory_is_126,
    output_and_errors_stay_apart,
    input_arrives_whole,
    without_input_it_is_at_its_end,
    variables_are_added,
    directories_are_relative_to_the_working_directory,
    unicode_arguments_arrive,
    output_is_cut_at_its_bound,
    output_at_its_bound_is_whole,
    a_flood_ends_at_the_time_limit,
    the_time_limit_kills_daemons_too,
    background_children_do_not_stall_and_are_killed,
    commands_run_at_the_same_time,
    one_command_s_end_leaves_the_others_alone,
    cancelling_kills_the_command,
    files_come_back_as_written,
    commands_and_files_share_the_directory,
    unreadable_paths_are_file_errors,
    unwritable_paths_are_file_errors,
    reset_empties_and_kills,
    reset_ends_what_is_running,
    a_snapshot_brings_back_the_files,
    it_closes_twice_and_is_gone,
)

ISOLATION_CHECKS: tuple[Check, ...] = (
    there_is_no_network,
    the_system_cannot_be_written,
    the_agent_cannot_be_harmed_or_read,
    a_fork_bomb_is_bounded_and_swept_up,
    memory_is_bounded,
    a_full_disk_is_a_file_error,
)
