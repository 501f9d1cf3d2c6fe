"""Slots: the key-value cache of an engine, one sequence a slot, kept between turns.

A slot remembers the tokens whose keys it holds. The next prompt of the same episode, or another
episode of the same task, finds the longest prefix that some slot already has and pays only for the
rest.

Legend: C caches (keys and values of each layer), S slots, K key-value heads, L tokens a slot can
hold, D head size, B decoding rows, R slots that they range over, T longest cached length among
them, G query heads a key-value head, N tokens of one flat row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from forethought.agents.engines.attention import causal_mask, grouped, ungrouped
from forethought.agents.templates.tokens import common_prefix

_WORTH_COPYING = 16
"""Cached tokens beyond a conversation's own ones for which its slot is left for a copy."""


@dataclass(slots=True)
class Slot:
    """One cached sequence."""

    index: int
    tokens: list[int] = field(default_factory=list)
    is_busy: bool = False
    last_used: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A run of new tokens of one slot within the flat row."""

    slot: int
    start: int
    end: int
    length: int
    """Tokens in the slot once these are written."""


class Slots:
    """Keys and values of up to `num_slots` sequences, and the attention over them."""

    def __init__(
        self,
        *,
        num_layers: int,
        num_key_value_heads: int,
        head_size: int,
        num_slots: int,
        slot_length: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.slot_length = slot_length
        self.slots = [Slot(index) for index in range(num_slots)]
        # One tensor, keys and values of each layer in turn: copying a prefix is one operation.
        shape = (2 * num_layers, num_slots, num_key_value_heads, slot_length, head_size)
        self._cache_CSKLD = _zeros(shape, device, dtype)
        self._clock = 0

    def clear(self) -> None:
        """Forget all sequences that are not being decoded; after a change of weights."""
        for slot in self.slots:
            assert not slot.is_busy, "weights changed while a sequence was being decoded"
            slot.tokens = []

    def claim(self, prompt: list[int]) -> tuple[Slot, int] | None:
        """A slot for `prompt` and how many of its tokens are cached there; None if all are busy.

        At least the last prompt token is left to be computed: its hidden state gives the first
        sampled token.
        """
        idle = [slot for slot in self.slots if not slot.is_busy]
        if not idle:
            return None
        shares = [common_prefix(slot.tokens, prompt) for slot in self.slots]
        best = max(self.slots, key=lambda slot: shares[slot.index])
        own = [slot for slot in idle if shares[slot.index] == len(slot.tokens)]
        chosen = max(own, key=lambda slot: shares[slot.index], default=None)
        if chosen is None or shares[best.index] - shares[chosen.index] >= _WORTH_COPYING:
            chosen = min(idle, key=_staleness)
            self._copy(best.index, chosen.index, shares[best.index])
            shares[chosen.index] = shares[best.index]
        shared = min(shares[chosen.index], len(prompt) - 1)
        self._clock += 1
        chosen.tokens = prompt[:shared]
        chosen.is_busy, chosen.last_used = True, self._clock
        return chosen, shared

    def release(self, slot: Slot) -> None:
        """The sequence is finished for now; its keys stay for the next turn."""
        slot.is_busy = False

    def attention(self, runs: list[Run]) -> SlotAttention:
        """Attention for a flat row made of `runs`, each after what its slot holds."""
        return SlotAttention(self._cache_CSKLD, runs)

    def _copy(self, source: int, target: int, length: int) -> None:
        if source != target and length:
            cache_CSKLD = self._cache_CSKLD
            cache_CSKLD[:, target, :, :length] = cache_CSKLD[:, source, :, :length]


def _staleness(slot: Slot) -> tuple[bool, int, int]:
    """Order in which slots are given up: empty ones by number, so that few are ever written to."""
    return (bool(slot.tokens), slot.last_used if slot.tokens else 0, slot.index)


def _zeros(shape: tuple[int, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    """Zeros that take up memory only once written, on CPU.

    Not uninitialised memory: what is masked out is still multiplied by 0, and 0 * NaN is NaN.
    """
    if device.type != "cpu":
        return torch.zeros(shape, device=device, dtype=dtype)
    return (
        torch.from_numpy(np.zeros(math.prod(shape) * dtype.itemsize, np.uint8))
        .view(dtype)
        .view(shape)
    )


class SlotAttention:
    """Writes the new keys into their slots and attends to all that each slot holds."""

    def __init__(self, cache_CSKLD: Tensor, runs: list[Run]) -> None:
        self._cache_CSKLD = cache_CSKLD
        device = cache_CSKLD.device
        self._slot_N = torch.tensor(
            [run.slot for run in runs for _ in range(run.start, run.end)], device=device
        )
        self.position_N = torch.tensor(
            [
                run.length - (run.end - run.start) + offset
                for run in runs
                for offset in range(run.end - run.start)
            ],
            device=device,
        )
        single = [run for run in runs if run.end - run.start == 1]
        self._prefills = [run for run in runs if run.end - run.start > 1]
        self._single_B = torch.tensor([run.start for run in single], device=device)
        self._longest = max((run.length for run in single), default=0)
        # Decoding attends to the whole range of slots that the rows lie in, idle ones included:
        # a view costs nothing, picking the rows out would copy all of their keys.
        self._first = min((run.slot for run in single), default=0)
        self._last = max((run.slot for run in single), default=-1) + 1
        self._rows_B = torch.tensor(
            [run.slot - self._first for run in single], dtype=torch.long, device=device
        )
        lengths_R = torch.ones(self._last - self._first, dtype=torch.long, device=device)
        lengths_R[self._rows_B] = torch.tensor(
            [run.length for run in single], dtype=torch.long, device=device
        )
        steps_T = torch.arange(self._longest, device=device)
        self._mask_R11T = (steps_T < lengths_R[:, None])[:, None, None, :]
        self._masks = [
            causal_mask(run.end - run.start, run.length, device) for run in self._prefills
        ]

    def __call__(
        self, layer: int, query_HND: Tensor, key_KND: Tensor, value_KND: Tensor, scaling: float
    ) -> Tensor:
        """See `Attend`."""
        keys_SKLD, values_SKLD = self._cache_CSKLD[2 * layer], self._cache_CSKLD[2 * layer + 1]
        keys_SKLD[self._slot_N, :, self.position_N] = key_KND.transpose(0, 1)
        values_SKLD[self._slot_N, :, self.position_N] = value_KND.transpose(0, 1)
        heads, length, size = query_HND.shape
        output_NHD = query_HND.new_empty(length, heads, size)
        if self._longest:
            output_NHD[self._single_B] = self._decode(
                query_HND[:, self._single_B], keys_SKLD, values_SKLD, scaling
            )
        for run, mask_QT in zip(self._prefills, self._masks, strict=True):
            output_NHD[run.start : run.end] = _prefill(
                query_HND[:, run.start : run.end],
                keys_SKLD[run.slot, :, : run.length],
                values_SKLD[run.slot, :, : run.length],
                mask_QT,
                scaling,
            )
        return output_NHD

    def _decode(self, query_HBD: Tensor, keys: Tensor, values: Tensor, scaling: float) -> Tensor:
        heads, _, size = query_HBD.shape
        kv_heads = keys.shape[1]
        query_RHD = query_HBD.new_zeros(self._last - self._first, heads, size)
        query_RHD[self._rows_B] = query_HBD.transpose(0, 1)
        output_RKGD = scaled_dot_product_attention(
            query_RHD.view(-1, kv_heads, heads // kv_heads, size),
            keys[self._first : self._last, :, : self._longest],
            values[self._first : self._last, :, : self._longest],
            attn_mask=self._mask_R11T,
            scale=scaling,
        )
        return output_RKGD.flatten(1, 2)[self._rows_B]


def _prefill(
    query_HQD: Tensor, keys_KTD: Tensor, values_KTD: Tensor, mask_QT: Tensor, scaling: float
) -> Tensor:
    heads, kv_heads = query_HQD.shape[0], keys_KTD.shape[0]
    mask = mask_QT.repeat(heads // kv_heads, 1)
    output = scaled_dot_product_attention(
        grouped(query_HQD, kv_heads)[None],
        keys_KTD[None],
        values_KTD[None],
        attn_mask=mask[None, None],
        scale=scaling,
    )
    return ungrouped(output[0], heads)
