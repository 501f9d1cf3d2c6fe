"""One hook that lets us do the attention of any Hugging Face model.

A model switched over with `use_hook` calls, in each layer, the `attend` function that was passed to
its forward. The engine attends to cached sequences that way, the trainer to a tree of them, and
neither needs a model class of its own.

Legend: H query heads, K key-value heads, N tokens in one flat row, D head size.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedModel

NAME = "forethought"


class Attend(Protocol):
    """Attention of one layer over a flat row of tokens."""

    def __call__(
        self, layer: int, query_HND: Tensor, key_KND: Tensor, value_KND: Tensor, scaling: float
    ) -> Tensor:
        """Returns the attended values, shape (N, H, D)."""
        ...


def use_hook(model: PreTrainedModel) -> None:
    """Switch a model over; from then on its forward needs `attend=`.

    Raises ValueError for models whose layers do more than full causal attention: their cache is no
    list of keys and values, and a tree of sequences cannot be packed into one row.
    """
    config = model.config.to_dict()
    kinds = set(config.get("layer_types") or ())
    if not kinds and config.get("sliding_window"):
        kinds = {"sliding_attention"}
    if kinds - {"full_attention"}:
        raise ValueError(
            f"{type(model).__name__} has layers of type {', '.join(sorted(kinds))}; "
            "only models with full attention in every layer are supported"
        )
    model.set_attn_implementation(NAME)


def grouped(query_HND: Tensor, num_key_value_heads: int) -> Tensor:
    """Queries (H, N, D) as (K, G * N, D): heads that share keys become rows, nothing is copied."""
    heads, length, size = query_HND.shape
    return query_HND.reshape(num_key_value_heads, heads // num_key_value_heads * length, size)


def ungrouped(output_KGND: Tensor, heads: int) -> Tensor:
    """The way back from `grouped`, to (N, H, D)."""
    kv_heads, rows, size = output_KGND.shape
    length = rows * kv_heads // heads
    return output_KGND.reshape(heads, length, size).transpose(0, 1)


def _hook(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    attend: Attend,
    **_: object,
) -> tuple[Tensor, None]:
    layer = module.layer_idx
    assert isinstance(layer, int)
    return attend(layer, query[0], key[0], value[0], scaling).unsqueeze(0), None


AttentionInterface.register(NAME, _hook)


def causal_mask(num_queries: int, num_keys: int, device: torch.device) -> Tensor:
    """(Q, T) booleans: the last query sees all keys, each earlier one a key less."""
    offset = num_keys - num_queries
    keys = torch.arange(num_keys, device=device)
    return keys[None, :] <= torch.arange(num_queries, device=device)[:, None] + offset
