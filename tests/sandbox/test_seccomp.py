"""The filter decides as it should on both machines; what it decides is worked out step by step."""

from __future__ import annotations

import errno
import platform
import re
import struct
from pathlib import Path

import pytest

from forethought.sandbox.inside import seccomp

PROGRAM = seccomp.program()
X86_64, AARCH64, I386 = 0xC000003E, 0xC00000B7, 0x40000003
CLONE_NEWUSER, CLONE_THREAD, SIGCHLD = 0x10000000, 0x00010000, 17


def decide(
    architecture: int, number: int, argument: int = 0, *, program: bytes = PROGRAM
) -> str | int:
    """What the kernel would make of a call: "allow", "kill", or an error's number."""
    data = struct.pack("<IIQQ", number, architecture, 0, argument)
    loaded, at = 0, 0
    while True:
        code, if_true, if_false, operand = struct.unpack_from("<HBBI", program, 8 * at)
        at += 1
        if code == 0x20:
            (loaded,) = struct.unpack_from("<I", data, operand)
        elif code == 0x05:
            at += operand
        elif code == 0x06:
            return {0x7FFF0000: "allow", 0x80000000: "kill"}.get(operand, operand & 0xFFFF)
        else:
            holds = {0x15: loaded == operand, 0x35: loaded >= operand, 0x45: loaded & operand}
            at += if_true if holds[code] else if_false


@pytest.mark.parametrize(
    ("number", "argument", "decision"),
    [
        ((0, 63), 0, "allow"),
        ((59, 221), 0, "allow"),
        ((425, 425), 8, errno.EPERM),
        ((321, 280), 0, errno.EPERM),
        ((250, 219), 0, errno.EPERM),
        ((165, 40), 0, errno.EPERM),
        ((272, 97), CLONE_NEWUSER, errno.EPERM),
        ((56, 220), SIGCHLD, "allow"),
        ((56, 220), CLONE_THREAD, "allow"),
        ((56, 220), CLONE_NEWUSER | SIGCHLD, errno.EPERM),
        ((435, 435), 0, errno.ENOSYS),
        ((41, 198), 1, "allow"),
        ((41, 198), 2, "allow"),
        ((41, 198), 10, "allow"),
        ((41, 198), 16, "allow"),
        ((41, 198), 40, errno.EAFNOSUPPORT),
        ((41, 198), 17, errno.EAFNOSUPPORT),
        ((53, 199), 1, "allow"),
        ((53, 199), 30, errno.EAFNOSUPPORT),
        ((999, 999), 0, "allow"),
    ],
    ids=[
        "read",
        "execve",
        "io_uring",
        "bpf",
        "keyctl",
        "mount",
        "unshare",
        "fork",
        "thread",
        "namespace",
        "clone3",
        "unix",
        "ipv4",
        "ipv6",
        "netlink",
        "vsock",
        "packet",
        "pair",
        "odd pair",
        "unknown",
    ],
)
@pytest.mark.parametrize("machine", [X86_64, AARCH64], ids=["x86-64", "arm64"])
def test_both_machines_decide_alike(
    machine: int, number: tuple[int, int], argument: int, decision: str | int
) -> None:
    assert decide(machine, number[machine == AARCH64], argument) == decision


def test_another_calling_convention_ends_the_process() -> None:
    assert decide(I386, 20) == "kill"
    assert decide(X86_64, 0x40000000 + 39) == errno.ENOSYS


def test_every_denied_call_is_denied_and_nothing_else_is() -> None:
    for column, machine in enumerate((X86_64, AARCH64)):
        denied = {numbers[column] for numbers in seccomp.DENIED.values()} - {None}
        special = {seccomp.CLONE[column], seccomp.CLONE3[column]}
        special |= {numbers[column] for numbers in seccomp.SOCKETS}
        found = {each for each in range(600) if decide(machine, each) == errno.EPERM}
        assert found == denied
        allowed = {each for each in range(600) if decide(machine, each) == "allow"}
        assert allowed | special == set(range(600)) - denied | special


def test_more_can_be_denied_where_it_has_to_be() -> None:
    program = seccomp.program({**seccomp.DENIED, **seccomp.SHARED})
    assert [decide(X86_64, number, program=program) for number in (29, 68, 64, 240)] == [1] * 4
    assert [decide(AARCH64, number, program=program) for number in (194, 186, 190, 180)] == [1] * 4


HEADERS = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")


@pytest.mark.skipif(
    platform.machine() != "x86_64" or not HEADERS.exists(), reason="needs the kernel's headers"
)
def test_the_numbers_are_the_kernel_s() -> None:
    lines = re.findall(r"#define __NR_(\w+) (\d+)", HEADERS.read_text(encoding="utf-8"))
    numbers = {name: int(number) for name, number in lines}
    wanted = {**seccomp.DENIED, **seccomp.SHARED}
    assert {name: number for name, (number, _) in wanted.items()} == {
        name: numbers[name] for name in wanted
    }
