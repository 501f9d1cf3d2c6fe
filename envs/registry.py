"""Environments by name, in Gymnasium's own registry under `forethought/<name>-v0`."""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import logging
import re
from collections.abc import Callable
from typing import Any

import gymnasium
from gymnasium.envs.registration import load_env_creator, registry

from forethought.envs.base import Env

NAMESPACE = "forethought/"
GROUP = "forethought.envs"

logger = logging.getLogger(__name__)


def register(env_id: str, entry_point: str | Callable[..., Env]) -> None:
    """Register an environment; `gymnasium.make` and `make_vec` know it from then on.

    `entry_point` is the class or "module:Class"; a class defined anew (a notebook cell run again)
    takes the place of the old one. Raises ValueError for an id that does not read
    `namespace/name-v0` or that is taken by another entry point.
    """
    namespace, _, name = env_id.rpartition("/")
    if not namespace or ":" in env_id or re.search(r"-v\d+$", name) is None:
        raise ValueError(f"environment id {env_id!r} should read namespace/name-v0")
    taken = registry.get(env_id)
    if taken is not None and (env_id not in _OURS or not _same(taken.entry_point, entry_point)):
        raise ValueError(f"environment id {env_id!r} is taken by {taken.entry_point}")
    registry.pop(env_id, None)
    gymnasium.register(
        env_id,
        entry_point=entry_point,
        vector_entry_point=f"forethought.envs.pool:{env_id}",
        disable_env_checker=True,
        order_enforce=False,
    )
    _OURS.add(env_id)


def make(env_id: str, **options: Any) -> Env:
    """A new environment, unwrapped; `module:id` imports the module that registers it first.

    Raises ValueError with the nearest names if there is none.
    """
    env = gymnasium.make(full_id(env_id), **options).unwrapped
    assert isinstance(env, Env)
    return env


def env_class(env_id: str) -> type[Env]:
    """The class behind an id; data, packages and engines that it needs may be missing.

    Where a function is registered, it is asked for an environment. Raises ValueError for an unknown
    id, and ImportError, with the cause, for what cannot be loaded.
    """
    full = full_id(env_id)
    entry_point = registry[full].entry_point
    try:
        entry = load_env_creator(entry_point) if isinstance(entry_point, str) else entry_point
        return entry if isinstance(entry, type) else type(make(full))
    except Exception as error:
        raise ImportError(
            f"{full} cannot be loaded ({type(error).__name__}: {error}); mend the package that "
            "brings it, or uninstall it"
        ) from error


def full_id(env_id: str) -> str:
    """The id as it is registered, of `name-v0`, `namespace/name-v0` or `module:` before either.

    Raises ValueError with the nearest names if there is none.
    """
    module, _, name = env_id.rpartition(":")
    if module:
        importlib.import_module(module)
    full = name if "/" in name else NAMESPACE + name
    if full not in _OURS:
        register_plugins()
    if full not in _OURS:
        raise ValueError(f"no environment named {env_id!r}; {_nearest(full)}")
    return full


def names() -> list[str]:
    """Ids of all registered environments, sorted."""
    register_plugins()
    return sorted(_OURS)


def register_plugins() -> None:
    """Register what installed packages offer in the entry point group `forethought.envs`.

    An entry is named like the environment and points to its class, which is not loaded yet:
    `"acme/maze-v0" = "acme.maze:Maze"`. One that cannot be registered is logged and passed over,
    so that a broken package does not take the others with it.
    """
    for entry in importlib.metadata.entry_points(group=GROUP):
        try:
            register(entry.name, entry.value)
        except ValueError as error:
            source = entry.dist.name if entry.dist else "an installed package"
            logger.warning("%s: %s", source, error)


def _nearest(env_id: str) -> str:
    by_name = {_name(known): known for known in sorted(_OURS)}
    name = _name(env_id)
    begun = [known for known in by_name if name and known.startswith(name)]
    close = begun[:3] or difflib.get_close_matches(name, by_name, n=3, cutoff=0.8)
    near = " or ".join(repr(by_name[each]) for each in close)
    return f"{f'did you mean {near}? ' if near else ''}forethought envs lists all {len(_OURS)}"


def _name(env_id: str) -> str:
    """Without namespace and version, which say nothing of what was meant."""
    return re.sub(r"-v\d+$", "", env_id.rpartition("/")[2])


def _same(one: object, other: object) -> bool:
    if isinstance(one, type) and isinstance(other, type):
        return (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)
    return one == other


_OURS: set[str] = set()
