"""What commands are kept from by the kernel itself: system calls, and files outside their own."""

# Every import lengthens every boot (see agent.py), so no pathlib.
# ruff: noqa: PTH110, PTH123

from __future__ import annotations

import ctypes
import os
import struct
from functools import cache

from forethought.sandbox.inside.processes import library, prctl

SET_SECCOMP, SET_NO_NEW_PRIVS = 22, 38
MODE_FILTER = 2
BYTES_A_STEP = 8
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
ASK_VERSION, PATH_BENEATH = 1, 1
WRITE_FILE, REFER = 1 << 1, 1 << 13
FIRST_WITH_REFER = 2
"""Earlier versions of Landlock forbid every move from one directory to another."""
REMOVE = 0
SHARED = ("shm", "shmctl", 1), ("msg", "msgctl", 1), ("sem", "semctl", 2)
"""Tables under /proc/sysvipc, the call that removes an entry, and the place of its command."""


def filter_system_calls(program: bytes) -> None:
    """Put a filter before this process and all that it will start. Raises OSError."""
    steps = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("@HP", len(program) // BYTES_A_STEP, ctypes.addressof(steps))
    pointer = ctypes.create_string_buffer(head, len(head))
    prctl(SET_NO_NEW_PRIVS, 1)
    prctl(SET_SECCOMP, MODE_FILTER, ctypes.addressof(pointer))


def forbid_writes_outside(directories: tuple[str, ...]) -> None:
    """Let this process, and all that it will start, write to no file elsewhere: /proc above all.

    Else a command could undo that it is the first to be killed when memory runs out, and have the
    agent killed in its place. This is Landlock as of Linux 5.19; without it, nothing is done.
    Raises OSError.
    """
    if (rules := write_rules(directories)) >= 0:
        prctl(SET_NO_NEW_PRIVS, 1)
        _call(RESTRICT_SELF, rules, 0)


@cache
def write_rules(directories: tuple[str, ...]) -> int:
    """A descriptor of the rules, made once and inherited by forks; -1 where the kernel has none."""
    try:
        if _call(CREATE_RULESET, None, 0, ASK_VERSION) < FIRST_WITH_REFER:
            return -1
    except OSError:
        return -1
    handled = ctypes.c_uint64(WRITE_FILE | REFER)
    rules = _call(CREATE_RULESET, ctypes.byref(handled), ctypes.sizeof(handled), 0)
    for directory in directories:
        fd = os.open(directory, os.O_PATH | os.O_CLOEXEC)
        rule = ctypes.create_string_buffer(struct.pack("=Qi", WRITE_FILE | REFER, fd))
        _call(ADD_RULE, rules, PATH_BENEATH, rule, 0)
        os.close(fd)
    return rules


def remove_shared_memory() -> None:
    """Remove all System V memory, queues and semaphores of this process's user and namespace."""
    for table, call, place in SHARED:
        path = f"/proc/sysvipc/{table}"
        if not os.path.exists(path):
            continue
        with open(path) as file:
            numbers = [int(line.split()[1]) for line in file.readlines()[1:]]
        for number in numbers:
            arguments = [number, 0, 0, 0]
            arguments[place] = REMOVE
            library()[call](*arguments)


def _call(number: int, *arguments: object) -> int:
    result: int = library().syscall(number, *arguments)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result
