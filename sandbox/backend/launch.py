"""How the agent is started in an image, whatever that image says of itself."""

from __future__ import annotations

import functools
import logging
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import docker
from docker.errors import APIError, ImageNotFound

from forethought.sandbox.backend import shell
from forethought.sandbox.base import SandboxSpec, SandboxUnavailable
from forethought.sandbox.images import image, runtime
from forethought.sandbox.images.provide import provide
from forethought.sandbox.wire import program
from forethought.sandbox.wire.frames import Settings

logger = logging.getLogger(__name__)

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What the engine takes where an image says nothing."""
NO_PYTHON = re.compile(r"python3.*(executable file not found|no such file)|executable \"python3\"")

_lock = threading.Lock()
_without_python: set[str] = set()
"""Ids of images with no interpreter, or with one that cannot run the agent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    """What differs from image to image in how a container is made."""

    image: str
    """Reference of the default image, else the id of the one that was asked for."""
    agent: str = "python3"
    """The program that runs it."""
    environment: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    is_foreign: bool = True
    """Whether the image is another one than the default."""
    declared: Sequence[str] = ()
    """The image's own VOLUMEs, which would be writable without any limit."""

    @property
    def has_shell(self) -> bool:
        """Whether the agent is the shell's."""
        return self.agent == shell.PROGRAM

    @property
    def state(self) -> str | None:
        """Directory in memory that the agent needs for itself."""
        return shell.STATE if self.has_shell else None

    def command(self, settings: Settings) -> list[str]:
        """The agent's program and its arguments."""
        arguments = shell.arguments if self.has_shell else program.arguments
        return [self.agent, *arguments(settings)]


def launch(engine: docker.APIClient, spec: SandboxSpec) -> Launch:
    """How to start the agent in the image of a spec, which is made or pulled if it is not there.

    Its ENTRYPOINT, CMD, USER and HEALTHCHECK do not count; its ENV does. Raises SandboxUnavailable,
    and ValueError for what the agent that the spec names cannot do.
    """
    if spec.image is None:
        own = Launch(image=image.tag(), is_foreign=False)
        return _with_shell(own, spec) if spec.agent == "shell" else own
    try:
        found = engine.inspect_image(spec.image)
    except ImageNotFound:
        provide(engine, spec.image)
        found = engine.inspect_image(spec.image)
    declared = tuple(found["Config"].get("Volumes") or ())
    plain = Launch(image=found["Id"], declared=declared)
    if spec.agent == "shell":
        return _with_shell(plain, spec)
    if found["Id"] not in _without_python:
        return plain
    try:
        volume = runtime.provide_volume(engine)
    except SandboxUnavailable as error:
        if spec.agent == "python":
            raise
        _warn_once(f"image {spec.image} cannot be given our Python ({error}); its shell stands in")
        return _with_shell(plain, spec)
    variables = dict(each.partition("=")[::2] for each in found["Config"].get("Env") or ())
    return replace(
        plain,
        agent=runtime.PYTHON,
        # The image's own programs come first.
        environment={"PATH": f"{variables.get('PATH', PATH)}:{runtime.PROGRAMS}"},
        volumes={volume: {"bind": runtime.PLACE, "mode": "ro"}},
    )


def _with_shell(plain: Launch, spec: SandboxSpec) -> Launch:
    shell.require_possible(spec)
    return replace(plain, agent=shell.PROGRAM)


@functools.cache
def _warn_once(message: str) -> None:
    logger.warning(message)


def is_without_python(engine: docker.APIClient, tried: Launch, error: APIError) -> bool:
    """Whether a start failed for want of an interpreter; the next launch will bring one."""
    if not NO_PYTHON.search(error.explanation or ""):
        return False
    if tried.volumes:
        # Somebody removed the volume, and the engine has made an empty one.
        runtime.forget(engine)
    with _lock:
        _without_python.add(tried.image)
    return True


def is_unfit(tried: Launch) -> bool:
    """Whether an agent that ended with a complaint was run by the image's own Python.

    It may be too old, or lack a part of the standard library. The next launch will bring another.
    """
    if not tried.is_foreign or tried.volumes or tried.has_shell:
        return False
    with _lock:
        _without_python.add(tried.image)
    return True
