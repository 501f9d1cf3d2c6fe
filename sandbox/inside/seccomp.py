"""A filter before the kernel: system calls that no command in a sandbox needs.

A list of what is denied, on top of what the engine's own filter denies. It closes what engines have
left open (io_uring; sockets to the hypervisor, which no network namespace holds back) and stands
alone where there is no engine. One program serves both 64-bit machines; a call by another
convention, such as a 32-bit one, ends its process.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

LOAD, JUMP, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x05, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, ARGUMENT = 0, 4, 16
"""Offsets in what the filter is given: the call, its convention, the low half of argument 0."""
ALLOW, DENY, KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
X86_64, AARCH64 = 0xC000003E, 0xC00000B7
X32 = 0x40000000
NEW_NAMESPACES = 0x7E020000
"""Flags of clone that ask for a namespace of any kind."""
FAMILIES = socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK

Numbers = Mapping[str, tuple[int | None, int | None]]

DENIED: Numbers = {
    "_sysctl": (156, None),
    "acct": (163, 89),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "create_module": (174, None),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "get_kernel_syms": (177, None),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lookup_dcookie": (212, 18),
    "modify_ldt": (154, None),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "name_to_handle_at": (303, 264),
    "nfsservctl": (180, 42),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_madvise": (440, 440),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "query_module": (178, None),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "uselib": (134, None),
    "userfaultfd": (323, 282),
    "ustat": (136, None),
    "vhangup": (153, 58),
}
"""Numbers on x86-64 and on 64-bit ARM, None where there is no such call; refused with EPERM."""
SHARED_MEMORY: Numbers = {"shmget": (29, 194)}
"""It outlives its processes: denied where no control group counts it."""
SHARED: Numbers = {
    **SHARED_MEMORY,
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "semget": (64, 190),
}
"""What outlives its processes: denied where a reset could not find it, as in gVisor's kernel."""
CLONE, CLONE3 = (56, 220), (435, 435)
SOCKETS = (41, 198), (53, 199)


class _Step(NamedTuple):
    """One instruction; a jump counts the steps to leave out."""

    code: int
    operand: int
    if_true: int = 0
    if_false: int = 0


def program(denied: Numbers = DENIED) -> bytes:
    """The filter as an array of `struct sock_filter`, little-endian as both machines are."""
    x86, arm = (list(_machine(denied, column=column)) for column in (0, 1))
    steps = [
        _Step(LOAD, ARCHITECTURE),
        _Step(EQUAL, X86_64, if_true=2),
        _Step(EQUAL, AARCH64, if_true=2),
        _Step(RETURN, KILL_PROCESS),
        _Step(JUMP, 1),
        _Step(JUMP, len(x86)),
        *x86,
        *arm,
    ]
    return b"".join(
        struct.pack("<HBBI", step.code, step.if_true, step.if_false, step.operand) for step in steps
    )


def _machine(denied: Numbers, *, column: int) -> Iterator[_Step]:
    """What follows once the machine is known."""
    yield _Step(LOAD, NUMBER)
    if column == 0:
        yield from (_Step(AT_LEAST, X32, if_false=1), _deny(errno.ENOSYS))
    for numbers in denied.values():
        if (number := numbers[column]) is not None:
            yield from (_Step(EQUAL, number, if_false=1), _deny(errno.EPERM))
    # The flags of clone3 are in memory, out of a filter's sight; the C library falls back to clone.
    yield from (_Step(EQUAL, CLONE3[column], if_false=1), _deny(errno.ENOSYS))
    yield _Step(EQUAL, CLONE[column], if_false=4)
    yield from (_Step(LOAD, ARGUMENT), _Step(ANY_BIT, NEW_NAMESPACES, if_false=1))
    yield from (_deny(errno.EPERM), _Step(RETURN, ALLOW))
    yield _Step(EQUAL, SOCKETS[0][column], if_true=2)
    yield _Step(EQUAL, SOCKETS[1][column], if_true=1)
    yield _Step(RETURN, ALLOW)
    yield _Step(LOAD, ARGUMENT)
    for family in FAMILIES:
        yield from (_Step(EQUAL, family, if_false=1), _Step(RETURN, ALLOW))
    yield _deny(errno.EAFNOSUPPORT)


def _deny(number: int) -> _Step:
    return _Step(RETURN, DENY | number)
