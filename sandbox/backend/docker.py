"""Sandboxes in Docker containers, one each, driven by our agent as their PID 1.

The engine is asked for create, attach, start and remove only: `docker exec` takes 100 to 250 ms a
call and leaves what it started. A container has no network, a read-only root, memory-backed
directories to write in (they count as memory, and so do files without content, so there is a limit
on their number), the engine's seccomp filter and ours on top, no-new-privileges and limits on
memory, processors and processes. Its commands run as user 1000 without any capability; the agent is
root with three: SETUID and SETGID to become that user, KILL to end its processes. Landlock, where
the kernel has it, lets commands write to their own directories and devices only. The limit on
memory is `memory_mb`, or what full directories and the agent need if that is more.

What this does not protect from: the kernel is the host's, so a bug behind an allowed system call is
in reach; commands see what the kernel tells everybody, such as the machine's load, processors and
the names of its mounts; and before Linux 5.19 a command can give up being the first to be killed
when memory runs out, and have the agent killed in its place, which ends the sandbox. Commands of
one sandbox are not kept from each other.

With runtime "runsc" the kernel is gVisor's, in user space; one bug is no longer enough. It counts
processes (`pids`) and the memory of each by itself, but not of all together: processes that use up
the container's memory together end the sandbox, which then is unavailable. Debian's of 2022 cannot
give lost processes to who started them (each command's carry a mark, which is found), lets commands
read the agent's environment and memory map, though not its memory, and has no message queues or
System V memory here. A command takes some 40 ms, and a fork bomb seconds.

A container ends when its controller does, since the controller holds its standard input; the
engine then removes it. One that was created and not started yet is removed by a watchdog, and if
that was killed as well, by the next process that opens a sandbox.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from dataclasses import dataclass

import anyio
import anyio.to_thread
import docker
from docker.errors import APIError, ImageNotFound, NotFound

from forethought.sandbox.backend.launch import Launch, is_unfit, is_without_python, launch
from forethought.sandbox.backend.limits import host_config, settings
from forethought.sandbox.backend.owner import owner
from forethought.sandbox.backend.removal import OWNER_LABEL, force_away, owe, reap, settle
from forethought.sandbox.backend.shell import ShellExchange
from forethought.sandbox.backend.watchdog import watch
from forethought.sandbox.base import SandboxSpec, SandboxUnavailable
from forethought.sandbox.engine import ENGINE_S, address, connect
from forethought.sandbox.images.contents import contents
from forethought.sandbox.images.pinned import pinned
from forethought.sandbox.images.provide import provide
from forethought.sandbox.wire.lanes import Lane
from forethought.sandbox.wire.remote import CONCURRENT_BOOTS, RemoteSandbox
from forethought.sandbox.wire.stream import MultiplexedWire

logger = logging.getLogger(__name__)

ISOLATION = "container: own namespaces, no network, seccomp filters, hard limits; shared kernel"
CONCURRENT_ENDS = 32
END_S = 10

_boots = Lane("boots", width=CONCURRENT_BOOTS)
_ends = Lane("ends", width=CONCURRENT_ENDS)
_reaped = threading.Event()


class DockerSandbox(RemoteSandbox):
    """A container of its own."""

    def __init__(
        self, wire: MultiplexedWire, *, container: str, spec: SandboxSpec, has_shell: bool
    ) -> None:
        super().__init__(wire, network=spec.network)
        if has_shell:
            self._exchange = ShellExchange(wire, workdir=settings(spec).workdir)
        self.container = container
        self._spec = spec
        self._pristine: bytes | None = None

    @classmethod
    async def open(cls, spec: SandboxSpec) -> DockerSandbox:
        """Start a container and wait until its agent answers.

        Raises SandboxUnavailable, and ValueError for a working directory that is not in the image
        or for a default image that is configured and not pinned (see pinned.py).
        """
        booted = await anyio.to_thread.run_sync(_boot, spec, limiter=_boots.limiter())
        wire = MultiplexedWire(booted.connection)
        has_shell = booted.launch.has_shell
        sandbox = cls(wire, container=booted.container, spec=spec, has_shell=has_shell)
        try:
            await sandbox.greet()
            if booted.contents is not None:
                await sandbox.restore(booted.contents)
                sandbox._pristine = booted.contents
        except BaseException as error:
            await sandbox.close()
            complaint = wire.complaint()
            if isinstance(error, SandboxUnavailable) and complaint and is_unfit(booted.launch):
                last = complaint.splitlines()[-1]
                logger.warning("%s: its Python cannot run the agent (%s)", spec.image, last)
                return await cls.open(spec)
            raise
        return sandbox

    async def reset(self) -> None:
        """Kill every process; back to the working directory's first content."""
        if self._pristine is None:
            await super().reset()
        else:
            await self.restore(self._pristine)

    async def _open_twin(self) -> DockerSandbox:
        return await self.open(self._spec.model_copy(update={"network": ()}))

    async def _release(self) -> None:
        await anyio.to_thread.run_sync(_remove, self.container, limiter=_ends.limiter())


