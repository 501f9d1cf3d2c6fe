"""TransformersEngine: batched sampling from a Hugging Face model, on CPU or GPU.

Requests of all episodes are decoded together in one flat row: each step takes one token of every
running reply and, beside them, the prompts that have just arrived (continuous batching). Keys and
values stay in slots between turns, so a turn costs its new tokens only.

There is no background task: whoever waits for a reply drives the model until it has it, then hands
over to the next who waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import torch
from anyio import to_thread
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from forethought.agents.attention import use_hook
from forethought.agents.chat import load_template
from forethought.agents.engine import Completion, ContextOverflow, Finish, Sampling
from forethought.agents.slots import Run, Slot, Slots
from forethought.agents.template import Template

_PREFILL_TOKENS = 2048
"""Prompt tokens that one step takes beside the running replies."""


@dataclass(eq=False, slots=True)
class _Request:
    prompt: list[int]
    sampling: Sampling
    wake: anyio.Event
    generator: torch.Generator | None = None
    slot: Slot | None = None
    fresh: list[int] = field(default_factory=list)
    """Tokens to feed in the next step."""
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    finish: Finish | None = None
    version: int = 0


class TransformersEngine:
    """An `Engine` over a causal language model with full attention."""

    def __init__(
        self,
        model: PreTrainedModel,
        template: Template,
        *,
        num_slots: int = 48,
        slot_length: int = 1024,
    ) -> None:
        use_hook(model)
        config = model.config
        self.model = model
        self.template = template
        self.version = 0
        self.context_window = min(slot_length, config.max_position_embeddings)
        heads = config.num_attention_heads
        self._slots = Slots(
            num_layers=config.num_hidden_layers,
            num_key_value_heads=config.num_key_value_heads or heads,
            head_size=config.head_dim or config.hidden_size // heads,
            num_slots=num_slots,
            slot_length=self.context_window,
            device=model.device,
            dtype=model.dtype,
        )
        self._waiting: list[_Request] = []
        self._running: list[_Request] = []
        self._is_driven = False
        self._stream = torch.Generator().manual_seed(0)

    @classmethod
    def load(
        cls, path: str | Path, *, device: str | None = None, num_slots: int = 48
    ) -> TransformersEngine:
        """Load a model folder or hub name: float32 on CPU, bfloat16 on GPU.

        Raises ValueError if the model's chat format or layers are not supported, OSError if there
        is no such model.
        """
        chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
        dtype = torch.float32 if chosen == "cpu" else torch.bfloat16
        model = AutoModelForCausalLM.from_pretrained(str(path), dtype=dtype).to(chosen).eval()
        return cls(model, load_template(path), num_slots=num_slots)

    async def generate(self, prompt: Sequence[int], sampling: Sampling) -> Completion:
        """Sample one completion. Raises ContextOverflow if it cannot fit."""
        if len(prompt) + sampling.max_tokens > self.context_window:
            raise ContextOverflow(
                f"{len(prompt)} prompt tokens and {sampling.max_tokens} for the reply exceed the "
                f"window of {self.context_window}; lower the limits or compress the context"
            )
        request = _Request(list(prompt), sampling, anyio.Event(), version=self.version)
        if sampling.seed is not None:
            request.generator = torch.Generator().manual_seed(sampling.seed)
        self._waiting.append(request)
        try:
            await self._until_done(request)
        finally:
            self._forget(request)
            self._hand_over()
        assert request.finish is not None
        return Completion(
            ids=tuple(request.ids),
            logprobs=tuple(request.logprobs),
            finish=request.finish,
            version=request.version,
        )

    def weights_changed(self) -> None:
        """The model's weights were changed in place: count up and forget all cached keys."""
        self.version += 1
        self._slots.clear()

    async def aclose(self) -> None:
        """Nothing to release: the model goes with the engine."""

    async def _until_done(self, request: _Request) -> None:
        while request.finish is None:
            if self._is_driven:
                await request.wake.wait()
                request.wake = anyio.Event()
            else:
                await self._drive(request)

    async def _drive(self, request: _Request) -> None:
        """Step the model until `request` is done."""
        self._is_driven = True
        try:
            while request.finish is None:
                await anyio.sleep(0)  # let others bring their requests into this step
                await to_thread.run_sync(self._step)
                self._wake_finished()
        finally:
            self._is_driven = False

    def _wake_finished(self) -> None:
        finished = [request for request in self._running if request.finish is not None]
        self._running = [request for request in self._running if request.finish is None]
        for request in finished:
            request.wake.set()

    def _hand_over(self) -> None:
        """Wake one who waits, to drive; called by whoever leaves, driver or not."""
        if self._is_driven:
            return
        for request in (*self._running, *self._waiting):
            request.wake.set()
            return

    def _forget(self, request: _Request) -> None:
        """Take a finished or cancelled request out of everything."""
        if request in self._waiting:
            self._waiting.remove(request)
        if request in self._running:
            self._running.remove(request)
        if request.slot is not None:
            self._slots.release(request.slot)
            request.slot = None

    @torch.inference_mode()
    def _step(self) -> None:
        """Feed every running reply and the newly admitted prompts once; sample one token each."""
        self._admit()
        batch = list(self._running)
        if not batch:
            return
        runs: list[Run] = []
        row: list[int] = []
        for request in batch:
            slot = request.slot
            assert slot is not None
            end = len(row) + len(request.fresh)
            length = len(slot.tokens) + len(request.fresh)
            runs.append(Run(slot=slot.index, start=len(row), end=end, length=length))
            row.extend(request.fresh)
        logits_BV = self._forward(row, runs)
        for request in batch:
            assert request.slot is not None
            request.slot.tokens.extend(request.fresh)
        self._sample(batch, logits_BV)

    def _admit(self) -> None:
        room = _PREFILL_TOKENS
        admitted: list[tuple[int, ...]] = []
        for request in list(self._waiting):
            key = tuple(request.prompt)
            if room <= 0 or key in admitted:
                continue  # the same prompt is computed once; its twins copy it a step later
            claimed = self._slots.claim(request.prompt)
            if claimed is None:
                return
            request.slot, shared = claimed
            request.fresh = request.prompt[shared:]
            if len(request.fresh) > 8:
                admitted.append(key)
            room -= len(request.fresh)
            self._waiting.remove(request)
            self._running.append(request)

    def _forward(self, row: list[int], runs: list[Run]) -> Tensor:
        """Logits after the last token of each run, (B, V) in float32."""
        device = self.model.device
        attend = self._slots.attention(runs)
        output = self.model(
            input_ids=torch.tensor([row], device=device),
            position_ids=attend.position_N[None],
            use_cache=False,
            logits_to_keep=torch.tensor([run.end - 1 for run in runs], device=device),
            attend=attend,
        )
        return output.logits[0].float()  # type: ignore[no-any-return]

    def _sample(self, batch: list[_Request], logits_BV: Tensor) -> None:
        temperature_B = torch.tensor(
            [request.sampling.temperature or 1.0 for request in batch], device=logits_BV.device
        )
        logprobs_BV = torch.log_softmax(logits_BV / temperature_B[:, None], dim=-1)
        uniform_B = torch.tensor([self._uniform(request) for request in batch])
        cumulative_BV = logprobs_BV.exp().cumsum(-1)
        threshold_B1 = uniform_B.to(logits_BV.device)[:, None] * cumulative_BV[:, -1:]
        drawn_B = torch.searchsorted(cumulative_BV, threshold_B1, right=True)[:, 0]
        drawn_B = drawn_B.clamp(max=logits_BV.shape[-1] - 1)
        greedy_B = torch.tensor([request.sampling.temperature == 0 for request in batch])
        drawn_B = torch.where(greedy_B.to(drawn_B.device), logits_BV.argmax(-1), drawn_B)
        chosen_B = logprobs_BV.gather(1, drawn_B[:, None])[:, 0]
        for request, token, logprob in zip(batch, drawn_B.tolist(), chosen_B.tolist(), strict=True):
            self._append(request, token, logprob)

    def _uniform(self, request: _Request) -> float:
        return float(torch.rand((), generator=request.generator or self._stream))

    def _append(self, request: _Request, token: int, logprob: float) -> None:
        request.ids.append(token)
        request.logprobs.append(logprob)
        request.fresh = [token]
        if token in self.template.stop_ids:
            request.finish = "stop"
        elif len(request.ids) >= request.sampling.max_tokens:
            request.finish = "length"
