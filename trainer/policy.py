"""Policy: the model being trained, and the engine that samples from its weights.

Both are one by default: the engine over transformers samples from the very tensors that the learner
changes. vLLM has weights of its own, see `trainer.synced`.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Protocol

import torch
import transformers
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from forethought.agents.engines.embedded import ensure_embedded
from forethought.agents.engines.engine import Engine
from forethought.agents.engines.engine_transformers import TransformersEngine
from forethought.agents.templates.chat import load_template
from forethought.agents.templates.template import Template
from forethought.agents.templates.words import WordTemplate
from forethought.trainer.config import RunConfig, TasksConfig
from forethought.trainer.expert import expert_texts
from forethought.trainer.synced import save_model, start_synced


class Policy(Engine, Protocol):
    """An engine whose weights are those of `model`, which a learner changes."""

    model: PreTrainedModel

    def weights_changed(self) -> None:
        """Sample from what the model's weights are now, and count up."""
        ...

    def forget(self) -> None:
        """Forget all cached keys, so that what follows does not depend on what came before."""
        ...


def load_policy(config: RunConfig) -> Policy:
    """The policy over the model that `config` names, in float32, which is what training needs.

    Raises ValueError for a model that does not exist or cannot be trained here.
    """
    transformers.utils.logging.disable_progress_bar()
    device = config.device or ("cuda" if torch.cuda.is_available() else "cpu")
    model, template = _load(config)
    model.to(device).eval()
    if config.engine == "vllm":
        return start_synced(model, template, config)
    return TransformersEngine.holding(
        model, template, window=config.limits.context, num_slots=config.concurrency
    )


def _load(config: RunConfig) -> tuple[PreTrainedModel, Template]:
    if config.model == "tiny":
        return tiny_model(config.tasks, seed=config.seed)
    path = _model_path(config.model)
    try:
        model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    except OSError as error:
        raise ValueError(_no_model(config.model, str(error).splitlines()[0])) from None
    return model, load_template(path)


def _model_path(name: str) -> str:
    """What transformers is to load; only a name with an owner is asked for at the hub."""
    if name == "smollm2":
        return str(ensure_embedded())
    if Path(name).is_dir() or name.count("/") == 1:
        return name
    close = difflib.get_close_matches(name, ("smollm2", "tiny"), n=1)
    raise ValueError(_no_model(name, f"did you mean {close[0]!r}?" if close else "no such folder"))


def _no_model(name: str, why: str) -> str:
    return f"no model named {name!r}: {why}; there are smollm2, tiny, folders and hub names"


def tiny_model(tasks: TasksConfig, *, seed: int) -> tuple[PreTrainedModel, WordTemplate]:
    """A Llama of about a million parameters, made from scratch for the words of some tasks."""
    template = WordTemplate.fit(expert_texts(tasks, num_episodes=200, seed=seed))
    config = LlamaConfig(
        vocab_size=template.vocab_size,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
    )
    torch.manual_seed(seed)
    return LlamaForCausalLM(config).eval(), template


def save_policy(policy: Policy, folder: Path) -> None:
    """Write model and template as a folder that `--model` takes."""
    save_model(policy.model, policy.template, folder)
