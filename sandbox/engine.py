"""The Docker engine: a client of its own for each use, and one kind of error."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import docker
from docker.errors import DockerException

from forethought.sandbox.base import SandboxUnavailable

HELP = "start Docker, or run .ci/engine as root on Debian"
ENGINE_S = 120


@contextlib.contextmanager
def connect(*, timeout_s: int = ENGINE_S) -> Iterator[docker.APIClient]:
    """A client of its own for each use: sharing one between threads has hung others.

    Raises SandboxUnavailable, for what goes wrong while it is used as well.
    """
    where = docker.utils.kwargs_from_env()
    try:
        _require_listener(address())
        with contextlib.closing(
            docker.APIClient(version="auto", timeout=timeout_s, **where)
        ) as engine:
            yield engine
    except SandboxUnavailable:
        raise
    except (DockerException, OSError) as error:
        raise SandboxUnavailable(f"the Docker engine failed: {error}; {HELP}") from error


def describe() -> str:
    """Version and runtimes of the engine. Raises SandboxUnavailable."""
    with connect(timeout_s=5) as engine:
        version, runtimes = engine.version()["Version"], runtimes_of(engine)
    has_gvisor = any(name.startswith("runsc") for name in runtimes)
    return f"Docker engine {version}, {'with' if has_gvisor else 'without'} gVisor (runsc)"


def runtimes_of(engine: docker.APIClient) -> list[str]:
    """Names that `SandboxSpec.runtime` may have with this engine."""
    return sorted(engine.info()["Runtimes"])


def address() -> str:
    """Where the engine is: DOCKER_HOST, or its usual socket."""
    return str(docker.utils.kwargs_from_env().get("base_url", docker.constants.DEFAULT_UNIX_SOCKET))


def _require_listener(url: str) -> None:
    """Raises OSError unless somebody listens on a unix socket; the client would leak its own."""
    if url.startswith(("unix://", "http+unix://")):
        path = "/" + url.partition("://")[2].lstrip("/")
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(path)
            except OSError as error:
                raise OSError(f"nothing answers at {path} ({error.strerror})") from error
