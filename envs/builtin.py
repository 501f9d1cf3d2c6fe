"""Built-in environments, registered by name; their modules load when one is made."""

from __future__ import annotations

from forethought.envs.registry import register

PLANNING = {
    "blocksworld-v0": "suite.planning.blocksworld:Blocksworld",
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

PUZZLES = {
    "program-v0": "suite.puzzles.program:Program",
    "equations-v0": "suite.puzzles.equations:Equations",
    "countdown-v0": "suite.puzzles.countdown:Countdown",
    "listops-v0": "suite.puzzles.listops:Listops",
    "knights-v0": "suite.puzzles.knights:Knights",
    "dates-v0": "suite.puzzles.dates:Dates",
    "tolls-v0": "suite.puzzles.tolls:Tolls",
    "seating-v0": "suite.puzzles.seating:Seating",
    "graded-v0": "suite.puzzles.graded:Graded",
    "confidence-v0": "suite.puzzles.confidence:Confidence",
    "effort-v0": "suite.puzzles.effort:Effort",
}

SERVICES = {
    "flights-v0": "suite.services.flights:Flights",
    "lending-v0": "suite.services.lending:Lending",
    "expenses-v0": "suite.services.expenses:Expenses",
}

WORLDS: dict[str, str] = {}

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
