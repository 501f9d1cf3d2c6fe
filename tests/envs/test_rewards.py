"""Rewards: of length, and behind gates."""

from __future__ import annotations

import pytest

from forethought.envs.rewards import gated, lcpo_exact, lcpo_max, length_error


@pytest.mark.parametrize(("num", "error"), [(100, 0.0), (150, 0.5), (0, -1.0)])
def test_length_error_is_relative_and_signed(num: int, error: float) -> None:
    assert length_error(num, 100) == error


def test_a_length_of_nothing_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="at least 1 token, not 0"):
        length_error(5, 0)


@pytest.mark.parametrize(
    ("correct", "num", "expected"),
    [(True, 1000, 1.0), (True, 2000, 0.7), (True, 0, 0.7), (False, 1000, 0.0), (False, 0, -0.3)],
)
def test_lcpo_exact_takes_off_each_token_of_difference(
    correct: bool, num: int, expected: float
) -> None:
    assert lcpo_exact(correct, num, 1000) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("correct", "num", "expected"),
    [
        (True, 1000, 0.5),
        (True, 500, 0.65),
        (True, 0, 0.8),
        (True, 2000, 0.2),
        (True, 3000, 0.0),
        (True, 9000, 0.0),
        (False, 0, 0.0),
    ],
)
def test_lcpo_max_scales_right_answers_down_past_the_target(
    correct: bool, num: int, expected: float
) -> None:
    assert lcpo_max(correct, num, 1000) == pytest.approx(expected)


def test_lcpo_max_never_exceeds_one() -> None:
    assert lcpo_max(True, 0, 100_000) == 1.0


@pytest.mark.parametrize(
    ("value", "gates", "expected"),
    [
        (0.5, (), 0.5),
        (0.5, (True, True), 0.5),
        (1.0, (True, False), 0.0),
        (None, (True,), None),
        (1.0, (True, None), None),
        (None, (False,), 0.0),
        (1.0, (None, False), 0.0),
    ],
    ids=["no gate", "open", "shut", "unscored", "gate unknown", "shut and unscored", "shut anyway"],
)
def test_a_gate_opens_shuts_or_is_not_known(
    value: float | None, gates: tuple[bool | None, ...], expected: float | None
) -> None:
    assert gated(value, *gates) == expected


def test_form_alone_earns_nothing_where_it_gates_and_all_the_advantage_where_it_adds() -> None:
    formed, right = [True, False, True, False], [0.0, 0.0, 0.0, 0.0]
    gates = [gated(value, form) for value, form in zip(right, formed, strict=True)]
    added = [value + 0.1 * form for value, form in zip(right, formed, strict=True)]
    assert len(set(gates)) == 1  # the group teaches nothing
    assert len(set(added)) == 2
