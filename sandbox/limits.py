"""What a container may use and do: the engine's settings for a spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from forethought.sandbox import image
from forethought.sandbox.base import SandboxSpec
from forethought.sandbox.frames import Settings

WRITABLE = "rw,exec,nosuid,nodev,mode=1777"
SHARED_MB = 16
AGENT_MB = 64
WORKDIR, SCRATCH = "/workspace", ("/tmp", "/dev/shm")


def settings(spec: SandboxSpec) -> Settings:
    """What the agent of a container has to know."""
    return Settings(spec.workdir or WORKDIR, scratch=SCRATCH, uid=image.UID, has_cgroup=True)


def host_config(spec: SandboxSpec, *, declared: Sequence[str] = ()) -> Mapping[str, object]:
    """Arguments for the engine's host configuration; `declared` are the image's VOLUMEs."""
    scratch_mb = max(1, spec.disk_mb // 2)
    # Files count as memory. Were there room for more of them than for processes, then a command
    # that fills its disk would have the agent killed, and its own failure would pass for ours.
    needed_mb = spec.disk_mb + scratch_mb + SHARED_MB + AGENT_MB
    memory = f"{max(spec.memory_mb, needed_mb)}m"
    return {
        "network_mode": "none",
        "ipc_mode": "private",
        "read_only": True,
        "tmpfs": {
            # The engine's own volumes have no limit, and no reset would empty them.
            **dict.fromkeys(declared, "ro,size=1m"),
            spec.workdir or WORKDIR: f"{WRITABLE},size={spec.disk_mb}m",
            "/tmp": f"{WRITABLE},size={scratch_mb}m",
        },
        "shm_size": f"{SHARED_MB}m",
        "mem_limit": memory,
        "memswap_limit": memory,
        "nano_cpus": int(spec.cpus * 1e9),
        "pids_limit": spec.pids,
        "cap_drop": ["ALL"],
        "cap_add": ["SETUID", "SETGID", "KILL"],
        "security_opt": ["no-new-privileges"],
        "log_config": {"type": "none"},
        "runtime": spec.runtime,
        "auto_remove": True,
    }
