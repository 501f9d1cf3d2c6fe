"""Which kind of sandbox to use, and what each kind is worth on this machine."""

from __future__ import annotations

import functools
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import get_args

import anyio.to_thread

from forethought.sandbox.base import Backend, Sandbox, SandboxSpec, SandboxUnavailable

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


def open_sandbox(
    spec: SandboxSpec | None = None, *, backend: Backend = "auto"
) -> AbstractAsyncContextManager[Sandbox]:
    """A sandbox for as long as the context lasts; without a spec, the default one.

    `auto` takes Docker, else bubblewrap with a warning; local must be asked for by name. Raises
    ValueError for an unknown backend or a spec that it cannot fulfil, and SandboxUnavailable.
    """
    if backend not in get_args(Backend):
        raise ValueError(f"no sandbox backend named {backend!r}; there are {_names()}")
    wanted = SandboxSpec() if spec is None else spec
    if backend in ("bwrap", "local"):
        _require_host(wanted, backend)
    return _opened(wanted, backend)


def backends() -> list[BackendStatus]:
    """Every kind of sandbox, best first; asks the engine and tries bubblewrap."""
    return [_docker_status(), _bubblewrap_status(), _local_status()]


@asynccontextmanager
async def _opened(spec: SandboxSpec, backend: Backend) -> AsyncIterator[Sandbox]:
    chosen = backend
    if backend == "auto":
        chosen = await anyio.to_thread.run_sync(_choose, spec)
    sandbox = await _open(spec, chosen)
    try:
        yield sandbox
    finally:
        with anyio.CancelScope(shield=True):
            await sandbox.close()


async def _open(spec: SandboxSpec, backend: Backend) -> Sandbox:
    if backend == "docker":
        from forethought.sandbox.docker import DockerSandbox

        return await DockerSandbox.open(spec)
    if backend == "bwrap":
        from forethought.sandbox.bwrap import BubblewrapSandbox

        return await BubblewrapSandbox.open(spec)
    from forethought.sandbox.local import LocalSandbox

    return await LocalSandbox.open()


def _choose(spec: SandboxSpec) -> Backend:
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


@functools.cache
def _warn_once(message: str) -> None:
    logger.warning(message)


def _require_host(spec: SandboxSpec, backend: Backend) -> None:
    for field in ("image", "workdir", "runtime"):
        value = spec.model_dump()[field]
        if value is not None:
            raise ValueError(
                f"backend {backend!r} has no {field}, and the spec asks for {value!r}; "
                "use backend='docker' or leave it unset"
            )


def _docker_status() -> BackendStatus:
    from forethought.sandbox import docker

    return _status("docker", docker.unusable(), docker.ISOLATION)


def _bubblewrap_status() -> BackendStatus:
    from forethought.sandbox import bwrap

    return _status("bwrap", bwrap.unusable(), bwrap.ISOLATION)


def _local_status() -> BackendStatus:
    from forethought.sandbox import local

    return _status("local", local.unusable(), local.ISOLATION)


def _status(name: Backend, reason: str | None, isolation: str) -> BackendStatus:
    return BackendStatus(name=name, usable=reason is None, reason=reason or "", isolation=isolation)


def _names() -> str:
    return ", ".join(map(repr, get_args(Backend)))
