"""What a container may use and do: the engine's settings for a spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from forethought.sandbox.base import SandboxSpec
from forethought.sandbox.images import image
from forethought.sandbox.inside import seccomp
from forethought.sandbox.network.allowed import not_proxied
from forethought.sandbox.wire.frames import Settings

WRITABLE = "rw,exec,nosuid,nodev,mode=1777"
PRIVATE = "rw,exec,nosuid,nodev,mode=0700"
SHARED_MB = 16
STATE_MB = 64
AGENT_MB = 64
FILES_A_MB = 128
FILE_KB = 2
"""What the kernel keeps of an empty file with a long name, which counts as memory too."""
WORKDIR, SCRATCH = "/workspace", ("/tmp", "/dev/shm", "/dev/mqueue")
HOST_TASKS = 64
"""What a process of gVisor's takes of the host: a thread for each of the kernel's own threads."""
SYSCTLS = {
    # Shared memory goes with the last process that has it, so that killing them gives it back.
    "kernel.shm_rmid_forced": "1",
    "kernel.msgmni": "32",
    "kernel.sem": "250 8000 100 32",
}


def settings(spec: SandboxSpec) -> Settings:
    """What the agent of a container has to know."""
    denied = {**seccomp.DENIED, **(seccomp.SHARED if is_gvisor(spec) else {})}
    return Settings(
        spec.workdir or WORKDIR,
        scratch=SCRATCH,
        uid=image.UID,
        has_cgroup=not is_gvisor(spec),
        # Its kernel keeps these two by itself, where a control group would stop all of it at once.
        memory_bytes=spec.memory_mb << 20 if is_gvisor(spec) else -1,
        processes=spec.pids if is_gvisor(spec) else -1,
        open_files=spec.open_files,
        not_proxied=not_proxied(spec.network),
        system_call_filter=seccomp.program(denied).hex(),
    )


def host_config(
    spec: SandboxSpec, *, declared: Sequence[str] = (), state: str | None = None
) -> Mapping[str, object]:
    """Arguments for the engine's host configuration.

    `declared` are the image's VOLUMEs, `state` is a directory for a shell agent.
    """
    scratch_mb = max(1, spec.disk_mb // 2)
    # Files count as memory. Were there room for more of them than for processes, then a command
    # that fills its disk would have the agent killed, and its own failure would pass for ours.
    directories_mb = spec.disk_mb + scratch_mb + SHARED_MB + (STATE_MB if state else 0)
    files_mb = directories_mb * FILES_A_MB * FILE_KB >> 10
    needed_mb = directories_mb + files_mb + AGENT_MB
    memory = f"{max(spec.memory_mb, needed_mb)}m"
    return {
        "network_mode": "none",
        "ipc_mode": "private",
        "read_only": True,
        "tmpfs": {
            # The engine's own volumes have no limit, and no reset would empty them.
            **dict.fromkeys(declared, "ro,size=1m"),
            spec.workdir or WORKDIR: _room(spec.disk_mb),
            "/tmp": _room(scratch_mb),
            "/dev/shm": _room(SHARED_MB),
            **({state: f"{PRIVATE},size={STATE_MB}m"} if state else {}),
        },
        "sysctls": SYSCTLS,
        "mem_limit": memory,
        "memswap_limit": memory,
        "nano_cpus": int(spec.cpus * 1e9),
        "pids_limit": HOST_TASKS * spec.pids if is_gvisor(spec) else spec.pids,
        "cap_drop": ["ALL"],
        "cap_add": ["SETUID", "SETGID", "KILL"],
        "security_opt": ["no-new-privileges"],
        "log_config": {"type": "none"},
        "runtime": spec.runtime,
        "auto_remove": True,
        # Reaps what is lost; our Python does so by itself.
        "init": state is not None,
    }


def is_gvisor(spec: SandboxSpec) -> bool:
    """Whether the runtime brings a kernel of its own, by the name that gVisor gives it."""
    return spec.runtime is not None and spec.runtime.startswith("runsc")


def _room(size_mb: int) -> str:
    return f"{WRITABLE},size={size_mb}m,nr_inodes={size_mb * FILES_A_MB}"
