"""Containers as a controller leaves them that died before it could start them."""

from __future__ import annotations

import time
from collections.abc import Callable

import docker

from forethought.sandbox.backend.removal import OWNER_LABEL
from forethought.sandbox.images import image
from forethought.sandbox.images.provide import provide


def leave(engine: docker.APIClient, *, owner: str) -> str:
    """Create a container of the default image, which may not be there yet; its id."""
    provide(engine, None)
    return str(engine.create_container(image.tag(), labels={OWNER_LABEL: owner})["Id"])


def wait_until(condition: Callable[[], bool]) -> None:
    """However slow the machine is; it has to hold in the end."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
