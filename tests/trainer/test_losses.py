"""Losses and corrections against numbers worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from forethought.trainer.corrections import CORRECTIONS, correct
from forethought.trainer.losses import LOSSES, Terms, clipped, sequence_mean

BEHAVIOUR = 0.25
"""Probability under mu of every draw below."""


def terms_of(
    ratios: Sequence[float], advantages: Sequence[float], sequence: Sequence[int] | None = None
) -> Terms:
    behaviour_M = torch.full((len(ratios),), log(BEHAVIOUR))
    logprob_M = torch.tensor([log(BEHAVIOUR * ratio) for ratio in ratios], requires_grad=True)
    return Terms(
        logprob_M=logprob_M,
        behaviour_M=behaviour_M,
        advantage_M=torch.tensor(advantages),
        sequence_M=torch.tensor(sequence or [0] * len(ratios)),
    )


def slope(name: str, ratio: float, advantage: float) -> float:
    """Derivative of a loss by log pi."""
    terms = terms_of([ratio], [advantage])
    (found,) = torch.autograd.grad(LOSSES[name](terms).sum(), terms.logprob_M)
    return float(found)


@pytest.mark.parametrize(
    ("name", "ratio", "advantage", "loss", "derivative"),
    [
        ("likelihood", 2.0, 1.0, log(2), -1.0),
        ("likelihood", 2.0, -0.5, 0.5 * log(0.5), 0.5),
        ("reinforce", 2.0, 1.0, -2.0, -2.0),
        ("reinforce", 0.5, -3.0, 1.5, 1.5),
        # The clip holds a draw back only on the side to which the advantage pushes it.
        ("ppo_clip", 1.1, 1.0, -1.1, -1.1),
        ("ppo_clip", 1.5, 1.0, -1.2, 0.0),
        ("ppo_clip", 0.5, 1.0, -0.5, -0.5),
        ("ppo_clip", 0.5, -1.0, 0.8, 0.0),
        ("ppo_clip", 1.5, -1.0, 1.5, 1.5),
        ("dr_grpo", 1.5, 1.0, -1.2, 0.0),
        ("dr_grpo", 1.5, -2.0, 3.0, 3.0),
        # DAPO goes up to 1.28, and to three times the advantage where it is negative.
        ("dapo", 1.25, 1.0, -1.25, -1.25),
        ("dapo", 1.5, 1.0, -1.28, 0.0),
        ("dapo", 0.5, -1.0, 0.8, 0.0),
        ("dapo", 2.5, -1.0, 2.5, 2.5),
        ("dapo", 3.5, -1.0, 3.0, 0.0),
        ("dapo", 3.5, -0.5, 1.5, 0.0),
        # CISPO weighs the gradient with the ratio, up to 5, and drops nothing.
        ("cispo", 2.0, 1.0, -2.0 * log(0.5), -2.0),
        ("cispo", 3.9, -1.0, 3.9 * log(0.975), 3.9),
        # One draw is its own sequence: bounds of 3e-4 and 4e-4.
        ("gspo", 1.0002, 1.0, -1.0002, -1.0002),
        ("gspo", 1.2, 1.0, -1.0004, 0.0),
        ("gspo", 0.8, -1.0, 0.9997, 0.0),
        ("gspo", 0.8, 1.0, -0.8, -0.8),
        # Moved by 0.25 of probability is too far, by 0.15 is not; 1e-3 of log ratio squared stays.
        ("dppo_tv", 1.6, 1.0, -1.6 + 1e-3 * log(1.6) ** 2, -1.6 + 2e-3 * log(1.6)),
        ("dppo_tv", 2.0, 1.0, 1e-3 * log(2) ** 2, 2e-3 * log(2)),
        ("dppo_tv", 2.0, -1.0, 2.0 + 1e-3 * log(2) ** 2, 2.0 + 2e-3 * log(2)),
        ("dppo_tv", 0.1, -1.0, 1e-3 * log(0.1) ** 2, 2e-3 * log(0.1)),
        ("dppo_tv", 0.1, 1.0, -0.1 + 1e-3 * log(0.1) ** 2, -0.1 + 2e-3 * log(0.1)),
    ],
)
def test_a_loss_and_its_slope_are_as_worked_out_by_hand(
    name: str, ratio: float, advantage: float, loss: float, derivative: float
) -> None:
    found = float(LOSSES[name](terms_of([ratio], [advantage])).detach())
    assert found == pytest.approx(loss, abs=1e-5)
    assert slope(name, ratio, advantage) == pytest.approx(derivative, abs=1e-5)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("advantage", [-2.0, 0.5])
def test_where_pi_is_mu_all_losses_push_like_reinforce(name: str, advantage: float) -> None:
    assert slope(name, 1.0, advantage) == pytest.approx(-advantage, abs=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_without_advantage_nothing_pushes(name: str) -> None:
    assert slope(name, 1.0, 0.0) == 0.0
    if name != "dppo_tv":  # its penalty on the distance stays
        assert slope(name, 1.7, 0.0) == 0.0


def test_cispo_truncates_its_weight_at_five() -> None:
    terms = Terms(
        logprob_M=torch.tensor([log(0.9)], requires_grad=True),
        behaviour_M=torch.tensor([log(0.1)]),
        advantage_M=torch.tensor([1.0]),
        sequence_M=torch.tensor([0]),
    )
    (found,) = torch.autograd.grad(LOSSES["cispo"](terms).sum(), terms.logprob_M)
    assert float(found) == pytest.approx(-5.0)


def test_gspo_clips_by_the_mean_of_the_whole_episode() -> None:
    # The first episode is as likely as before in the geometric mean, so none of it is clipped,
    # though each of its draws has moved; the second is not, so all of it is.
    terms = terms_of([2.0, 0.5, 2.0, 1.0], [1.0] * 4, [0, 0, 1, 1])
    loss_M = LOSSES["gspo"](terms)
    assert loss_M.tolist() == pytest.approx([-1.0, -1.0, -1.0004, -1.0004], abs=1e-5)
    (slopes_M,) = torch.autograd.grad(loss_M.sum(), terms.logprob_M)
    assert slopes_M.tolist() == pytest.approx([-1.0, -1.0, 0.0, 0.0], abs=1e-5)


@given(st.floats(0.01, 10), st.floats(-5, 5), st.floats(0.01, 0.9), st.floats(0.01, 0.9))
def test_the_clipped_surrogate_is_never_below_the_unclipped_one(
    ratio: float, advantage: float, low: float, high: float
) -> None:
    found = clipped(torch.tensor(ratio), torch.tensor(advantage), low=low, high=high)
    assert float(found) >= -ratio * advantage - 1e-4


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], [1, 1, 1, 1, 1, 1]),
        (["tis"], [2, 1.5, 1, 1.005, 0.4, 0.9]),
        (["icepop"], [1, 1, 1, 1, 0, 1]),
        (["geo_mask"], [0, 0, 1, 1, 0, 0]),
        (["opsm"], [1, 1, 1, 1, 0, 0]),
        (["tis", "geo_mask"], [0, 0, 1, 1.005, 0, 0]),
        (["tis", "icepop"], [2, 1.5, 1, 1.005, 0, 0.9]),
    ],
    ids=["none", "tis", "icepop", "geo_mask", "opsm", "tis and geo_mask", "tis and icepop"],
)
def test_corrections_are_as_worked_out_by_hand(names: list[str], expected: list[float]) -> None:
    terms = terms_of(
        [3.0, 1.5, 1.0, 1.005, 0.4, 0.9], [1.0, -1.0, 1.0, -1.0, -1.0, -1.0], [0, 0, 1, 1, 2, 2]
    )
    found = correct(terms, names)
    assert found.tolist() == pytest.approx(expected, abs=1e-5)
    assert not found.requires_grad


def test_corrections_change_nothing_where_pi_is_mu() -> None:
    terms = terms_of([1.0, 1.0], [1.0, -1.0], [0, 1])
    assert correct(terms, list(CORRECTIONS)).tolist() == pytest.approx([1.0, 1.0], abs=1e-6)


def test_only_episodes_of_negative_advantage_are_dropped_for_their_distance() -> None:
    far = terms_of([0.5, 0.5], [1.0, -1.0], [0, 1])
    assert CORRECTIONS["opsm"](far).tolist() == [1.0, 0.0]
    near = terms_of([exp(-0.5e-4)], [-1.0])
    assert CORRECTIONS["opsm"](near).tolist() == [1.0]


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(-10, 10)), max_size=30))
def test_the_mean_of_a_sequence_is_given_to_each_of_its_draws(
    draws: list[tuple[int, float]],
) -> None:
    sequence_M = torch.tensor([number for number, _ in draws], dtype=torch.long)
    value_M = torch.tensor([value for _, value in draws])
    expected = []
    for number, _ in draws:
        values = [value for other, value in draws if other == number]
        expected.append(sum(values) / len(values))
    assert sequence_mean(value_M, sequence_M).tolist() == pytest.approx(expected, abs=1e-4)
