"""How long it takes to draw an instance of each built-in environment that makes its own.

Median over draws at the usual horizons, by turns, and at the longest. Those whose package, data or
engine is not here are named and left out.

    python benchmarks/perf/generation.py [ID ...] [--draws 200] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from forethought.envs import Env, make
from forethought.envs.builtin import CODE, LONG, LOOKUP, PLANNING, PUZZLES, SERVICES, WIDE, WORLDS

FAMILIES = (PLANNING, LOOKUP, CODE, LONG, WIDE, PUZZLES, SERVICES, WORLDS)
TARGET_MS = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """What was measured of one environment."""

    env: str
    usual_ms: float
    longest_ms: float
    longest: int
    """The longest horizon."""


def measure(name: str, draws: int) -> Drawn:
    """Draw instances from one generator; the first, which may load what all need, is not timed."""
    env = make(name)
    low, high = env.card.horizons
    usual = env.card.usual_horizons or tuple(range(low, min(high, low + 3) + 1))
    return Drawn(
        env=name,
        usual_ms=median_ms(env, usual, draws),
        longest_ms=median_ms(env, (high,), max(draws // 10, 1)),
        longest=high,
    )


def lacks(env: Env) -> str:
    """What an environment needs and does not have here; "" if it is all there."""
    return ", ".join(need.what for need in env.needs() if not need.is_here())


def median_ms(env: Env, horizons: Sequence[int], draws: int) -> float:
    """Median milliseconds of a draw, the horizons by turns."""
    rng = np.random.default_rng(0)
    env.make_task(rng, horizon=horizons[0])
    times = []
    for index in range(draws):
        began = time.perf_counter()
        env.make_task(rng, horizon=horizons[index % len(horizons)])
        times.append(time.perf_counter() - began)
    return round(1000 * statistics.median(times), 3)


def main() -> None:
    """Measure all, or those named, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ids", nargs="*", metavar="ID")
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    arguments = parser.parse_args()
    names = arguments.ids or [name for family in FAMILIES for name in family]
    lacking = {name: missing for name in names if (missing := lacks(make(name)))}
    found = [measure(name, arguments.draws) for name in names if name not in lacking]
    table = Table(title="milliseconds to draw an instance, median")
    for column in ("environment", "usual horizons", "longest horizon", "of"):
        table.add_column(column, justify="left" if column == "environment" else "right")
    for drawn in found:
        table.add_row(
            drawn.env, f"{drawn.usual_ms:.2f}", f"{drawn.longest_ms:.2f}", str(drawn.longest)
        )
    Console().print(table)
    for name, missing in lacking.items():
        print(f"left out: {name}, which needs {missing}")
    slow = [drawn.env for drawn in found if drawn.usual_ms > TARGET_MS]
    print(f"target: {TARGET_MS:g} ms at the usual horizons: {', '.join(slow) or 'all'}", end=" ")
    print("NOT within" if slow else "within")
    if arguments.json:
        print(json.dumps([asdict(drawn) for drawn in found]))


if __name__ == "__main__":
    main()
