"""Built-in environments, registered by name; their modules load when one is made."""

from __future__ import annotations

from forethought.envs.registry import register

BUILTIN = {
    "forethought/blocksworld-v0": "forethought.envs.blocksworld:Blocksworld",
    "forethought/hops-v0": "forethought.envs.hops:Hops",
    "forethought/repair-v0": "forethought.envs.repair:Repair",
    "forethought/retention-v0": "forethought.envs.retention:Retention",
    "forethought/workbench-v0": "forethought.envs.workbench:Workbench",
}


def register_builtin() -> None:
    """Make the built-in environments known; again is harmless."""
    for env_id, entry_point in BUILTIN.items():
        register(env_id, entry_point)
