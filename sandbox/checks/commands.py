"""Checks of how a sandbox runs commands."""

from __future__ import annotations

from functools import partial

import anyio

from forethought.sandbox.base import Sandbox
from forethought.sandbox.checks.tools import (
    LIMIT_S,
    Check,
    Surprise,
    count,
    expect,
    gather,
    long_while,
    output,
)

MOMENTS_S = tuple(number / 1000 for number in range(12))


async def exit_status_is_reported(sandbox: Sandbox) -> None:
    """A command's exit status is reported."""
    expect((await sandbox.exec(["sh", "-c", "exit 7"])).rc, 7)


async def death_by_a_signal_is_128_plus_its_number(sandbox: Sandbox) -> None:
    """Death by signal n is exit status 128 + n."""
    expect((await sandbox.exec(["sh", "-c", "kill -TERM $$"])).rc, 143)


async def an_unknown_program_is_127(sandbox: Sandbox) -> None:
    """A program that is not there is exit status 127, and is named."""
    result = await sandbox.exec(["no-such-program"])
    expect((result.rc, b"no-such-program" in result.stderr), (127, True))


async def a_missing_directory_is_126(sandbox: Sandbox) -> None:
    """A directory that is not there is exit status 126."""
    expect((await sandbox.exec(["true"], cwd="no/such/directory")).rc, 126)


async def output_and_errors_stay_apart(sandbox: Sandbox) -> None:
    """Output and errors stay apart."""
    result = await sandbox.exec(["sh", "-c", "echo out; echo err >&2"])
    expect((result.stdout, result.stderr), (b"out\n", b"err\n"))


async def input_arrives_whole(sandbox: Sandbox) -> None:
    """A megabyte of binary input arrives whole."""
    data = bytes(range(256)) * 4096
    expect((await sandbox.exec(["cat"], stdin=data, max_output=2 << 20)).stdout == data, True)


async def without_input_it_is_at_its_end(sandbox: Sandbox) -> None:
    """Without input, a command reads its end at once."""
    expect((await sandbox.exec(["cat"], timeout_s=5)).rc, 0)


async def variables_are_added(sandbox: Sandbox) -> None:
    """Variables are added to the environment, unicode included."""
    result = await sandbox.exec(["sh", "-c", 'echo "$COLOUR $HOME"'], env={"COLOUR": "grün"})
    expect(result.stdout.decode().startswith("grün /"), True)


async def directories_are_relative_to_the_working_directory(sandbox: Sandbox) -> None:
    """A relative directory starts at the working directory."""
    await sandbox.write("deep/down/file", b"")
    base = await output(sandbox, "pwd")
    expect((await sandbox.exec(["pwd"], cwd="deep/down")).text.strip(), f"{base}/deep/down")


async def unicode_arguments_arrive(sandbox: Sandbox) -> None:
    """Arguments arrive as they are: unicode, quotes, line ends."""
    text = "naïve 日本語 🎲 'quoted' \"twice\" $HOME\n"
    expect((await sandbox.exec(["printf", "%s", text])).stdout.decode(), text)


async def output_is_cut_at_its_bound(sandbox: Sandbox) -> None:
    """Output past its bound is cut there and reported, errors untouched."""
    script = "head -c 300000 /dev/zero; head -c 10 /dev/zero >&2"
    result = await sandbox.exec(["sh", "-c", script], max_output=1000)
    expect((len(result.stdout), len(result.stderr), result.truncated), (1000, 10, True))


async def output_at_its_bound_is_whole(sandbox: Sandbox) -> None:
    """Output of exactly its bound is whole."""
    result = await sandbox.exec(["head", "-c", "200000", "/dev/zero"], max_output=200_000)
    expect((len(result.stdout), result.truncated, result.rc), (200_000, False, 0))


async def a_flood_ends_at_the_time_limit(sandbox: Sandbox) -> None:
    """A flood of output ends at the time limit."""
    result = await sandbox.exec(["yes"], timeout_s=LIMIT_S, max_output=4096)
    expect((result.timed_out, result.truncated, result.stdout), (True, True, b"y\n" * 2048))


async def the_time_limit_kills_daemons_too(sandbox: Sandbox) -> None:
    """The time limit kills daemons too, and keeps the output so far."""
    seconds = long_while()
    script = f"echo begun; (setsid sleep {seconds} &) ; sleep {seconds}"
    result = await sandbox.exec(["sh", "-c", script], timeout_s=LIMIT_S)
    expect((result.timed_out, result.rc, result.stdout), (True, 137, b"begun\n"))
    expect(await count(sandbox, seconds), 0)


async def background_children_do_not_stall_and_are_killed(sandbox: Sandbox) -> None:
    """Children in the background do not stall a command; they are counted and killed."""
    seconds = long_while()
    script = f"sleep {seconds} & (setsid sleep {seconds} &) ; echo done"
    result = await sandbox.exec(["sh", "-c", script], timeout_s=20)
    expect((result.rc, result.stdout, result.timed_out), (0, b"done\n", False))
    expect(result.leftovers, 2)
    expect(await count(sandbox, seconds), 0)


async def commands_run_at_the_same_time(sandbox: Sandbox) -> None:
    """Two commands run at the same time."""

    # Each waits for the other one's file: run one after the other, neither would end.
    async def meet(mine: str, other: str) -> None:
        script = f"touch {mine}; until test -e {other}; do sleep 0.02; done"
        expect((await sandbox.exec(["sh", "-c", script], timeout_s=20)).rc, 0)

    await gather([lambda: meet("a", "b"), lambda: meet("b", "a")])


async def the_end_of_one_leaves_others_alone(sandbox: Sandbox) -> None:
    """One command's end leaves the other's children alone."""

    async def leave_something() -> None:
        expect((await sandbox.exec(["sh", "-c", f"sleep {long_while()} & exit 0"])).leftovers, 1)

    async def stay() -> None:
        result = await sandbox.exec(["sh", "-c", "sleep 1 & wait; echo here"])
        expect((result.stdout, result.leftovers), (b"here\n", 0))

    await gather([stay, leave_something])


async def cancelling_kills_the_command(sandbox: Sandbox) -> None:
    """Cancelling the caller kills the command, one that is about to begin too."""
    seconds = long_while()

    async def run_for(limit_s: float) -> None:
        with anyio.move_on_after(limit_s):
            await sandbox.exec(["sleep", seconds])

    await gather([partial(run_for, limit_s) for limit_s in (*MOMENTS_S, 0.3)])
    for _ in range(100):
        if await count(sandbox, seconds) == 0:
            return
        await anyio.sleep(0.02)
    raise Surprise("a command still runs two seconds after its caller was cancelled")


COMMAND_CHECKS: tuple[Check, ...] = (
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
    the_end_of_one_leaves_others_alone,
    cancelling_kills_the_command,
)
