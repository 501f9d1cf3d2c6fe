"""Models of a few thousand parameters, and what a plain forward pass says of their tokens."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from forethought.agents.templates.template import ByteTemplate

torch.set_num_threads(1)


def tiny_llama(
    *,
    seed: int = 0,
    vocab_size: int = ByteTemplate.vocab_size,
    window: int = 2048,
    spread: float = 0.3,
    head_dim: int = 8,
    tied: bool = True,
) -> LlamaForCausalLM:
    """Two layers of four heads that share two key-value heads.

    The wider the `spread` of its weights, the further its opinions are from uniform.
    """
    config = LlamaConfig(
        vocab_size=vocab_size,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=head_dim,
        max_position_embeddings=window,
        initializer_range=spread,
        tie_word_embeddings=tied,
    )
    torch.manual_seed(seed)
    return LlamaForCausalLM(config).eval()


def plain_copy(model: PreTrainedModel) -> PreTrainedModel:
    """The same weights with the library's own attention."""
    config = type(model.config).from_dict(model.config.to_dict())
    copy = type(model)._from_config(config, attn_implementation="eager").eval()
    copy.load_state_dict(model.state_dict())
    return copy  # type: ignore[no-any-return]


@torch.no_grad()
def plain_logprobs(
    model: PreTrainedModel, ids: Sequence[int], *, temperature: float = 1.0
) -> Tensor:
    """(T, V): row t is the distribution of the token after `ids[: t + 1]`, one sequence alone."""
    logits = plain_copy(model)(input_ids=torch.tensor([list(ids)]), use_cache=False).logits[0]
    return torch.log_softmax(logits.float() / temperature, dim=-1)


def rescored(
    model: PreTrainedModel,
    prompt: Sequence[int],
    completion: Sequence[int],
    *,
    temperature: float = 1.0,
) -> list[float]:
    """Log-probability of each token of a completion."""
    logprobs_TV = plain_logprobs(model, [*prompt, *completion], temperature=temperature)
    return [
        float(logprobs_TV[len(prompt) + offset - 1, token])
        for offset, token in enumerate(completion)
    ]


class Meter:
    """Counts what passes through a model, and can make a pass fail, wait or take its time."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.lengths: list[int] = []
        """Tokens of each pass."""
        self.fails_at: int | None = None
        self.holds_at: int | None = None
        self.is_held, self.may_go_on = threading.Event(), threading.Event()
        self.delay_s = 0.0
        model.register_forward_pre_hook(self._before, with_kwargs=True)

    @property
    def num_tokens(self) -> int:
        return sum(self.lengths)

    def _before(self, module: object, args: object, kwargs: dict[str, Tensor]) -> None:
        time.sleep(self.delay_s)
        self.lengths.append(kwargs["input_ids"].shape[1])
        if len(self.lengths) == self.holds_at:
            self.is_held.set()
            self.may_go_on.wait(60)
        if self.fails_at is not None and len(self.lengths) == self.fails_at:
            raise RuntimeError("the device is lost")
