"""Make sure that the engine holds the image a container is to be made from."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence

import docker
from docker.errors import DockerException, ImageNotFound

from forethought.sandbox.base import SandboxUnavailable
from forethought.sandbox.engine import connect
from forethought.sandbox.images import distributions, image
from forethought.sandbox.images.chosen import BuiltImage

logger = logging.getLogger(__name__)


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
    load(engine, image.tag(), image.build)


def provide_with(packages: Sequence[str], *, with_git: bool) -> BuiltImage:
    """See `forethought.sandbox.build_image`."""
    with connect() as engine, distributions.gathered(packages) as chosen:
        # What was asked for by version stands for what is here.
        every = [*image.default_distributions(), *chosen]
        found = list({distributions.key(each.name): each for each in every}.values())
        reference = image.tag_with(found, with_git=with_git)
        load(engine, reference, lambda: image.build_with(found, with_git=with_git))
        return described(engine, reference)


def described(engine: docker.APIClient, reference: str) -> BuiltImage:
    """What the engine says of an image that it holds."""
    status = engine.inspect_image(reference)
    workdir = status["Config"].get("WorkingDir") or "/"
    return BuiltImage(
        reference=reference,
        id=status["Id"],
        num_bytes=int(status["Size"]),
        workdir=None if workdir == "/" else workdir,
    )


def load(engine: docker.APIClient, reference: str, make: Callable[[], bytes]) -> None:
    """Make an image and have the engine load it, unless it is there or somebody else is at it."""
    if _is_there(engine, reference):
        return
    with alone():
        if not _is_there(engine, reference):
            logger.info("building the image %s from this machine's files", reference)
            for line in engine.load_image(make()):
                logger.debug("docker load: %s", line)


def _is_there(engine: docker.APIClient, reference: str) -> bool:
    try:
        engine.inspect_image(reference)
    except ImageNotFound:
        return False
    return True


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """While this lasts no other thread or process of this machine is in here.

    Two that make the same image do twice the work, and the second moves the first one's tag. The
    directory of temporary files itself is locked, so no file is left, and any user may.
    """
    directory = os.open(tempfile.gettempdir(), os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)
