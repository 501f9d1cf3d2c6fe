"""Removal: containers go, also those whose owner died or whose engine was down at the time."""

from __future__ import annotations

import logging
from http import HTTPStatus

import docker
from docker.errors import APIError

from forethought.sandbox.backend.owner import has_died
from forethought.sandbox.engine import address, connect

logger = logging.getLogger(__name__)

OWNER_LABEL = "forethought.owner"

_owed: set[tuple[str, str]] = set()
"""Engine and name of each container that this process could not remove when it was done with it."""


def reap() -> int:
    """Remove containers whose owners, processes of this machine, have died; how many."""
    num_removed = 0
    with connect() as engine:
        for container in engine.containers(all=True, filters={"label": OWNER_LABEL}):
            if has_died(container["Labels"][OWNER_LABEL]):
                num_removed += _tried_away(engine, container["Id"])
    return num_removed


def owe(name: str) -> None:
    """Remember a container, which may not even exist, for when its engine answers again."""
    _owed.add((address(), name))


def settle(engine: docker.APIClient) -> None:
    """Remove what is owed at this engine; what it does not remove now stays owed."""
    here = address()
    for where, name in list(_owed):
        if where == here and _tried_away(engine, name):
            _owed.discard((where, name))


def _tried_away(engine: docker.APIClient, container: str) -> bool:
    """Remove what nobody waits for; an engine that cannot is no reason to refuse a new sandbox."""
    try:
        return force_away(engine, container)
    except APIError as error:
        logger.warning("a container was not removed: %s", error)
        return False


def force_away(engine: docker.APIClient, container: str) -> bool:
    """Remove a container; whether it is gone now. Somebody else may be removing it."""
    try:
        engine.remove_container(container, force=True, v=True)
    except APIError as error:
        if error.status_code == HTTPStatus.CONFLICT:
            return False
        if error.status_code != HTTPStatus.NOT_FOUND:
            raise
    return True
