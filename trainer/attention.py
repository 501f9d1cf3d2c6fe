"""Attention over a tree of sequences in one row: each token sees itself and its ancestors.

On CPU the pattern is a dense mask for scaled dot product attention; on GPU a FlexAttention block
mask, which skips the blocks that no query of theirs may see.

Legend: N distinct tokens, H query heads, K key-value heads, G heads a key-value head, D head size.
"""

from __future__ import annotations

from torch import Tensor, arange
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention
from torch.nn.functional import scaled_dot_product_attention

from forethought.agents.engines.attention import Attend, grouped, ungrouped


def tree_attention(subtree_end_N: Tensor) -> Attend:
    """The attention of one batch, for the device that it is on."""
    if subtree_end_N.device.type == "cuda":
        return FlexTreeAttention(subtree_end_N)
    return DenseTreeAttention(subtree_end_N)


def tree_mask(subtree_end_N: Tensor) -> Tensor:
    """(N, N) booleans, queries by keys: `k <= q < subtree_end[k]`."""
    index_N = arange(subtree_end_N.shape[0], device=subtree_end_N.device)
    query_N1, key_1N = index_N[:, None], index_N[None, :]
    return (key_1N <= query_N1) & (query_N1 < subtree_end_N[None, :])


class DenseTreeAttention:
    """The reference: a dense mask."""

    def __init__(self, subtree_end_N: Tensor) -> None:
        self._mask_NN = tree_mask(subtree_end_N)
        self._tiled: dict[int, Tensor] = {}

    def __call__(
        self, layer: int, query_HND: Tensor, key_KND: Tensor, value_KND: Tensor, scaling: float
    ) -> Tensor:
        """See `Attend`."""
        heads, kv_heads = query_HND.shape[0], key_KND.shape[0]
        group = heads // kv_heads
        mask = self._tiled.setdefault(group, self._mask_NN.repeat(group, 1))
        output = scaled_dot_product_attention(
            grouped(query_HND, kv_heads)[None],
            key_KND[None],
            value_KND[None],
            attn_mask=mask[None, None],
            scale=scaling,
        )
        return ungrouped(output[0], heads)


class FlexTreeAttention:
    """FlexAttention with the interval as block mask."""

    def __init__(self, subtree_end_N: Tensor) -> None:
        length = subtree_end_N.shape[0]

        def inside(_batch: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
            return (key <= query) & (query < subtree_end_N[key])

        self._block_mask: BlockMask = create_block_mask(
            inside, None, None, length, length, device=str(subtree_end_N.device)
        )

    def __call__(
        self, layer: int, query_HND: Tensor, key_KND: Tensor, value_KND: Tensor, scaling: float
    ) -> Tensor:
        """See `Attend`."""
        output = flex_attention(
            query_HND[None],
            key_KND[None],
            value_KND[None],
            block_mask=self._block_mask,
            scale=scaling,
            enable_gqa=query_HND.shape[0] != key_KND.shape[0],
        )
        assert isinstance(output, Tensor)
        return output[0].transpose(0, 1)
