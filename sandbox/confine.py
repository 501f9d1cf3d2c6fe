"""What the agent gives up, and takes from its commands, by the kernel's own means; Linux only."""

# Every import lengthens every boot (see agent.py), so no pathlib.
# ruff: noqa: PTH123

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
from collections.abc import Iterable

from forethought.sandbox.processes import prctl

SET_SECCOMP, SET_NO_NEW_PRIVS = 22, 38
SECCOMP_MODE_FILTER = 2
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
ONLY_VERSION, PATH_BENEATH = 1, 1
WRITE_FILE, REFER = 1 << 1, 1 << 13
VERSION_WITH_REFER = 2
"""Earlier ones forbid every move from one directory to another."""
IPC = "shm", "shmctl", 0x5000, "msg", "msgctl", 0, "sem", "semctl", 0


def filter_system_calls(program: bytes) -> None:
    """Put a filter before this process and all that it starts. Raises OSError."""
    array = ctypes.create_string_buffer(program, len(program))
    pointer = ctypes.create_string_buffer(
        struct.pack("@HP", len(program) // 8, ctypes.addressof(array))
    )
    prctl(SET_NO_NEW_PRIVS, 1)
    prctl(SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(pointer))
