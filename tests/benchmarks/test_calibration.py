"""Calibration scores against hand numbers and a simulated honest model."""

import numpy as np
import pytest

from forethought.benchmarks.calibration import (
    brier_score,
    expected_calibration_error,
    reliability,
)


def test_brier_is_the_mean_squared_error() -> None:
    assert brier_score([1.0, 0.5, 0.2], [True, False, False]) == pytest.approx(0.29 / 3)


def test_calibration_error_is_the_mean_gap_over_bins() -> None:
    # bins (0.1, 0.2) with accuracy 0.5 and (0.8, 1.0) with accuracy 1
    error = expected_calibration_error([0.8, 0.1, 1.0, 0.2], [True, False, True, True], bins=2)
    assert error == pytest.approx((0.35 + 0.1) / 2)


def test_equal_confidences_share_a_bin_and_later_bins_keep_their_mass() -> None:
    confidences = [0.5] * 50 + [0.51 + i / 1000 for i in range(50)]
    groups = reliability(confidences, [True] * 100, bins=10)
    assert [group.n for group in groups] == [50, 10, 10, 10, 10, 10]


def test_fewer_answers_than_bins_give_a_bin_each() -> None:
    assert [group.n for group in reliability([0.3, 0.9], [False, True])] == [1, 1]


def test_an_honest_model_is_calibrated_and_a_boastful_one_is_not() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(20_000)
    correct = [bool(x) for x in rng.random(20_000) < truth]
    honest = [float(x) for x in truth]
    assert expected_calibration_error(honest, correct) < 0.02
    assert expected_calibration_error([1.0] * 20_000, correct) == pytest.approx(0.5, abs=0.02)
    assert brier_score(honest, correct) == pytest.approx(1 / 6, abs=0.01)


@pytest.mark.parametrize(
    ("confidences", "correct", "message"),
    [
        pytest.param([], [], "one verdict a confidence", id="nothing"),
        pytest.param([0.5], [], "not 0 for 1", id="lengths differ"),
        pytest.param([80.0], [True], "80.0 is not between 0 and 1", id="percent"),
    ],
)
def test_bad_input_is_named(confidences: list[float], correct: list[bool], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        brier_score(confidences, correct)
