"""Learner: a model, its optimiser, and one step of gradient descent on packed rows.

Diverged (RuntimeError)   the gradient is not finite; the weights are as they were before the step

Legend: M draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from transformers import PreTrainedModel

from forethought.agents.engines.attention import use_hook
from forethought.trainer.corrections import correct
from forethought.trainer.head import check_head, draw_logprobs
from forethought.trainer.losses import LOSSES, PULLS_AT_REST, SEQUENCE_LEVEL, Terms
from forethought.trainer.tree import (
    Draw,
    Row,
    TreeBatch,
    each_draw_once,
    pulling,
    tree_batches,
)

Denominator = Literal["token", "rollout", "constant"]


class Diverged(RuntimeError):
    """The gradient is not finite; the weights are as they were before the step."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """What a step minimises."""

    loss: str = "dapo"
    corrections: tuple[str, ...] = ()
    denominator: Denominator = "token"
    """token: mean over draws; rollout: mean over episodes of their means; constant: see below."""
    constant: float = 1.0
    """Divisor of the summed loss for the "constant" denominator (Dr. GRPO)."""
    temperature: float = 1.0
    """Temperature that the draws were sampled at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepMetrics:
    """What one optimiser step did."""

    loss: float
    gradient_norm: float
    entropy: float
    """Mean entropy in nats of the distributions that the computed draws came from."""
    mismatch: float
    """Mean of `r - log r - 1`, r = pi/mu: an estimate of KL(mu, pi) before the step."""
    max_ratio: float
    num_draws: int
    """Draws that the loss is a mean of."""
    num_computed: int
    """Those of them that the gradient can depend on; the others have an advantage of 0."""
    num_tokens: int
    """Distinct tokens passed through the model."""
    num_row_tokens: int
    """Tokens that separate rows would have passed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sums:
    """What one batch adds to the metrics of its step."""

    loss: float
    entropy: float
    mismatch: float
    max_ratio: float


class Learner:
    """Trains a model in place; an engine may hold the same model."""

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        learning_rate: float,
        warmup_steps: int = 0,
        max_gradient_norm: float = 1.0,
        max_tokens: int = 512,
        trained_layers: int | None = None,
    ) -> None:
        use_hook(model)
        check_head(model)
        self.model = model
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps
        self.max_gradient_norm = max_gradient_norm
        self.max_tokens = max_tokens
        self.num_steps = 0
        parameters = _trained(model, trained_layers)
        self.optimizer = torch.optim.AdamW(
            parameters, lr=learning_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True
        )

    def begin(self, *, learning_rate: float, warmup_steps: int) -> None:
        """Begin a stage of training: its own rate, warmed up anew, and the optimiser's moments."""
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps
        self.num_steps = 0

    def step(self, rows: Sequence[Row], objective: Objective) -> StepMetrics:
        """One optimiser step on `rows`. Raises ValueError if they hold no draw, Diverged.

        Denominators are computed over all rows before the first backward pass, and terms that look
        at whole episodes see all rows in one batch, so neither packing nor order changes the
        gradient. Draws without an advantage count in the denominator; where they can do no more,
        they are not computed.
        """
        names = {objective.loss, *objective.corrections}
        max_tokens = None if names & SEQUENCE_LEVEL else self.max_tokens
        unique = each_draw_once(rows)
        draws = [draw for row in unique for draw in row.draws]
        if not draws:
            raise ValueError("nothing to train on: the rows hold no sampled token")
        needs_all = bool(names & (SEQUENCE_LEVEL | PULLS_AT_REST))
        computed = unique if needs_all else pulling(unique) or unique
        batches = tree_batches(computed, max_tokens=max_tokens)
        self.optimizer.zero_grad(set_to_none=True)
        seen = [
            self._backward(batch, scale_M, objective)
            for batch, scale_M in zip(batches, _scales(batches, draws, objective), strict=True)
        ]
        gradient_norm = self._update()
        num_computed = sum(batch.num_draws for batch in batches)
        return StepMetrics(
            loss=sum(one.loss for one in seen),
            gradient_norm=gradient_norm,
            entropy=sum(one.entropy for one in seen) / num_computed,
            mismatch=sum(one.mismatch for one in seen) / num_computed,
            max_ratio=max(one.max_ratio for one in seen),
            num_draws=len(draws),
            num_computed=num_computed,
            num_tokens=sum(batch.num_tokens for batch in batches),
            num_row_tokens=sum(batch.num_row_tokens for batch in batches),
        )

    def _backward(self, batch: TreeBatch, scale_M: Tensor, objective: Objective) -> _Sums:
        """Add a batch's part to the gradient."""
        moved = batch.to(self.model.device)
        with self._precision():
            logprob_M, entropy_M = draw_logprobs(
                self.model, moved, temperature=objective.temperature
            )
        terms = Terms(
            logprob_M=logprob_M,
            behaviour_M=moved.logprob_M,
            advantage_M=moved.advantage_M,
            sequence_M=moved.sequence_M,
        )
        weight_M = scale_M.to(logprob_M.device) * correct(terms, objective.corrections)
        loss = (LOSSES[objective.loss](terms) * weight_M).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        log_ratio_M = terms.log_ratio_M.detach()
        return _Sums(
            loss=float(loss.detach()),
            entropy=float(entropy_M.sum()),
            mismatch=float((log_ratio_M.exp() - log_ratio_M - 1).sum()),
            max_ratio=float(log_ratio_M.exp().max()),
        )

    def _update(self) -> float:
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        norm = torch.nn.utils.clip_grad_norm_(parameters, self.max_gradient_norm)
        if not torch.isfinite(norm):
            raise Diverged(
                f"the gradient norm is {float(norm)} after {self.num_steps} steps; "
                "start again with a lower learning rate"
            )
        self.num_steps += 1
        warmth = min(1.0, self.num_steps / max(1, self.warmup_steps))
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate * warmth
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return float(norm)

    def _precision(self) -> AbstractContextManager[object]:
        if self.model.device.type == "cuda" and self.model.dtype == torch.float32:
            return torch.autocast("cuda", dtype=torch.bfloat16)
        return nullcontext()


def _scales(
    batches: Sequence[TreeBatch], draws: Sequence[Draw], objective: Objective
) -> Iterator[Tensor]:
    """Weight of each draw of a batch in the summed loss: its own over the global denominator."""
    if objective.denominator == "constant":
        return (batch.weight_M / objective.constant for batch in batches)
    if objective.denominator == "token":
        total = sum(draw.weight for draw in draws)
        return (batch.weight_M / total for batch in batches)
    lengths: dict[str, float] = {}
    for draw in draws:
        lengths[draw.key[0]] = lengths.get(draw.key[0], 0.0) + draw.weight
    return (
        batch.weight_M
        / torch.tensor([lengths[episode] * len(lengths) for episode in batch.episodes])
        for batch in batches
    )


def _trained(model: PreTrainedModel, trained_layers: int | None) -> list[torch.nn.Parameter]:
    """All parameters, or those of the last layers alone; the others stop taking gradients."""
    model.requires_grad_(True)
    if trained_layers is not None:
        layers = model.base_model.layers
        if not 1 <= trained_layers <= len(layers):
            raise ValueError(f"trained_layers is {trained_layers}; the model has {len(layers)}")
        model.requires_grad_(False)
        for layer in layers[-trained_layers:]:
            layer.requires_grad_(True)
        model.base_model.norm.requires_grad_(True)
    return [parameter for parameter in model.parameters() if parameter.requires_grad]
