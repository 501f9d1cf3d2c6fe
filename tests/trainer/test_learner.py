"""One optimiser step: what it changes, what it reports, what it refuses."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from rows import behaved, learnt_from, random_rows
from tiny_llama import plain_logprobs, tiny_llama
from transformers import PreTrainedModel

from forethought.trainer.learner import Diverged, Learner, Objective
from forethought.trainer.tree import Draw, Row

LIKELIHOOD = Objective(loss="likelihood")


def sentence(name: str, *ids: int, logprob: float = 0.0, advantage: float = 1.0) -> Row:
    """A row of which all but the first token were sampled."""
    draws = tuple(
        Draw(key=(name, 0, at), position=at, logprob=logprob, advantage=advantage)
        for at in range(1, len(ids))
    )
    return Row(ids=ids, draws=draws)


def pulled(row: Row) -> Row:
    """The row with an advantage of 1 throughout."""
    return replace(row, draws=tuple(replace(draw, advantage=1.0) for draw in row.draws))


def chance(model: PreTrainedModel, row: Row, draw: Draw) -> float:
    """Log-probability of a draw."""
    return float(plain_logprobs(model, row.ids)[draw.position - 1, row.ids[draw.position]])


def weights(learner: Learner) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in learner.model.named_parameters()}


def changed(learner: Learner, before: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, value in weights(learner).items() if not value.equal(before[name])}


def test_imitation_makes_the_imitated_likely() -> None:
    learner = Learner(tiny_llama(vocab_size=8), learning_rate=1e-2)
    rows = [sentence("a", 1, 2, 3, 4), sentence("b", 1, 5, 6, 7)]
    losses = [learner.step(rows, LIKELIHOOD).loss for _ in range(60)]
    # Both begin alike, so the first token of each is a coin's toss: 2 of 6 draws cost log 2.
    assert losses[-1] < math.log(2) / 3 + 0.02 < losses[0]
    logprobs_TV = plain_logprobs(learner.model, [1, 2, 3, 4])
    assert logprobs_TV[1, 3] > -0.1


def test_reward_shifts_the_odds_to_what_was_rewarded() -> None:
    model = tiny_llama(vocab_size=8)
    before_V = plain_logprobs(model, [1])[0]
    rows = [
        sentence("good", 1, 2, logprob=float(before_V[2]), advantage=0.5),
        sentence("bad", 1, 3, logprob=float(before_V[3]), advantage=-0.5),
    ]
    Learner(model, learning_rate=1e-3).step(rows, Objective(loss="dapo"))
    after_V = plain_logprobs(model, [1])[0]
    assert after_V[2] > before_V[2]
    assert after_V[2] - after_V[3] > before_V[2] - before_V[3]


def test_a_step_reports_what_it_did() -> None:
    model = tiny_llama(vocab_size=8)
    rows = [pulled(row) for row in behaved(model, random_rows(3), seed=3)]
    keys = {draw.key for row in rows for draw in row.draws}
    found = Learner(model, learning_rate=1e-3).step(rows, Objective(loss="reinforce"))
    assert found.num_draws == found.num_computed == len(keys)
    assert found.num_tokens < found.num_row_tokens
    assert found.num_row_tokens == sum(len(row.ids) for row in rows)
    assert 0 < found.entropy < math.log(8)
    ratio_of = {
        draw.key: math.exp(chance(tiny_llama(vocab_size=8), row, draw) - draw.logprob)
        for row in rows
        for draw in row.draws
    }
    ratios = list(ratio_of.values())
    assert found.max_ratio == pytest.approx(max(ratios), rel=1e-4)
    mismatch = sum(ratio - 1 - math.log(ratio) for ratio in ratios) / len(ratios)
    assert found.mismatch == pytest.approx(mismatch, rel=1e-3)


def test_samples_of_the_present_weights_show_no_mismatch() -> None:
    model = tiny_llama(vocab_size=8)
    logprobs_TV = plain_logprobs(model, [1, 2])
    row = sentence("a", 1, 2, logprob=float(logprobs_TV[0, 2]))
    found = Learner(model, learning_rate=1e-3).step([row], Objective())
    assert (found.mismatch, found.max_ratio) == pytest.approx((0.0, 1.0), abs=1e-5)
    assert found.loss == pytest.approx(-1.0, abs=1e-5)


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        # Episode "long" has three draws of advantage 1, "short" one of advantage -1; the loss of a
        # draw whose ratio is 1 is minus its advantage.
        (Objective(loss="ppo_clip", denominator="token"), (-3 + 1) / 4),
        (Objective(loss="ppo_clip", denominator="rollout"), (-3 / 3 + 1 / 1) / 2),
        (Objective(loss="ppo_clip", denominator="constant", constant=10.0), (-3 + 1) / 10),
    ],
    ids=["token", "rollout", "constant"],
)
@pytest.mark.parametrize("max_tokens", [1, 100], ids=["two batches", "one batch"])
def test_denominators_are_as_worked_out_by_hand(
    objective: Objective, expected: float, max_tokens: int
) -> None:
    model = tiny_llama(vocab_size=8)
    rows = [sentence("long", 1, 2, 3, 4), sentence("short", 5, 6, advantage=-1.0)]
    exact = []
    for row in rows:
        draws = tuple(replace(draw, logprob=chance(model, row, draw)) for draw in row.draws)
        exact.append(replace(row, draws=draws))
    loss, _ = learnt_from(model, exact, objective, max_tokens=max_tokens)
    assert loss == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("loss", ["dapo", "gspo", "dppo_tv"])
def test_draws_that_cannot_pull_are_counted_and_not_computed(loss: str) -> None:
    model = tiny_llama(vocab_size=8)
    quiet = sentence("quiet", 1, 2, 6, advantage=0.0)
    early = sentence("early", 1, 3, 4, 5)
    early = replace(early, draws=(early.draws[0], replace(early.draws[1], advantage=0.0)))
    found = Learner(model, learning_rate=1e-3).step([quiet, early], Objective(loss=loss))
    assert found.num_draws == 4
    # gspo looks at whole episodes, and dppo_tv draws back what has moved, whatever the advantage.
    assert (found.num_computed, found.num_tokens) == ((1, 2) if loss == "dapo" else (4, 6))


def test_a_step_without_any_advantage_is_a_step_on_all_draws() -> None:
    learner = Learner(tiny_llama(vocab_size=8), learning_rate=1e-3)
    found = learner.step([sentence("quiet", 1, 2, 3, advantage=0.0)], Objective())
    assert (found.num_computed, found.loss, found.gradient_norm) == (2, 0.0, 0.0)


def test_the_learning_rate_warms_up_in_equal_steps() -> None:
    learner = Learner(tiny_llama(vocab_size=8), learning_rate=0.01, warmup_steps=4)
    rates = []
    for _ in range(6):
        learner.step([sentence("a", 1, 2)], LIKELIHOOD)
        rates.append(learner.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.0025, 0.005, 0.0075, 0.01, 0.01, 0.01])


def test_a_stage_begins_with_its_own_warmth_and_the_moments_of_the_one_before() -> None:
    learner = Learner(tiny_llama(vocab_size=8), learning_rate=0.01)
    for _ in range(3):
        learner.step([sentence("a", 1, 2)], LIKELIHOOD)
    (kept,) = [s for p, s in learner.optimizer.state.items() if p is learner.model.lm_head.weight]
    moment = kept["exp_avg_sq"].clone()
    learner.begin(learning_rate=0.1, warmup_steps=2)
    assert kept["exp_avg_sq"].equal(moment)
    rates = []
    for _ in range(2):
        learner.step([sentence("a", 1, 2)], LIKELIHOOD)
        rates.append(learner.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.05, 0.1])
    assert float(kept["step"]) == 5


def test_the_last_layers_alone_can_be_trained() -> None:
    learner = Learner(tiny_llama(vocab_size=8), learning_rate=1e-2, trained_layers=1)
    before = weights(learner)
    learner.step([sentence("a", 1, 2, 3)], LIKELIHOOD)
    moved = changed(learner, before)
    assert moved == {
        name for name in before if name.startswith("model.layers.1.") or name == "model.norm.weight"
    }
    whole = Learner(learner.model, learning_rate=1e-2)
    whole.step([sentence("a", 1, 2, 3)], LIKELIHOOD)
    assert changed(whole, before) == set(before)


@pytest.mark.parametrize("trained_layers", [0, 3])
def test_more_layers_than_there_are_cannot_be_trained(trained_layers: int) -> None:
    with pytest.raises(ValueError, match=f"trained_layers is {trained_layers}; the model has 2"):
        Learner(tiny_llama(), learning_rate=1e-2, trained_layers=trained_layers)


def test_a_gradient_that_is_not_finite_leaves_the_weights_alone() -> None:
    learner = Learner(tiny_llama(vocab_size=8), learning_rate=1e-2)
    learner.step([sentence("a", 1, 2)], LIKELIHOOD)
    before = weights(learner)
    with pytest.raises(Diverged, match=r"the gradient norm is nan after 1 steps"):
        learner.step([sentence("a", 1, 2, advantage=math.nan)], LIKELIHOOD)
    assert changed(learner, before) == set()
    assert learner.num_steps == 1
    learner.step([sentence("a", 1, 2)], LIKELIHOOD)
    assert all(value.isfinite().all() for value in weights(learner).values())


def test_a_long_gradient_is_cut_to_the_norm_that_is_allowed() -> None:
    norms = []
    for limit in (math.inf, 0.5):
        learner = Learner(tiny_llama(vocab_size=8), learning_rate=1e-3, max_gradient_norm=limit)
        seen: list[float] = []
        learner.optimizer.register_step_pre_hook(
            lambda *_, of=learner, to=seen: to.append(
                float(torch.stack([p.grad.norm() for p in of.model.parameters()]).norm())
            )
        )
        reported = learner.step([sentence("a", 1, 2, 3)], LIKELIHOOD).gradient_norm
        norms.append((reported, seen[0]))
    (free, free_seen), (cut, cut_seen) = norms
    assert free == pytest.approx(cut) == pytest.approx(free_seen)
    assert free > 0.5
    assert cut_seen == pytest.approx(0.5, abs=1e-3)


def test_rows_without_a_draw_cannot_be_learnt_from() -> None:
    learner = Learner(tiny_llama(), learning_rate=1e-2)
    with pytest.raises(ValueError, match="nothing to train on"):
        learner.step([Row(ids=(1, 2), draws=())], LIKELIHOOD)


def test_a_head_that_is_more_than_linear_is_refused() -> None:
    model = tiny_llama()
    model.config.final_logit_softcapping = 30.0
    with pytest.raises(ValueError, match="final_logit_softcapping is set; its head is not support"):
        Learner(model, learning_rate=1e-2)
