"""Policy losses: one number a draw, from flat vectors of all draws of a batch.

Each takes `Terms` and returns the loss of each draw, to be minimised; the caller multiplies by
weights and divides by a denominator that it has computed over the whole optimiser step, so how
draws are packed into batches does not change the gradient.

Legend: M draws. pi is the policy now, mu the one that sampled; ratio = pi / mu.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What a loss may look at; only `logprob_M` carries a gradient."""

    logprob_M: Tensor
    """log pi."""
    behaviour_M: Tensor
    """log mu."""
    advantage_M: Tensor
    sequence_M: Tensor
    """Episode of each draw, counted from 0."""

    @property
    def log_ratio_M(self) -> Tensor:
        """log (pi / mu)."""
        return self.logprob_M - self.behaviour_M


Loss = Callable[[Terms], Tensor]


def likelihood(terms: Terms) -> Tensor:
    """Negative log-likelihood weighted by the advantage; with advantage 1 it is plain SFT."""
    return -terms.advantage_M * terms.logprob_M


def reinforce(terms: Terms) -> Tensor:
    """REINFORCE with importance weighting, `-ratio A` (Williams 1992); no trust region."""
    return -terms.log_ratio_M.exp() * terms.advantage_M


def clipped(ratio_M: Tensor, advantage_M: Tensor, *, low: float, high: float) -> Tensor:
    """PPO's pessimistic surrogate with separate bounds (DAPO's clip-higher, arXiv 2503.14476)."""
    bounded_M = ratio_M.clamp(1 - low, 1 + high)
    return -torch.minimum(ratio_M * advantage_M, bounded_M * advantage_M)


def ppo_clip(terms: Terms) -> Tensor:
    """PPO's clipped surrogate, bounds 0.2 and 0.2 (arXiv 1707.06347)."""
    return clipped(terms.log_ratio_M.exp(), terms.advantage_M, low=0.2, high=0.2)


def dapo(terms: Terms) -> Tensor:
    """Clip-higher, bounds 0.2 and 0.28, with a floor of -3A where A < 0 (dual clip).

    DAPO: arXiv 2503.14476; dual clip: arXiv 1912.09729. The paper averages over the tokens of the
    whole batch, which is the "token" denominator.
    """
    loss_M = clipped(terms.log_ratio_M.exp(), terms.advantage_M, low=0.2, high=0.28)
    floor_M = torch.minimum(loss_M, -3.0 * terms.advantage_M)
    return torch.where(terms.advantage_M < 0, floor_M, loss_M)


def dr_grpo(terms: Terms) -> Tensor:
    """The clipped surrogate as Dr. GRPO uses it (arXiv 2503.20783).

    Its point lies in what it leaves out: advantages are centred but not scaled, and the
    denominator is the "constant" one.
    """
    return ppo_clip(terms)


def cispo(terms: Terms) -> Tensor:
    """Clipped importance weight on the gradient, never dropping a token (arXiv 2506.13585)."""
    weight_M = terms.log_ratio_M.exp().clamp(max=5.0).detach()
    return -weight_M * terms.advantage_M * terms.logprob_M


def gspo(terms: Terms) -> Tensor:
    """Clipping by the geometric mean ratio of the sequence (arXiv 2507.18071), token form.

    `s = sg(exp(mean_t log ratio)) * pi / sg(pi)`, bounds 3e-4 and 4e-4.
    """
    mean_M = sequence_mean(terms.log_ratio_M.detach(), terms.sequence_M)
    ratio_M = mean_M.exp() * (terms.logprob_M - terms.logprob_M.detach()).exp()
    return clipped(ratio_M, terms.advantage_M, low=3e-4, high=4e-4)


def dppo_tv(terms: Terms) -> Tensor:
    """Drop draws whose probability has already moved 0.2 the way the advantage pushes.

    The total-variation form of divergence PPO, as prime-rl has it, with its penalty of 1e-3 on the
    squared log ratio.
    """
    moved_M = (terms.logprob_M.exp() - terms.behaviour_M.exp()).detach()
    is_far_M = torch.where(terms.advantage_M > 0, moved_M > 0.2, moved_M < -0.2)
    push_M = terms.log_ratio_M.exp() * terms.advantage_M * (~is_far_M)
    return -push_M + 1e-3 * terms.log_ratio_M.square()


LOSSES: dict[str, Loss] = {
    "likelihood": likelihood,
    "reinforce": reinforce,
    "ppo_clip": ppo_clip,
    "dapo": dapo,
    "dr_grpo": dr_grpo,
    "cispo": cispo,
    "gspo": gspo,
    "dppo_tv": dppo_tv,
}


SEQUENCE_LEVEL = frozenset({"gspo", "geo_mask", "opsm"})
"""Losses and corrections that look at all draws of an episode at once."""


PULLS_AT_REST = frozenset({"dppo_tv"})
"""Losses whose gradient does not vanish where the advantage is 0."""


def sequence_mean(value_M: Tensor, sequence_M: Tensor) -> Tensor:
    """Mean over the draws of each sequence, given back to every draw of it."""
    if value_M.numel() == 0:
        return value_M
    num_sequences = int(sequence_M.max()) + 1
    sums = value_M.new_zeros(num_sequences).index_add(0, sequence_M, value_M)
    counts = value_M.new_zeros(num_sequences).index_add(0, sequence_M, torch.ones_like(value_M))
    return (sums / counts.clamp(min=1))[sequence_M]
