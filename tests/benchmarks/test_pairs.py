"""Paired comparison against exact tests, hand numbers and simulated truth."""

import numpy as np
import pytest

from forethought.benchmarks.pairs import detectable_difference, paired_difference, sign_test


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
