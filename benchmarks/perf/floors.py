"""What knowing nothing is worth: the floor that each card states, measured.

Two policies play at the usual horizons: the environment's own know-nothing one, and one that sends
empty replies. The card should state the higher of the two means. Those whose package, data or
engine is not here are named and left out.

    python benchmarks/perf/floors.py [ID ...] [--seeds 100] [--option NAME=VALUE ...] [--json]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from functools import partial
from math import sqrt
from statistics import fmean

import anyio
from rich.console import Console
from rich.table import Table

from forethought.arguments import options
from forethought.envs import make
from forethought.envs.builtin import BUILTIN
from forethought.envs.play import Factory, Policy, floor, nothing, play
from forethought.envs.registry import env_class

AT_ONCE = 4
"""Episodes in sandboxes, so that one starts while others run; the rest go one by one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """Mean scores of one environment; None where no episode could be scored."""

    env: str
    stated: float | None
    knowing_nothing: float | None
    doing_nothing: float | None
    num_scored: int
    """Episodes of the policy that fewer could be scored of."""

    @property
    def error(self) -> float:
        """Standard error of the higher mean, at most."""
        mean = min(max(self.knowing_nothing or 0.0, self.doing_nothing or 0.0, 0.0), 1.0)
        return sqrt(mean * (1 - mean) / max(self.num_scored, 1))


async def measure(name: str, factory: Factory, num_seeds: int) -> Measured:
    """Play both policies on the same seeds."""
    own = await scores(factory, [floor(seed) for seed in range(num_seeds)])
    idle = await scores(factory, [nothing] * num_seeds)
    return Measured(
        env=name,
        stated=factory().card.floor,
        knowing_nothing=round(fmean(own), 4) if own else None,
        doing_nothing=round(fmean(idle), 4) if idle else None,
        num_scored=min(len(own), len(idle)),
    )


async def scores(factory: Factory, policies: list[Policy]) -> list[float]:
    """Of an episode a policy, the seeds in order; those that could not be scored are left out."""
    found: list[float] = []
    limit = anyio.CapacityLimiter(AT_ONCE if factory().card.needs_sandbox else 1)

    async def one(seed: int, policy: Policy) -> None:
        async with limit:
            episode = await play(factory, seed, policy)
        if episode.score is not None:
            found.append(episode.score)

    async with anyio.create_task_group() as group:
        for seed, policy in enumerate(policies):
            group.start_soon(one, seed, policy)
    return found


def lacks(name: str, given: Collection[str]) -> str:
    """What an environment needs and does not have here; "" if it is all there."""
    return ", ".join(need.what for need in env_class(name).needs() if need.missing(given))


def main() -> None:
    """Measure all, or those named, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ids", nargs="*", metavar="ID")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line last")
    arguments = parser.parse_args()
    names = arguments.ids or [name.removeprefix("forethought/") for name in BUILTIN]
    given = {name: options(arguments.option, env_id=name) for name in names}
    lacking = {name: missing for name in names if (missing := lacks(name, given[name]))}
    found = []
    for name in names:
        if name not in lacking:
            factory = partial(make, name, **given[name])
            found.append(anyio.run(measure, name, factory, arguments.seeds))
    Console().print(table(found))
    for name, missing in lacking.items():
        print(f"left out: {name}, which needs {missing}")
    if arguments.json:
        print(json.dumps([asdict(each) for each in found]))


def table(found: list[Measured]) -> Table:
    """One row an environment."""
    rows = Table(title="mean score of knowing and of doing nothing")
    for column in ("environment", "knowing nothing", "doing nothing", "error", "n", "stated"):
        rows.add_column(column, justify="left" if column == "environment" else "right")
    for each in found:
        stated = "-" if each.stated is None else f"{each.stated:g}"
        means = (
            "-" if mean is None else f"{mean:.3f}"
            for mean in (each.knowing_nothing, each.doing_nothing)
        )
        rows.add_row(
            each.env,
            *means,
            f"{each.error:.3f}",
            str(each.num_scored),
            stated,
        )
    return rows


if __name__ == "__main__":
    main()
