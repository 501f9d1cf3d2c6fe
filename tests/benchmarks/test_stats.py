"""Intervals against textbook numbers and simulated truth; pass@k against enumeration."""

import itertools
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.benchmarks.stats import (
    cluster_bootstrap,
    clustered_wilson,
    mean_interval,
    pass_at_k,
    pass_hat_k,
    t_quantile,
    wilson,
)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        pytest.param(81, 263, 0.2553, 0.3662, id="Newcombe 1998 table I, 81/263"),
        pytest.param(15, 148, 0.0624, 0.1605, id="Newcombe 1998 table I, 15/148"),
        pytest.param(0, 20, 0.0, 0.1611, id="Newcombe 1998 table I, 0/20"),
        pytest.param(1, 29, 0.0061, 0.1718, id="Newcombe 1998 table I, 1/29"),
    ],
)
def test_wilson_gives_the_published_intervals(
    successes: int, n: int, low: float, high: float
) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


def test_wilson_is_symmetric_and_stays_within_the_unit_interval() -> None:
    low, high = wilson(3, 10)
    assert wilson(7, 10) == pytest.approx((1 - high, 1 - low))
    assert wilson(10, 10) == (pytest.approx(1 - wilson(0, 10)[1]), 1.0)


@pytest.mark.parametrize(("successes", "n"), [(1, 0), (-1, 3), (4, 3)])
def test_wilson_refuses_counts_that_cannot_be(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match=f"not {successes}/{n}"):
        wilson(successes, n)


@pytest.mark.parametrize(
    ("probability", "degrees", "value"),
    [
        (0.975, 1, 12.7062),
        (0.975, 2, 4.3027),
        (0.975, 9, 2.2622),
        (0.95, 30, 1.6973),
        (0.995, 120, 2.6174),
        (0.975, 5000, 1.9600),
    ],
)
def test_student_quantiles_are_those_of_the_tables(
    probability: float, degrees: int, value: float
) -> None:
    assert t_quantile(probability, degrees) == pytest.approx(value, abs=5e-5)


def test_the_mean_interval_of_four_numbers_is_worked_by_hand() -> None:
    # mean 2.5, standard deviation sqrt(5/3), t(3) = 3.18245
    low, high = mean_interval([1, 2, 3, 4])
    assert (low, high) == pytest.approx((0.44574, 4.55426), abs=1e-4)


def test_one_value_has_no_interval() -> None:
    with pytest.raises(ValueError, match="at least 2 values, not 1"):
        mean_interval([1.0])


def test_single_score_clusters_give_plain_wilson() -> None:
    assert clustered_wilson([[1.0], [0.0], [1.0]]) == wilson(2, 3)


def test_repeats_that_always_agree_count_as_one() -> None:
    clusters = [[1.0] * 8] * 6 + [[0.0] * 8] * 14
    low, high = clustered_wilson(clusters)
    # p(1-p) / (C/(C-1) * p(1-p)/C) = C - 1 effective scores
    assert (low, high) == pytest.approx(wilson(0.3 * 19, 19))


def test_repeats_without_any_failure_count_the_tasks_only() -> None:
    assert clustered_wilson([[1.0] * 10] * 5) == wilson(5, 5)


def test_repeats_that_do_not_depend_on_the_task_keep_their_full_number() -> None:
    assert clustered_wilson([[1.0, 0.0]] * 12) == wilson(12, 24)


def test_clustered_intervals_cover_the_truth_where_plain_wilson_does_not() -> None:
    rng = np.random.default_rng(0)
    plain = clustered = 0
    for _ in range(300):
        rates = rng.beta(0.5, 0.5, size=40)
        clusters = [[float(rng.random() < rate) for _ in range(8)] for rate in rates]
        low, high = clustered_wilson(clusters)
        clustered += low <= 0.5 <= high
        low, high = wilson(sum(map(sum, clusters)), 320)
        plain += low <= 0.5 <= high
    assert 0.91 <= clustered / 300 <= 0.98
    assert plain / 300 < 0.75


def test_the_bootstrap_resamples_clusters_and_not_values() -> None:
    spread = [[0.0] * 10, [1.0] * 10] * 10
    mixed = [[0.0] * 5 + [1.0] * 5] * 20
    low, high = cluster_bootstrap(spread)
    assert (low, high) == pytest.approx((0.3, 0.7), abs=0.051)
    assert cluster_bootstrap(mixed) == (0.5, 0.5)


def test_the_bootstrap_repeats_for_a_seed_and_agrees_with_student() -> None:
    values = [float(x) for x in np.random.default_rng(3).normal(10, 2, size=200)]
    clusters = [[value] for value in values]
    assert cluster_bootstrap(clusters, seed=5) == cluster_bootstrap(clusters, seed=5)
    assert cluster_bootstrap(clusters, seed=5) != cluster_bootstrap(clusters, seed=6)
    assert cluster_bootstrap(clusters) == pytest.approx(mean_interval(values), abs=0.05)


def test_empty_clusters_are_left_out_and_all_empty_is_an_error() -> None:
    assert cluster_bootstrap([[], [2.0]]) == (2.0, 2.0)
    with pytest.raises(ValueError, match="no scores"):
        cluster_bootstrap([[], []])


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.data())
def test_pass_at_k_and_pass_hat_k_are_the_shares_of_all_draws(
    results: list[bool], data: st.DataObject
) -> None:
    k = data.draw(st.integers(1, len(results)))
    draws = list(itertools.combinations(results, k))
    n, successes = len(results), sum(results)
    assert pass_at_k(n, successes, k) == pytest.approx(fmean(any(draw) for draw in draws))
    assert pass_hat_k(n, successes, k) == pytest.approx(fmean(all(draw) for draw in draws))


def test_more_draws_than_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="n=3 successes=1 k=4"):
        pass_at_k(3, 1, 4)
