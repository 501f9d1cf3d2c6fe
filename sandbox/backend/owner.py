"""Which process owns a container, and whether that process still lives."""

from __future__ import annotations

import os
from pathlib import Path

PROC = Path("/proc")


def owner() -> str:
    """Boot, process namespace, process and its start: no other process ever has the same."""
    return "/".join((*_place(), str(os.getpid()), _start(os.getpid()) or "?"))


def has_died(label: str) -> bool:
    """Whether an owner is known to have died; one on another machine is taken to live."""
    boot, namespace, pid, start = label.split("/")
    if (boot, namespace) != _place():
        return False
    return _start(int(pid)) != start


def _place() -> tuple[str, str]:
    boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    return boot, str((PROC / "self/ns/pid").stat().st_ino)


def _start(pid: int) -> str | None:
    """Clock ticks from boot to the start of a process; None if there is none."""
    try:
        status = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = status.rpartition(")")[2].split()
    is_zombie = fields[0] in "ZX"
    return None if is_zombie else fields[19]
