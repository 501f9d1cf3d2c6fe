"""Paired comparison against exact tests, hand numbers and simulated truth."""

import math

import numpy as np
import pytest

from forethought.benchmarks.pairs import (
    adjusted,
    detectable_difference,
    paired_difference,
    sign_test,
    tango,
)

Z = 1.959964


@pytest.mark.parametrize(
    ("plus", "minus", "value"),
    [
        pytest.param(0, 0, 1.0, id="nothing differs"),
        pytest.param(5, 0, 2 / 32, id="five of five"),
        pytest.param(8, 2, 2 * (1 + 10 + 45) / 1024, id="eight of ten"),
        pytest.param(3, 3, 1.0, id="even"),
    ],
)
def test_the_sign_test_is_exact(plus: int, minus: int, value: float) -> None:
    assert sign_test(plus, minus) == pytest.approx(value)
    assert sign_test(minus, plus) == pytest.approx(value)


def test_only_tasks_scored_on_both_sides_are_compared() -> None:
    first = {"a": [0.0], "b": [1.0], "c": [0.0], "d": []}
    second = {"a": [1.0], "b": [1.0], "d": [1.0], "e": [0.0]}
    paired = paired_difference(first, second)
    assert (paired.better, paired.worse, paired.equal) == (1, 0, 1)
    assert paired.difference == 0.5


def test_samples_of_one_task_are_averaged_before_they_are_compared() -> None:
    paired = paired_difference({"a": [0.0, 1.0], "b": [0.0]}, {"a": [1.0], "b": [0.0, 0.0]})
    assert paired.difference == pytest.approx(0.25)


def test_nothing_in_common_is_an_error_that_says_so() -> None:
    with pytest.raises(ValueError, match="none of the 1 and 1 tasks"):
        paired_difference({"a": [1.0]}, {"b": [1.0]})


def test_pairing_finds_a_difference_that_hides_in_the_spread_of_the_tasks() -> None:
    rng = np.random.default_rng(1)
    hard = rng.random(200) < 0.5
    first = {str(i): [float(hard[i])] for i in range(200)}
    second = {str(i): [float(hard[i] or i < 12)] for i in range(200)}
    gained = sum(not hard[i] for i in range(12))
    paired = paired_difference(first, second)
    assert paired.difference == pytest.approx(gained / 200)
    assert (paired.better, paired.worse) == (gained, 0)
    assert paired.ci[0] > 0
    assert paired.p_value == pytest.approx(2 / 2**gained)


def test_a_difference_of_the_detectable_size_is_found_four_times_in_five() -> None:
    rng = np.random.default_rng(2)
    noise = rng.choice([-1.0, 0.0, 1.0], p=[0.15, 0.7, 0.15], size=300)
    true = detectable_difference([float(x) for x in noise])
    found = 0
    for _ in range(400):
        up, down = 0.15 + true / 2, 0.15 - true / 2
        sample = rng.choice([-1.0, 0.0, 1.0], p=[down, 0.7, up], size=300)
        found += sample.mean() > 1.96 * sample.std(ddof=1) / 300**0.5
    assert found / 400 == pytest.approx(0.8, abs=0.06)


def test_a_sample_without_any_difference_does_not_detect_everything() -> None:
    few, many = detectable_difference([0.0] * 10), detectable_difference([0.0] * 1000)
    assert few == pytest.approx(2.80159 / 12, abs=1e-4)
    assert many < 0.003 < few


def test_where_no_pair_differs_the_interval_has_the_width_of_wilsons() -> None:
    assert tango(0, 0, 30) == pytest.approx((-(Z**2) / (30 + Z**2), Z**2 / (30 + Z**2)))
    same = {str(task): [1.0] for task in range(30)}
    assert paired_difference(same, same).ci == tango(0, 0, 30)


@pytest.mark.parametrize(("better", "worse", "n"), [(9, 3, 40), (1, 0, 5), (12, 0, 12), (3, 3, 6)])
def test_the_ends_of_the_score_interval_are_where_the_test_turns(
    better: int, worse: int, n: int
) -> None:
    """The nuisance parameter is found here by trying all values, not by its equation."""
    for end, side in zip(tango(better, worse, n), (1, -1), strict=True):
        if abs(end) == 1:
            continue
        downs = np.linspace(max(0.0, -end), (1 - end) / 2, 200_001)[1:-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            likelihood = (
                better * np.log(downs + end)
                + worse * np.log(downs)
                + (n - better - worse) * np.log(1 - 2 * downs - end)
            )
        down = float(downs[int(np.nanargmax(likelihood))])
        score = (better - worse - n * end) / math.sqrt(n * (2 * down + end - end**2))
        assert score == pytest.approx(side * Z, abs=2e-3)


def test_swapping_the_models_mirrors_the_interval() -> None:
    low, high = tango(7, 2, 25)
    assert tango(2, 7, 25) == pytest.approx((-high, -low))


def coverage(n: int, up: float, down: float) -> float:
    """Exact chance that the interval holds the true difference, over all outcomes of n pairs."""
    held = 0.0
    for better in range(n + 1):
        for worse in range(n + 1 - better):
            low, high = tango(better, worse, n)
            if low <= up - down <= high:
                ways = math.comb(n, better) * math.comb(n - better, worse)
                held += ways * up**better * down**worse * (1 - up - down) ** (n - better - worse)
    return held


@pytest.mark.parametrize("n", [10, 30])
@pytest.mark.parametrize(
    ("up", "down"),
    [(0.02, 0.0), (0.05, 0.05), (0.15, 0.0), (0.2, 0.1), (0.4, 0.05), (0.3, 0.3), (0.8, 0.1)],
)
def test_the_score_interval_holds_the_truth_as_often_as_it_says(
    n: int, up: float, down: float
) -> None:
    assert coverage(n, up, down) >= 0.93


def test_partial_scores_are_covered_and_equal_ones_do_not_look_certain() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(2000):
        sample = np.clip(rng.normal(0.1, 0.25, size=20), -1, 1)
        low, high = adjusted([float(x) for x in sample])
        held += low <= 0.1 <= high
    assert held / 2000 >= 0.93
    first = {str(task): [0.25] for task in range(8)}
    second = {str(task): [0.75] for task in range(8)}
    low, high = paired_difference(first, second).ci
    assert low < 0.5 - 0.1
    assert high > 0.5


def test_counts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="3 better and 2 worse do not fit into 4 pairs"):
        tango(3, 2, 4)
