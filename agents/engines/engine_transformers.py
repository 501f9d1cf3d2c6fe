"""TransformersEngine: batched sampling from a Hugging Face model, on CPU or GPU.

Requests of all episodes are decoded together in one flat row: each step takes one token of every
running reply and, beside them, the prompts that have just arrived (continuous batching). Keys and
values stay in slots between turns, so a turn costs its new tokens only.

There is no background task: whoever waits for a reply drives the model until it has it, then hands
over to the next who waits. A step runs in a thread; while it does, nobody else touches what it
works on: who comes waits, and who goes is marked and cleared away afterwards.

Legend: B running replies, V vocabulary.
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

from forethought.agents.engines.attention import use_hook
from forethought.agents.engines.engine import Completion, Finish, Sampling, check_room
from forethought.agents.engines.slots import Run, Slot, Slots
from forethought.agents.templates.chat import load_template
from forethought.agents.templates.template import Template

_PREFILL_TOKENS = 2048
"""Prompt tokens that one step takes beside the running replies."""
_SLOT_LENGTH = 1024
"""Tokens that a slot holds unless more are asked for."""
_QUIET_ROUNDS = 16
"""Rounds of the event loop without a new request after which a step begins; about a tenth of a
millisecond in all, and more than an episode needs from a reply to its next request."""
_MIN_TWIN_TOKENS = 8
"""Below that, computing a prompt once more is cheaper than waiting a step for its twin's keys."""


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
    is_gone: bool = False
    """Nobody waits for it any more."""


