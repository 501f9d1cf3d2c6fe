"""Which kind of sandbox to use, and what each kind is worth on this machine."""

from __future__ import annotations

import functools
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, get_args

import anyio.to_thread

from forethought.sandbox.base import Backend, Sandbox, SandboxSpec, SandboxUnavailable
from forethought.sandbox.pool import ambient
from forethought.sandbox.wire.remote import RemoteSandbox

if TYPE_CHECKING:
    from forethought.sandbox.wire.remote import RemoteSandbox

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class BackendStatus:
    """One kind of sandbox, as it stands on this machine."""

    name: Backend
    usable: bool
    reason: str
    """Why it cannot be used and what to do about it; empty if it can."""
    isolation: str
    """One line on what it keeps a command away from."""
    engine: str = ""
    """What stands behind it and its version, where that is a program of its own that answers."""


def open_sandbox(
    spec: SandboxSpec | None = None, *, backend: Backend = "auto"
) -> AbstractAsyncContextManager[Sandbox]:
    """A sandbox for as long as the context lasts; without a spec, the default one.

    `auto` takes Docker, else bubblewrap with a warning; local must be asked for by name. While a
    `SandboxPool` is open it is leased from there, unless it may reach the network. Raises
    ValueError for an unknown backend or a spec that it cannot fulfil, and SandboxUnavailable.
    """
    return _opened(checked(spec, backend), backend)


def backends() -> list[BackendStatus]:
    """Every kind of sandbox, best first; asks the engine and tries bubblewrap."""
    return [_docker_status(), _bubblewrap_status(), _local_status()]


def require_backend(name: str) -> None:
    """Raises ValueError, with the known ones, unless there is a backend of that name."""
    known = get_args(Backend)
    if name not in known:
        raise ValueError(f"no sandbox backend named {name!r}; there are: {', '.join(known)}")


# What a pool uses as well.


def checked(spec: SandboxSpec | None, backend: Backend) -> SandboxSpec:
    """The spec, or the default one. Raises ValueError if the backend cannot fulfil it."""
    require_backend(backend)
    wanted = SandboxSpec() if spec is None else spec
    if backend in ("bwrap", "local"):
        _require_host(wanted, backend)
    return wanted


def begin(backend: Backend) -> None:
    """Have the next boot sweep up what dead owners left, others than at the last time perhaps."""
    if backend == "docker":
        from forethought.sandbox.backend import docker

        docker.reap_at_next_boot()


async def answers(backend: Backend) -> bool:
    """Whether there is an engine at all, whatever it says of a spec."""
    if backend != "docker":
        return True
    from forethought.sandbox.backend import docker

    return await anyio.to_thread.run_sync(docker.unusable) is None


async def boot(spec: SandboxSpec, backend: Backend) -> RemoteSandbox:
    """A new sandbox. Raises SandboxUnavailable."""
    if backend == "docker":
        from forethought.sandbox.backend.docker import DockerSandbox

        return await DockerSandbox.open(spec)
    if backend == "bwrap":
        from forethought.sandbox.backend.bwrap import BubblewrapSandbox

        return await BubblewrapSandbox.open(spec)
    from forethought.sandbox.backend.local import LocalSandbox

    return await LocalSandbox.open()


def choose(spec: SandboxSpec) -> Backend:
    """What `auto` is here. Raises SandboxUnavailable if nothing isolates."""
    container = _docker_status()
    if container.usable:
        return "docker"
    try:
        _require_host(spec, "bwrap")
        refusal = (status := _bubblewrap_status()).reason
    except ValueError as error:
        refusal = str(error)
    if refusal:
        raise SandboxUnavailable(
            f"no sandbox for untrusted code: docker: {container.reason}; bwrap: {refusal}; "
            "backend='local' runs code that you trust, without any isolation"
        )
    _warn_once(f"no Docker engine answers, so sandboxes are {status.isolation}")
    return status.name


@asynccontextmanager
async def _opened(spec: SandboxSpec, backend: Backend) -> AsyncIterator[Sandbox]:
    pool = ambient.pool()
    if pool is not None and not spec.network:
        async with pool.lease(spec, backend=backend) as leased:
            yield leased
        return
    chosen = backend
    if backend == "auto":
        chosen = await anyio.to_thread.run_sync(choose, spec)
    sandbox = await boot(spec, chosen)
    try:
        async with sandbox.connected():
            yield sandbox
    finally:
        await sandbox.close()


@functools.cache
def _warn_once(message: str) -> None:
    logger.warning(message)


def _require_host(spec: SandboxSpec, backend: Backend) -> None:
    for field in ("image", "workdir", "agent", "runtime"):
        value = spec.model_dump()[field]
        if value != SandboxSpec.model_fields[field].default:
            raise ValueError(
                f"backend {backend!r} has no {field}, and the spec asks for {value!r}; "
                "use backend='docker' or leave it unset"
            )


def _docker_status() -> BackendStatus:
    from forethought.sandbox.backend import docker
    from forethought.sandbox.engine import describe

    try:
        engine, reason = describe(), None
    except SandboxUnavailable as error:
        engine, reason = "", str(error)
    return replace(_status("docker", reason, docker.ISOLATION), engine=engine)


def _bubblewrap_status() -> BackendStatus:
    from forethought.sandbox.backend import bwrap

    return _status("bwrap", bwrap.unusable(), bwrap.ISOLATION)


def _local_status() -> BackendStatus:
    from forethought.sandbox.backend import local

    return _status("local", local.unusable(), local.ISOLATION)


def _status(name: Backend, reason: str | None, isolation: str) -> BackendStatus:
    return BackendStatus(name=name, usable=reason is None, reason=reason or "", isolation=isolation)
