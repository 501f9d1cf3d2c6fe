"""The image of a Harbor task: its Dockerfile's, with the places that the format has outside it.

Our sandboxes can be written to below the working directory and /tmp only. So /tests, /logs and
/solution, where a task's scripts look, are links to directories in /tmp; and what the tests are is
in no image, but brought when the agent has gone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from forethought.envs.adapters.harbor_task import FILE, HarborTask, resolved
from forethought.sandbox import BuiltImage, SandboxSpec, build_dockerfile

PLACES = ("logs", "solution", "tests")
TMP = "/tmp/harbor"
MAX_DISK_MB = 240
"""A working directory is in memory, and goes to the tests in one piece; tasks ask for ten
gigabytes by habit."""
MEMORY_MB = 1024
"""Where the task asks for none."""
PORTS = (80, 443)
_SPECIAL = re.compile(r'([$"\\])')


def spec_of(task: HarborTask, *, bases: Mapping[str, str]) -> SandboxSpec:
    """The sandbox of a task, its image built if need be; takes minutes the first time.

    `bases` are images here by the name that the Dockerfile builds upon, or that `docker_image`
    has; see `build_dockerfile`. Raises ValueError, ImageBuildFailed and SandboxUnavailable.
    """
    machine = task.config.environment
    file = task.directory / FILE
    if machine.docker_image is None:
        own = build_dockerfile(task.directory, bases=bases, timeout_s=machine.build_timeout_sec)
        reference, workdir = own.reference, own.workdir
    else:
        reference, workdir = bases.get(machine.docker_image, machine.docker_image), None
    image = _with_places(reference, variables=resolved(machine.env, where=file))
    return SandboxSpec(
        image=image.reference,
        workdir=machine.workdir or workdir or image.workdir,
        cpus=machine.cpus or 1.0,
        memory_mb=machine.memory_mb or MEMORY_MB,
        disk_mb=min(machine.storage_mb or MAX_DISK_MB, MAX_DISK_MB),
        network=_network(task),
    )


def _with_places(reference: str, *, variables: Mapping[str, str]) -> BuiltImage:
    with TemporaryDirectory(prefix="harbor-") as folder:
        links = Path(folder, "places")
        links.mkdir()
        for place in PLACES:
            (links / place).symlink_to(f"{TMP}/{place}")
        lines = [f"FROM {reference}", "COPY places/ /"]
        lines += [f"ENV {assigned(name, value)}" for name, value in variables.items()]
        Path(folder, "Dockerfile").write_text("\n".join(lines) + "\n", encoding="utf-8")
        bases = {"default": "default"} if reference == "default" else {}
        return build_dockerfile(folder, bases=bases)


def assigned(name: str, value: str) -> str:
    """NAME="value" as a Dockerfile's ENV takes it; no variable in it is expanded."""
    if re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) is None:
        raise ValueError(f"no name of an environment variable: {name!r}")
    if "\n" in value:
        raise ValueError(f"the environment variable {name} has a line break: {value!r}")
    escaped = _SPECIAL.sub(r"\\\1", value)
    return f'{name}="{escaped}"'


def _network(task: HarborTask) -> tuple[str, ...]:
    """Places that commands may reach. `public` reaches nothing: nobody said what it is for."""
    machine = task.config.environment
    if machine.network_mode != "allowlist":
        return ()
    ranges = [host for host in machine.allowed_hosts if "/" in host]
    if ranges:
        raise ValueError(f"{task.directory / FILE}: ranges such as {ranges[0]} are not supported")
    return tuple(f"{host}:{port}" for host in machine.allowed_hosts for port in PORTS)
