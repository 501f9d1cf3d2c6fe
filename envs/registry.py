"""Environments by name, in Gymnasium's own registry under `forethought/<name>-v0`."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

import gymnasium
from gymnasium.envs.registration import registry

from forethought.envs.base import Env

NAMESPACE = "forethought/"


def register(env_id: str, entry_point: str | Callable[..., Env]) -> None:
    """Register an environment; `gymnasium.make` and `make_vec` know it from then on.

    `entry_point` is the class or "module:Class". Raises ValueError for an id that does not read
    `namespace/name-v0` or that is taken by another entry point.
    """
    namespace, _, name = env_id.rpartition("/")
    if not namespace or "-v" not in name:
        raise ValueError(f"environment id {env_id!r} should read namespace/name-v0")
    taken = registry.get(env_id)
    if taken is not None and taken.entry_point != entry_point:
        raise ValueError(f"environment id {env_id!r} is taken by {taken.entry_point}")
    gymnasium.register(
        env_id,
        entry_point=entry_point,
        vector_entry_point=f"forethought.envs.pool:{env_id}",
        disable_env_checker=True,
        order_enforce=False,
    )
    _OURS.add(env_id)


def make(env_id: str, **options: Any) -> Env:
    """A new environment, unwrapped. Raises ValueError with the nearest name if there is none."""
    if env_id not in _OURS and NAMESPACE + env_id in _OURS:
        env_id = NAMESPACE + env_id
    if env_id not in _OURS:
        close = difflib.get_close_matches(env_id, sorted(_OURS), n=1, cutoff=0.4)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(names())}"
        raise ValueError(f"no environment named {env_id!r}; {hint}")
    env = gymnasium.make(env_id, **options).unwrapped
    assert isinstance(env, Env)
    return env


def names() -> list[str]:
    """Ids of all registered environments, sorted."""
    return sorted(_OURS)


_OURS: set[str] = set()
