"""Make sure that the engine holds the image a container is to be made from."""

from __future__ import annotations

import logging
import threading

import docker
from docker.errors import DockerException, ImageNotFound

from forethought.sandbox import image
from forethought.sandbox.base import SandboxUnavailable

logger = logging.getLogger(__name__)

_lock = threading.Lock()


def provide(engine: docker.APIClient, reference: str | None) -> None:
    """Pull the named image; build and load the default one, once."""
    if reference is not None:
        logger.info("pulling the image %s", reference)
        try:
            engine.pull(reference)
        except DockerException as error:
            raise SandboxUnavailable(
                f"image {reference!r} is not here and cannot be pulled: {error}; "
                "pull or load it yourself, or leave SandboxSpec.image unset"
            ) from error
        return
    with _lock:
        try:
            engine.inspect_image(image.tag())
        except ImageNotFound:
            logger.info("building the image %s from this machine's Python", image.tag())
            for line in engine.load_image(image.build()):
                logger.debug("docker load: %s", line)
