"""Statistics of scores: intervals that hold on small samples, and pass@k / pass^k.

Every interval is two-sided and 95 % unless `level` says otherwise. Where several samples share a
task they are not independent, so the functions take clusters: one sequence of scores a task.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import NormalDist, fmean, stdev

import numpy as np

Interval = tuple[float, float]

_EXACT_DEGREES = 2000
"""Beyond as many degrees of freedom Student's t and the normal agree to 1e-3."""


def wilson(successes: float, n: float, *, level: float = 0.95) -> Interval:
    """Wilson's score interval for a proportion (Wilson 1927); sound at 0 and at n successes.

    `n` may be an effective sample size and so fractional. Raises ValueError unless
    0 <= successes <= n and n > 0.
    """
    if n <= 0 or not 0 <= successes <= n:
        raise ValueError(f"a proportion needs 0 <= successes <= n and n > 0, not {successes}/{n}")
    z = NormalDist().inv_cdf((1 + level) / 2)
    rate = successes / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return low, high


def clustered_wilson(clusters: Sequence[Sequence[float]], *, level: float = 0.95) -> Interval:
    """Wilson's interval at the effective sample size of clustered 0/1 scores.

    The effective size is p(1-p) over the cluster-robust variance of the mean (Korn and Graubard
    1998), never above the number of scores; where the scores do not vary at all it is the number
    of clusters. With one score a cluster this is `wilson`.
    """
    filled = _filled(clusters)
    total = sum(len(cluster) for cluster in filled)
    rate = sum(sum(cluster) for cluster in filled) / total
    if all(len(cluster) == 1 for cluster in filled):
        effective = float(total)
    elif rate in (0.0, 1.0) or len(filled) == 1:
        effective = float(len(filled))
    else:
        residuals = [sum(cluster) - rate * len(cluster) for cluster in filled]
        correction = len(filled) / (len(filled) - 1)
        variance = correction * sum(residual**2 for residual in residuals) / total**2
        effective = min(float(total), rate * (1 - rate) / variance) if variance else float(total)
    return wilson(rate * effective, effective, level=level)


def mean_interval(values: Sequence[float], *, level: float = 0.95) -> Interval:
    """Student's t interval for the mean of independent values. Raises ValueError below two."""
    if len(values) < 2:
        raise ValueError(f"an interval for a mean needs at least 2 values, not {len(values)}")
    half = t_quantile((1 + level) / 2, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    centre = fmean(values)
    return centre - half, centre + half


def cluster_bootstrap(
    clusters: Sequence[Sequence[float]],
    *,
    level: float = 0.95,
    resamples: int = 4000,
    seed: int = 0,
) -> Interval:
    """Percentile interval for the mean of all values, resampling whole clusters."""
    filled = _filled(clusters)
    sums_C = np.array([sum(cluster) for cluster in filled], dtype=np.float64)
    sizes_C = np.array([len(cluster) for cluster in filled], dtype=np.float64)
    even_C = np.full(len(filled), 1 / len(filled))
    draws_RC = np.random.default_rng(seed).multinomial(len(filled), even_C, size=resamples)
    means_R = (draws_RC @ sums_C) / (draws_RC @ sizes_C)
    low, high = np.quantile(means_R, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def clustered_interval(clusters: Iterable[Sequence[float]]) -> Interval | None:
    """Of the mean of all values: Student's t for one a cluster, the bootstrap for several.

    None for a single cluster and where all values are the same: no spread says nothing of
    precision.
    """
    given = list(clusters)
    if len(given) < 2 or len({value for cluster in given for value in cluster}) == 1:
        return None
    if all(len(cluster) == 1 for cluster in given):
        return mean_interval([cluster[0] for cluster in given])
    return cluster_bootstrap(given)


def pass_at_k(n: int, successes: int, k: int) -> float:
    """Chance that at least one of k of n samples succeeds (Chen et al. 2021), unbiased."""
    _check_draw(n, successes, k)
    return 1.0 - math.comb(n - successes, k) / math.comb(n, k)


def pass_hat_k(n: int, successes: int, k: int) -> float:
    """Chance that all of k of n samples succeed (pass^k of tau-bench, Yao et al. 2024)."""
    _check_draw(n, successes, k)
    return math.comb(successes, k) / math.comb(n, k)


def t_quantile(probability: float, degrees: int) -> float:
    """Quantile of Student's t for probability > 1/2, by bisection on the exact distribution."""
    if not 0.5 < probability < 1 or degrees < 1:
        raise ValueError(f"no quantile for probability {probability}, {degrees} degrees of freedom")
    if degrees > _EXACT_DEGREES:
        return NormalDist().inv_cdf(probability)
    low, high = 0.0, 1.0
    while _t_within(high, degrees) < 2 * probability - 1:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        if _t_within(middle, degrees) < 2 * probability - 1:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _t_within(t: float, degrees: int) -> float:
    """P(|T| < t), the finite sums of Abramowitz and Stegun 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(degrees))
    sine, cosine = math.sin(angle), math.cos(angle)
    is_odd = degrees % 2 == 1
    term, total = (cosine, 0.0) if is_odd else (1.0, 0.0)
    for step in range(1, degrees // 2 + 1):
        total += term
        top, bottom = (2 * step, 2 * step + 1) if is_odd else (2 * step - 1, 2 * step)
        term *= cosine**2 * top / bottom
    return 2 / math.pi * (angle + sine * total) if is_odd else sine * total


def _filled(clusters: Sequence[Sequence[float]]) -> list[Sequence[float]]:
    filled = [cluster for cluster in clusters if cluster]
    if not filled:
        raise ValueError("no scores to estimate a mean from")
    return filled


def _check_draw(n: int, successes: int, k: int) -> None:
    if not 0 <= successes <= n or not 1 <= k <= n:
        raise ValueError(
            f"needs 0 <= successes <= n and 1 <= k <= n, not n={n} successes={successes} k={k}"
        )
