"""How the agent is started in an image, whatever that image says of itself."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import docker
from docker.errors import APIError, ImageNotFound

from forethought.sandbox import image, runtime
from forethought.sandbox.base import SandboxSpec
from forethought.sandbox.provide import provide

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
    python: str = "python3"
    environment: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    is_foreign: bool = True
    """Whether the image is another one than the default."""
    declared: Sequence[str] = ()
    """The image's own VOLUMEs, which would be writable without any limit."""


def launch(engine: docker.APIClient, spec: SandboxSpec) -> Launch:
    """How to start the agent in the image of a spec, which is made or pulled if it is not there.

    Its ENTRYPOINT, CMD, USER and HEALTHCHECK do not count; its ENV does. Raises SandboxUnavailable.
    """
    if spec.image is None:
        return Launch(image=image.tag(), is_foreign=False)
    try:
        found = engine.inspect_image(spec.image)
    except ImageNotFound:
        provide(engine, spec.image)
        found = engine.inspect_image(spec.image)
    declared = tuple(found["Config"].get("Volumes") or ())
    if found["Id"] not in _without_python:
        return Launch(image=found["Id"], declared=declared)
    variables = dict(each.partition("=")[::2] for each in found["Config"].get("Env") or ())
    return Launch(
        image=found["Id"],
        python=runtime.PYTHON,
        # The image's own programs come first.
        environment={"PATH": f"{variables.get('PATH', PATH)}:{runtime.PROGRAMS}"},
        volumes={runtime.provide_volume(engine): {"bind": runtime.PLACE, "mode": "ro"}},
        declared=declared,
    )


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
    if not tried.is_foreign or tried.volumes:
        return False
    with _lock:
        _without_python.add(tried.image)
    return True