def unusable() -> str | None:
    """Why no container can be started here; None if the engine answers."""
    try:
        with connect(timeout_s=5) as engine:
            engine.ping()
    except SandboxUnavailable as error:
        return str(error)
    return None


def reap_at_next_boot() -> None:
    """Have the next container that is started reap first; it costs one listing."""
    _reaped.clear()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Booted:
    container: str
    connection: socket.socket
    """The standard streams of the agent in it."""
    launch: Launch
    contents: bytes | None
    """What its image holds in the working directory."""


def _boot(spec: SandboxSpec) -> _Booted:
    if not _reaped.is_set():
        _reaped.set()
        reap()
    with connect() as engine:
        settle(engine)
        watch(address(), label=f"{OWNER_LABEL}={owner()}")
        spec = pinned(engine, spec)
        chosen = launch(engine, spec)
        files = contents(engine, spec)
        try:
            container, connection = _start(engine, spec, chosen)
        except APIError as error:
            if not is_without_python(engine, chosen, error):
                raise
            chosen = launch(engine, spec)
            container, connection = _start(engine, spec, chosen)
    return _Booted(container=container, connection=connection, launch=chosen, contents=files)


def _start(
    engine: docker.APIClient, spec: SandboxSpec, launch: Launch
) -> tuple[str, socket.socket]:
    name = f"forethought-{secrets.token_hex(8)}"
    try:
        container = _create(engine, spec, launch, name=name)
        connection = _attach(engine, container)
        try:
            engine.start(container)
        except BaseException:
            connection.close()
            raise
    except BaseException:
        _remove_unstarted(engine, name)
        raise
    return container, connection


def _remove_unstarted(engine: docker.APIClient, name: str) -> None:
    """Remove a container that did not start, unless the engine did so; later, if it is down."""
    try:
        is_gone = force_away(engine, name)
    except (APIError, OSError):
        is_gone = False
    if not is_gone:
        owe(name)


def _create(engine: docker.APIClient, spec: SandboxSpec, launch: Launch, *, name: str) -> str:
    inside = settings(spec)
    agent, *arguments = launch.command(inside)
    limits = host_config(spec, declared=launch.declared, state=launch.state)
    options = {
        "name": name,
        "image": launch.image,
        "entrypoint": [agent],
        "command": arguments,
        "user": "0:0",
        "working_dir": "/",
        "environment": {**launch.environment, "HOME": inside.workdir},
        "stdin_open": True,
        "labels": {OWNER_LABEL: owner()},
        "healthcheck": {"test": ["NONE"]},
        "host_config": engine.create_host_config(**limits, binds=launch.volumes or None),
    }
    try:
        created = engine.create_container(**options)
    except ImageNotFound:
        provide(engine, spec.image)
        created = engine.create_container(**options)
    for warning in created["Warnings"] or ():
        logger.warning("Docker engine: %s", warning)
    return str(created["Id"])


def _attach(engine: docker.APIClient, container: str) -> socket.socket:
    if engine.base_url.startswith("https"):
        raise SandboxUnavailable(
            f"the engine at {engine.base_url} is behind TLS, which an attached stream cannot pass; "
            "set DOCKER_HOST to a unix socket"
        )
    stream = engine.attach_socket(
        container, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
    )
    try:
        return socket.socket(fileno=os.dup(stream.fileno()))
    finally:
        # The client ties its descriptor to a response that it never closes by itself.
        stream._response.close()


def _remove(container: str) -> None:
    """Wait until the engine has removed an ended container; remove one that does not end."""
    try:
        with connect() as engine:
            settle(engine)
            is_gone = (
                _goes(engine, container, within_s=END_S)
                or force_away(engine, container)
                # The engine is removing it, slowly.
                or _goes(engine, container, within_s=ENGINE_S)
            )
            if not is_gone:
                owe(container)
    except SandboxUnavailable:
        owe(container)
        raise


def _goes(engine: docker.APIClient, container: str, *, within_s: int) -> bool:
    """Whether the engine has removed a container before long."""
    try:
        engine.wait(container, timeout=within_s, condition="removed")
    except NotFound:
        return True
    except OSError:
        return False
    return True
