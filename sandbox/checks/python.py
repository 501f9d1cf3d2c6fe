"""Checks of how a sandbox runs Python programs."""

from __future__ import annotations

from forethought.sandbox.base import Sandbox
from forethought.sandbox.checks.tools import LIMIT_S, Check, count, expect, long_while

DESCRIPTORS = "import os; print(sorted(map(int, os.listdir('/proc/self/fd')))[:-1])"
LEAVING = """
import os, sys
if os.fork() == 0:
    os.execlp("sleep", "sleep", sys.stdin.read())
print("done")
"""
AT_THE_END = """
import atexit, threading
atexit.register(print, "handler")
threading.Thread(target=lambda: (threading.main_thread().join(), print("thread"))).start()
print("main")
"""


async def a_program_is_what_an_interpreter_would_run(sandbox: Sandbox) -> None:
    """A Python program has its input, its name, its variables and its exit status."""
    source = "import os, sys; print(sys.stdin.read(), __name__, os.environ['COLOUR']); sys.exit(3)"
    result = await sandbox.python(source, stdin=b"in", env={"COLOUR": "red"})
    expect((result.rc, result.stdout, result.stderr), (3, b"in __main__ red\n", b""))


async def an_error_is_told_with_its_line(sandbox: Sandbox) -> None:
    """A Python program's error is told with its place, and nothing of the agent in it."""
    result = await sandbox.python("x = 1\nx / 0\n")
    expect(result.rc, 1)
    lines = result.stderr.decode().splitlines()
    wanted = ("Traceback (most recent call last):", '  File "<stdin>", line 2, in <module>')
    expect((*lines[:2], lines[-1]), (*wanted, "ZeroDivisionError: division by zero"))


async def what_is_no_python_is_told(sandbox: Sandbox) -> None:
    """A Python program that cannot be compiled is told so."""
    result = await sandbox.python("def")
    expect((result.rc, b"SyntaxError: invalid syntax" in result.stderr), (1, True))


async def a_message_can_be_the_status(sandbox: Sandbox) -> None:
    """A Python program may end with a message, which is status 1."""
    result = await sandbox.python("raise SystemExit('enough')")
    expect((result.rc, result.stderr), (1, b"enough\n"))


async def programs_know_nothing_of_each_other(sandbox: Sandbox) -> None:
    """A Python program finds files where it was put, and nothing that another one defined."""
    await sandbox.write("lib/helper.py", b"VALUE = 42")
    first = await sandbox.python("import helper; print(helper.VALUE); left = 1", cwd="lib")
    expect((first.rc, first.stdout), (0, b"42\n"))
    second = await sandbox.python("import sys; print('helper' in sys.modules, 'left' in dir())")
    expect(second.stdout, b"False False\n")


async def a_program_holds_its_own_streams_alone(sandbox: Sandbox) -> None:
    """A Python program holds no descriptor but its three streams."""
    expect((await sandbox.python(DESCRIPTORS)).stdout, b"[0, 1, 2]\n")


async def threads_and_handlers_end_before_it_does(sandbox: Sandbox) -> None:
    """A Python program waits for its threads and calls its exit handlers."""
    expect((await sandbox.python(AT_THE_END)).stdout, b"main\nthread\nhandler\n")


async def a_program_is_limited_like_a_command(sandbox: Sandbox) -> None:
    """A Python program ends at the time limit, its output is cut, its children are killed."""
    endless = await sandbox.python("while True: print('y')", timeout_s=LIMIT_S, max_output=4)
    expect((endless.timed_out, endless.truncated, endless.stdout), (True, True, b"y\ny\n"))
    seconds = long_while()
    left = await sandbox.python(LEAVING, stdin=seconds.encode(), timeout_s=20)
    expect((left.stdout, left.leftovers), (b"done\n", 1))
    expect(await count(sandbox, seconds), 0)


PYTHON_CHECKS: tuple[Check, ...] = (
    a_program_is_what_an_interpreter_would_run,
    an_error_is_told_with_its_line,
    what_is_no_python_is_told,
    a_message_can_be_the_status,
    programs_know_nothing_of_each_other,
    a_program_holds_its_own_streams_alone,
    threads_and_handlers_end_before_it_does,
    a_program_is_limited_like_a_command,
)
