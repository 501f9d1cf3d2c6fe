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
    "package-v0": "suite.code.package:Package",
    "repair-v0": "suite.code.repair:Repair",
    "repository-v0": "suite.code.repository:Repository",
    "synthesis-v0": "suite.code.synthesis:Synthesis",
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

WORLDS = {
    "boxes-v0": "suite.worlds.boxes:Boxes",
    "journey-v0": "suite.worlds.journey:Journey",
    "keys-v0": "suite.worlds.keys:Keys",
    "misled-v0": "suite.worlds.misled:Misled",
    "passages-v0": "suite.worlds.passages:Passages",
}

DATASETS = {
    "2wiki-v0": "datasets.hotpotqa:TwoWiki",
    "bfcl-multi-turn-v0": "datasets.bfcl:BfclMultiTurn",
    "browsecomp-v0": "datasets.browsecomp:BrowseComp",
    "exercism-v0": "datasets.exercism:Exercism",
    "gsm8k-v0": "datasets.gsm8k:GSM8K",
    "hotpotqa-v0": "datasets.hotpotqa:HotpotQA",
    "humaneval-v0": "datasets.humaneval:HumanEval",
    "math-v0": "datasets.competition:Competition",
    "mbpp-v0": "datasets.mbpp:MBPP",
    "musique-v0": "datasets.musique:MuSiQue",
    "pddl-v0": "datasets.pddl_folder:PddlFolder",
    "planbench-v0": "datasets.planbench:PlanBench",
    "strategyqa-v0": "datasets.strategyqa:StrategyQA",
    "tau-retail-v0": "datasets.tau:TauRetail",
}

ADAPTERS: dict[str, str] = {
    "gem-v0": "adapters.gem_game:Gem",
    "gymnasium-v0": "adapters.gymnasium_text:GymnasiumText",
    "harbor-v0": "adapters.harbor:Harbor",
    "openenv-v0": "adapters.openenv:OpenEnv",
    "reasoning-gym-v0": "adapters.reasoning:ReasoningGym",
    "textarena-v0": "adapters.textarena_game:TextArena",
    "textworld-v0": "adapters.textworld_game:TextWorld",
}

WIDE = {
    "chain-v0": "suite.wide.chain:Chain",
    "corpus-v0": "suite.wide.corpus:Corpus",
    "objectives-v0": "suite.wide.objectives:Objectives",
    "report-v0": "suite.wide.report:Report",
    "survey-v0": "suite.wide.survey:Survey",
}

BUILTIN = {
    f"forethought/{name}": f"forethought.envs.{where}"
    for family in (
        PLANNING,
        LOOKUP,
        CODE,
        LONG,
        WIDE,
        PUZZLES,
        SERVICES,
        WORLDS,
        DATASETS,
        ADAPTERS,
    )
    for name, where in family.items()
}


def register_builtin() -> None:
    """Make the built-in environments known; again is harmless."""
    for env_id, entry_point in BUILTIN.items():
        register(env_id, entry_point)
