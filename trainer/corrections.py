"""Corrections for draws that another engine, or older weights, sampled: a weight for each draw.

They compose by multiplication and carry no gradient. With mu equal to pi all of them give 1.

Legend: M draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from forethought.trainer.losses import Terms, sequence_mean

Correction = Callable[[Terms], Tensor]


def tis(terms: Terms) -> Tensor:
    """Truncated importance sampling, `min(pi / mu, 2)`.

    For losses that carry no ratio of their own (likelihood, cispo): the clipped ones already do.
    """
    return terms.log_ratio_M.detach().exp().clamp(max=2.0)


def icepop(terms: Terms) -> Tensor:
    """Keep draws whose ratio lies in [0.5, 5] (IcePop)."""
    ratio_M = terms.log_ratio_M.detach().exp()
    return ((ratio_M >= 0.5) & (ratio_M <= 5.0)).to(ratio_M.dtype)


def geo_mask(terms: Terms) -> Tensor:
    """Keep episodes whose geometric mean ratio lies in [0.99, 1.01]."""
    mean_M = sequence_mean(terms.log_ratio_M.detach(), terms.sequence_M).exp()
    return ((mean_M >= 0.99) & (mean_M <= 1.01)).to(mean_M.dtype)


def opsm(terms: Terms) -> Tensor:
    """Drop episodes of negative advantage that the policy has moved away from (DeepSeek-V3.2)."""
    distance_M = -sequence_mean(terms.log_ratio_M.detach(), terms.sequence_M)
    is_dropped_M = (terms.advantage_M < 0) & (distance_M > 1e-4)
    return (~is_dropped_M).to(distance_M.dtype)


CORRECTIONS: dict[str, Correction] = {
    "tis": tis,
    "icepop": icepop,
    "geo_mask": geo_mask,
    "opsm": opsm,
}


def correct(terms: Terms, names: Sequence[str]) -> Tensor:
    """The product of the named corrections; ones for none."""
    weight_M = torch.ones_like(terms.behaviour_M)
    for name in names:
        weight_M = weight_M * CORRECTIONS[name](terms)
    return weight_M
