"""Paired differences: two models on the same tasks, with what the sample could not have seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

from forethought.benchmarks.stats import Interval, cluster_bootstrap


@dataclass(frozen=True, kw_only=True, slots=True)
class Paired:
    """Second minus first, over the tasks that both have scores for."""

    difference: float
    """Mean over tasks of the difference between the tasks' mean scores."""
    ci: Interval
    """95 %, bootstrap over tasks."""
    p_value: float
    """Exact two-sided sign test over tasks that differ; McNemar's exact test for one 0/1 each."""
    better: int
    """Tasks on which the second scores higher."""
    worse: int
    equal: int
    detectable: float
    """Smallest true difference found in four of five such comparisons at the 5 % level."""


def paired_difference(
    first: Mapping[str, Sequence[float]],
    second: Mapping[str, Sequence[float]],
    *,
    seed: int = 0,
) -> Paired:
    """Compare scores by task. Raises ValueError if no task has scores on both sides."""
    shared = [task for task in first if first[task] and second.get(task)]
    if not shared:
        raise ValueError(
            f"nothing to compare: none of the {len(first)} and {len(second)} tasks is scored "
            "on both sides; run both on the same plan"
        )
    differences = [fmean(second[task]) - fmean(first[task]) for task in shared]
    better = sum(difference > 1e-12 for difference in differences)
    worse = sum(difference < -1e-12 for difference in differences)
    return Paired(
        difference=fmean(differences),
        ci=cluster_bootstrap([[difference] for difference in differences], seed=seed),
        p_value=sign_test(better, worse),
        better=better,
        worse=worse,
        equal=len(differences) - better - worse,
        detectable=detectable_difference(differences),
    )


def sign_test(plus: int, minus: int) -> float:
    """Exact two-sided p-value that `plus` and `minus` come from a fair coin; 1 without any."""
    total, extreme = plus + minus, min(plus, minus)
    tail = sum(math.comb(total, i) for i in range(extreme + 1))
    return min(1.0, 2 * tail / (1 << total))


def detectable_difference(
    differences: Sequence[float], *, level: float = 0.95, power: float = 0.8
) -> float:
    """Smallest true mean difference that a sample like this one detects with the given power.

    Half a pair each of +1 and -1 and one pair of 0 are added (Agresti and Min 2005), so a sample
    without any difference does not claim to detect everything. Differences lie in [-1, 1].
    """
    size = len(differences) + 2
    mean = sum(differences) / size
    square = (sum(difference**2 for difference in differences) + 1) / size
    normal = NormalDist()
    z = normal.inv_cdf((1 + level) / 2) + normal.inv_cdf(power)
    return min(1.0, z * math.sqrt(max(0.0, square - mean**2) / size))
