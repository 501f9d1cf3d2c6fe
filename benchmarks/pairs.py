"""Paired differences: two models on the same tasks, with what the sample could not have seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

from forethought.benchmarks.stats import Interval

_ROUNDING = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True)
class Paired:
    """Second minus first, over the tasks that both have scores for."""

    difference: float
    """Mean over tasks of the difference between the tasks' mean scores."""
    ci: Interval
    """95 %: `tango` where all differences are -1, 0 or 1, else `adjusted`."""
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
) -> Paired:
    """Compare scores in [0, 1] by task. Raises ValueError if no task has scores on both sides."""
    shared = [task for task in first if first[task] and second.get(task)]
    if not shared:
        raise ValueError(
            f"nothing to compare: none of the {len(first)} and {len(second)} tasks is scored "
            "on both sides; run both on the same plan"
        )
    differences = [fmean(second[task]) - fmean(first[task]) for task in shared]
    better = sum(difference > _ROUNDING for difference in differences)
    worse = sum(difference < -_ROUNDING for difference in differences)
    is_whole = all(abs(difference - round(difference)) <= _ROUNDING for difference in differences)
    return Paired(
        difference=fmean(differences),
        ci=tango(better, worse, len(differences)) if is_whole else adjusted(differences),
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


def tango(better: int, worse: int, n: int, *, level: float = 0.95) -> Interval:
    """Score interval for the difference of two paired proportions (Tango 1998).

    Of `n` pairs, `better` went from 0 to 1 and `worse` from 1 to 0. The interval holds the
    differences that a score test does not reject; it has width where no pair differs. Raises
    ValueError unless the counts fit in `n` > 0.
    """
    if n < 1 or better < 0 or worse < 0 or better + worse > n:
        raise ValueError(f"{better} better and {worse} worse do not fit into {n} pairs")
    upper = _tango_upper(better, worse, n, level=level)
    return -_tango_upper(worse, better, n, level=level), upper


def adjusted(differences: Sequence[float], *, level: float = 0.95) -> Interval:
    """Wald's interval for a mean difference in [-1, 1] after adding a little of everything.

    Half a pair each of +1 and -1 and one pair of 0 (Agresti and Min 2005), so that equal
    differences do not give an interval without width.
    """
    mean, error = _adjusted_mean(differences)
    half = NormalDist().inv_cdf((1 + level) / 2) * error
    return max(-1.0, mean - half), min(1.0, mean + half)


def detectable_difference(
    differences: Sequence[float], *, level: float = 0.95, power: float = 0.8
) -> float:
    """Smallest true mean difference that a sample like this one detects with the given power.

    Uses the standard error of `adjusted`, so a sample without any difference does not claim to
    detect everything. Differences lie in [-1, 1].
    """
    _, error = _adjusted_mean(differences)
    normal = NormalDist()
    return min(1.0, (normal.inv_cdf((1 + level) / 2) + normal.inv_cdf(power)) * error)


def _adjusted_mean(differences: Sequence[float]) -> tuple[float, float]:
    """Mean and standard error with two pairs added."""
    size = len(differences) + 2
    mean = sum(differences) / size
    square = (sum(difference**2 for difference in differences) + 1) / size
    return mean, math.sqrt(max(0.0, square - mean**2) / size)


def _tango_upper(better: int, worse: int, n: int, *, level: float) -> float:
    """The largest difference that is not rejected, by bisection from the estimate upwards."""
    z = NormalDist().inv_cdf((1 + level) / 2)

    def is_rejected(difference: float) -> bool:
        linear = (2 * n - better + worse) * difference - better - worse
        constant = -worse * difference * (1 - difference)
        down = (math.sqrt(linear**2 - 8 * n * constant) - linear) / (4 * n)
        variance = n * (2 * down + difference * (1 - difference))
        return n * difference - (better - worse) > z * math.sqrt(max(0.0, variance))

    low, high = (better - worse) / n, 1.0
    if not is_rejected(high):
        return high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if is_rejected(middle) else (middle, high)
    return low
