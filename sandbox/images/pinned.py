"""A default image of one's own, pinned by its digest; there is none unless it is configured.

FORETHOUGHT_SANDBOX_IMAGE=NAME@sha256:DIGEST makes every sandbox without an image one of that image.
It is pulled where a registry answers; elsewhere the image made from this machine's Python stands in
for it, with a warning. Nothing but a digest says which bytes are run, so a tag alone is refused.
"""

from __future__ import annotations

import logging
import os
import re

import docker
from docker.errors import ImageNotFound

from forethought.sandbox.base import SandboxSpec, SandboxUnavailable
from forethought.sandbox.images.provide import provide

logger = logging.getLogger(__name__)

SETTING = "FORETHOUGHT_SANDBOX_IMAGE"
PINNED = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")

_refused: set[tuple[str, str]] = set()
"""Engines and images that they could not get."""


def pinned(engine: docker.APIClient, spec: SandboxSpec) -> SandboxSpec:
    """The spec with the configured image, if it names none. Raises ValueError for a mere tag."""
    reference = os.environ.get(SETTING)
    if spec.image is not None or not reference:
        return spec
    if PINNED.fullmatch(reference) is None:
        raise ValueError(f"{SETTING} is {reference!r}; it should read NAME@sha256:DIGEST")
    if not _can_be_had(engine, reference):
        return spec
    return spec.model_copy(update={"image": reference})


def _can_be_had(engine: docker.APIClient, reference: str) -> bool:
    """Whether the engine has it or can pull it, which is tried once in each process."""
    key = engine.base_url, reference
    if key in _refused:
        return False
    try:
        engine.inspect_image(reference)
    except ImageNotFound:
        try:
            provide(engine, reference)
        except SandboxUnavailable as error:
            _refused.add(key)
            logger.warning("%s; the image made from this machine's Python stands in", error)
            return False
    return True