class TransformersEngine:
    """An `Engine` over a causal language model with full attention."""

    def __init__(
        self,
        model: PreTrainedModel,
        template: Template,
        *,
        num_slots: int = 48,
        slot_length: int = _SLOT_LENGTH,
    ) -> None:
        use_hook(model)
        config = model.config
        self.model = model
        self.template = template
        self.version = 0
        self.num_slots = num_slots
        """Replies that are decoded at once."""
        self.context_window = min(slot_length, config.max_position_embeddings)
        sizes = config.to_dict()
        heads = config.num_attention_heads
        self._slots = Slots(
            num_layers=config.num_hidden_layers,
            num_key_value_heads=sizes.get("num_key_value_heads") or heads,
            head_size=sizes.get("head_dim") or config.hidden_size // heads,
            num_slots=num_slots,
            slot_length=self.context_window,
            device=model.device,
            dtype=model.dtype,
        )
        self._waiting: list[_Request] = []
        self._running: list[_Request] = []
        self._is_driven = False
        self._is_stepping = False
        self._stream = torch.Generator().manual_seed(0)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        device: str | None = None,
        num_slots: int = 48,
        window: int | None = None,
    ) -> TransformersEngine:
        """Load a model folder or hub name: float32 on CPU, bfloat16 on GPU; see `holding`.

        Raises ValueError if the model's chat format or layers are not supported, OSError if there
        is no such model.
        """
        chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
        dtype = torch.float32 if chosen == "cpu" else torch.bfloat16
        model = AutoModelForCausalLM.from_pretrained(str(path), dtype=dtype).to(chosen).eval()
        template = load_template(path)
        return cls.holding(model, template, window=window or _SLOT_LENGTH, num_slots=num_slots)

    @classmethod
    def holding(
        cls, model: PreTrainedModel, template: Template, *, window: int, num_slots: int
    ) -> TransformersEngine:
        """An engine that holds a context of `window` tokens, as far as the model has such.

        Slots longer than usual are fewer: keys and values take the memory of `num_slots` usual
        ones.
        """
        length = min(max(window, _SLOT_LENGTH), model.config.max_position_embeddings)
        most = max(1, num_slots * _SLOT_LENGTH // length)
        return cls(model, template, num_slots=min(num_slots, most), slot_length=length)

    async def generate(self, prompt: Sequence[int], sampling: Sampling) -> Completion:
        """Sample one completion. Raises ContextOverflow if it cannot fit."""
        check_room(prompt, sampling, window=self.context_window)
        request = _Request(list(prompt), sampling, anyio.Event())
        if sampling.seed is not None:
            request.generator = torch.Generator().manual_seed(sampling.seed)
        self._waiting.append(request)
        try:
            await self._until_done(request)
        finally:
            request.is_gone = True
            if not self._is_stepping:
                self._tidy()
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
        self.forget()

    def forget(self) -> None:
        """Forget all cached keys, so that what follows does not depend on what came before.

        A prompt of which a part is cached gives the same log-probabilities but for rounding.
        """
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
                await self._gather()
                self._is_stepping = True
                try:
                    await to_thread.run_sync(self._step, list(self._waiting))
                finally:
                    self._is_stepping = False
                    self._tidy()
        finally:
            self._is_driven = False

    async def _gather(self) -> None:
        """Let others bring their requests into the coming step.

        What a step holds then follows from the episodes and not from how long the last one took:
        the floating-point result of a row depends on how many rows there are.
        """
        num_waiting, quiet = len(self._waiting), 0
        while quiet < _QUIET_ROUNDS:
            await anyio.sleep(0)
            quiet = quiet + 1 if len(self._waiting) == num_waiting else 0
            num_waiting = len(self._waiting)

    def _tidy(self) -> None:
        """Between steps: clear away who is done or gone, and wake the former."""
        over = [r for r in self._running if r.finish is not None or r.is_gone]
        for request in over:
            assert request.slot is not None
            self._slots.release(request.slot)
            request.wake.set()
        self._running = [request for request in self._running if request not in over]
        self._waiting = [request for request in self._waiting if not request.is_gone]

    def _hand_over(self) -> None:
        """Wake one who waits, to drive; called by whoever leaves, driver or not."""
        if self._is_driven:
            return
        for request in (*self._running, *self._waiting):
            request.wake.set()
            return

    @torch.inference_mode()
    def _step(self, arrived: Sequence[_Request]) -> None:
        """Feed every running reply and the newly admitted prompts once; sample one token each.

        If it fails, the replies are as they were before.
        """
        self._admit(arrived)
        batch = self._running
        if not batch:
            return
        runs: list[Run] = []
        row: list[int] = []
        for request in batch:
            assert request.slot is not None
            end = len(row) + len(request.fresh)
            length = len(request.slot.tokens) + len(request.fresh)
            runs.append(Run(slot=request.slot.index, start=len(row), end=end, length=length))
            row.extend(request.fresh)
        drawn_B, logprob_B = self._draw(batch, self._forward(row, runs))
        for request, token, logprob in zip(batch, drawn_B, logprob_B, strict=True):
            self._append(request, token, logprob)

    def _admit(self, arrived: Sequence[_Request]) -> None:
        room = _PREFILL_TOKENS
        admitted: set[tuple[int, ...]] = set()
        for request in arrived:
            key = tuple(request.prompt)
            if room <= 0 or key in admitted:
                continue  # the same prompt is computed once; its twins copy it a step later
            claimed = self._slots.claim(request.prompt)
            if claimed is None:
                return
            request.slot, shared = claimed
            request.version = self.version
            request.fresh = request.prompt[shared:]
            if len(request.fresh) > _MIN_TWIN_TOKENS:
                admitted.add(key)
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

    def _draw(self, batch: Sequence[_Request], logits_BV: Tensor) -> tuple[list[int], list[float]]:
        """A token for each row, and its log-probability under what it was drawn from."""
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
        return drawn_B.tolist(), logprobs_BV.gather(1, drawn_B[:, None])[:, 0].tolist()

    def _uniform(self, request: _Request) -> float:
        return float(torch.rand((), generator=request.generator or self._stream))

    def _append(self, request: _Request, token: int, logprob: float) -> None:
        assert request.slot is not None
        request.slot.tokens.extend(request.fresh)
        request.ids.append(token)
        request.logprobs.append(logprob)
        request.fresh = [token]
        if token in self.template.stop_ids:
            request.finish = "stop"
        elif len(request.ids) >= request.sampling.max_tokens:
            request.finish = "length"
