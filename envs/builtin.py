"""Built-in environments, registered by name; their modules load when one is made."""

from __future__ import annotations

from forethought.envs.registry import register

PLANNING = {
    "blocksworld-v0": "suite.planning.blocksworld:Blocksworld",
    "ferry-v0": "suite.planning.ferry:Ferry",
    "logistics-v0": "suite.planning.logistics:Logistics",
}

LOOKUP = {
    "hops-v0": "suite.lookup.hops:Hops",
}

CODE = {
    "repair-v0": "suite.code.repair:Repair",
}

LONG = {
    "retention-v0": "suite.long.retention:Retention",
    "workbench-v0": "suite.long.workbench:Workbench",
}

PUZZLES: dict[str, str] = {}

SERVICES: dict[str, str] = {}

WORLDS = {
    "boxes-v0": "suite.worlds.boxes:Boxes",
    "journey-v0": "suite.worlds.journey:Journey",
    "keys-v0": "suite.worlds.keys:Keys",
    "misled-v0": "suite.worlds.misled:Misled",
    "passages-v0": "suite.worlds.passages:Passages",
}

DATASETS: dict[str, str] = {}

ADAPTERS: dict[str, str] = {}

BUILTIN = {
    f"forethought/{name}": f"forethought.envs.{where}"
    for family in (PLANNING, LOOKUP, CODE, LONG, PUZZLES, SERVICES, WORLDS, DATASETS, ADAPTERS)
    for name, where in family.items()
}


def register_builtin() -> None:
    """Make the built-in environments known; again is harmless."""
    for env_id, entry_point in BUILTIN.items():
        register(env_id, entry_point)
