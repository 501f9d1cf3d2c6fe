"""Log-probabilities of the trained tokens alone, in chunks, in float32.

The lm head is the widest matrix of a small model and most tokens of a batch (prompts, tool output)
are not trained, so the head runs on the rows that predict a draw only; each chunk's logits are
computed anew in the backward pass instead of being kept.

Legend: N tokens, M draws, E hidden size, V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from forethought.agents.engines.attention import Attend
from forethought.trainer.attention import tree_attention
from forethought.trainer.tree import TreeBatch

_CHUNK = 512


def draw_logprobs(
    model: PreTrainedModel, batch: TreeBatch, *, temperature: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Log-probability (M) of each draw, and the entropy (M, no gradient) it was drawn from."""
    hidden_NE = _hidden(model, batch, tree_attention(batch.subtree_end_N))
    head = model.get_output_embeddings()
    assert isinstance(head, nn.Linear)
    chunks = [
        checkpoint(
            _score,
            head,
            hidden_NE[batch.source_M[start : start + _CHUNK]],
            batch.target_M[start : start + _CHUNK],
            temperature,
            use_reentrant=False,
        )
        for start in range(0, batch.num_draws, _CHUNK)
    ]
    logprobs, entropies = zip(*chunks, strict=True)
    return torch.cat(logprobs), torch.cat(entropies)


def check_head(model: PreTrainedModel) -> None:
    """Raise ValueError for models that do more to their logits than one linear layer."""
    config = model.config.to_dict()
    for name in ("final_logit_softcapping", "logits_scaling", "logit_scale"):
        if config.get(name) not in (None, 1, 1.0):
            raise ValueError(f"{type(model).__name__}: {name} is set; its head is not supported")
    if not isinstance(model.get_output_embeddings(), nn.Linear):
        raise ValueError(f"{type(model).__name__}: its head is no single linear layer")


def _hidden(model: PreTrainedModel, batch: TreeBatch, attend: Attend) -> Tensor:
    output = model.base_model(
        input_ids=batch.ids_N[None],
        position_ids=batch.position_N[None],
        use_cache=False,
        attend=attend,
    )
    hidden_1NE = output.last_hidden_state
    assert isinstance(hidden_1NE, Tensor)
    return hidden_1NE[0]


def _score(
    head: nn.Linear, hidden_ME: Tensor, target_M: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    logits_MV = head(hidden_ME).float() / temperature
    logprobs_MV = torch.log_softmax(logits_MV, dim=-1)
    with torch.no_grad():
        entropy_M = -(logprobs_MV.exp() * logprobs_MV).sum(-1)
    return logprobs_MV.gather(1, target_M[:, None])[:, 0], entropy_M
