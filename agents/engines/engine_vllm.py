"""VLLMEngine: sampling by vLLM, on GPU, or on CPU with its CPU build.

vLLM batches the requests of all episodes continuously and keeps keys and values of what prompts
have in common. It computes in a process of its own; its client lives on a loop of ours, so that one
engine serves all the event loops of a run, one after another.

Weights are exchanged in place, between two replies: a reply is of one version throughout. vLLM does
not forget by itself what it cached of the old ones; here it always does.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Literal

import vllm
from anyio import to_thread
from transformers import AutoConfig
from vllm.inputs import tokens_input
from vllm.platforms import current_platform
from vllm.sampling_params import RequestOutputKind
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

from forethought.agents.engines.engine import (
    Completion,
    EngineUnavailable,
    Sampling,
    check_room,
)
from forethought.agents.engines.gate import Gate
from forethought.agents.engines.leash import Leash
from forethought.agents.engines.loop_thread import LoopThread
from forethought.agents.engines.vllm_worker import Reloading
from forethought.agents.templates.chat import load_template
from forethought.agents.templates.template import Template

_CPU_CACHE_BYTES = 2 << 30


class VLLMEngine:
    """An `Engine` over a model folder that vLLM can serve."""

    def __init__(self, model: AsyncLLM, thread: LoopThread, template: Template) -> None:
        self.template = template
        self.version = 0
        self.context_window: int = model.model_config.max_model_len
        self.dtype: Literal["float32", "bfloat16"] = _dtype()
        self._model = model
        self._thread = thread
        self._gate = Gate()
        self._numbers = count()
        # vLLM's process would outlive a kill -9 of this one, and hold its memory.
        processes = model.engine_core.resources.engine_manager.processes
        self._leash = Leash([process.pid for process in processes])

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        window: int | None = None,
        cache_bytes: int | None = None,
        prefix_caching: bool = True,
    ) -> VLLMEngine:
        """Start vLLM on a model folder or hub name: float32 on CPU, bfloat16 on GPU.

        `window` is the context in tokens, by default and at most the model's own; `cache_bytes` the
        memory for keys and values, by default 2 GiB on CPU and what vLLM finds free on a GPU.
        Raises ValueError for a chat format or a model that is not supported, OSError if there is no
        such model, EngineUnavailable if vLLM does not start.
        """
        template = load_template(path)
        _quieten()
        arguments = _arguments(
            path, window=window, cache_bytes=cache_bytes, prefix_caching=prefix_caching
        )
        thread = LoopThread("vllm")
        with ExitStack() as undo:
            undo.callback(thread.close)
            try:
                model = thread.wait(_start(arguments))
            except RuntimeError as error:
                raise EngineUnavailable(
                    f"vLLM does not start on {str(path)!r}: {error}; its own messages are above"
                ) from error
            undo.pop_all()
        return cls(model, thread, template)

    async def generate(self, prompt: Sequence[int], sampling: Sampling) -> Completion:
        """Sample one completion. Raises ContextOverflow, EngineUnavailable.

        Cancelled, it takes its request out of vLLM's batch.
        """
        check_room(prompt, sampling, window=self.context_window)
        return await self._thread.run(self._sample(list(prompt), sampling))

    async def load_weights(self, folder: str | Path) -> None:
        """Take the weights of a folder of the same architecture and count up.

        Waits for the replies under way; those asked for meanwhile wait for it. Raises ValueError
        for a folder that holds no weights.
        """
        if not any(Path(folder).glob("*.safetensors")):
            raise ValueError(f"{folder}: no *.safetensors file there, so no weights to load")
        await self._thread.run(self._reload(str(folder)))

    async def forget(self) -> None:
        """Forget all cached keys, so that what follows does not depend on what came before."""
        await self._thread.run(self._forget_alone())

    def num_running(self) -> int:
        """Requests that vLLM has in hand."""
        return int(self._model.output_processor.get_num_unfinished_requests())

    async def aclose(self) -> None:
        """End vLLM's processes; takes some seconds."""
        self._leash.let_go()
        await self._thread.run(self._shut_down())
        await to_thread.run_sync(self._thread.close)

    async def _sample(self, prompt: list[int], sampling: Sampling) -> Completion:
        wanted = vllm.SamplingParams(
            max_tokens=sampling.max_tokens,
            temperature=sampling.temperature,
            seed=sampling.seed,
            stop_token_ids=sorted(self.template.stop_ids),
            ignore_eos=True,  # the template knows what ends a reply
            logprobs=0,
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        number = str(next(self._numbers))
        async with self._gate.sampling():
            version = self.version
            try:
                steps = self._model.generate(tokens_input(prompt), wanted, number)
                output = [step.outputs[0] async for step in steps][-1]
            except (EngineDeadError, EngineGenerateError) as error:
                raise EngineUnavailable(f"vLLM: {error or type(error).__name__}") from error
        if output.finish_reason not in ("stop", "length"):
            raise EngineUnavailable(f"vLLM ended a reply for reason {output.finish_reason!r}")
        ids = tuple(output.token_ids)
        return Completion(
            ids=ids,
            logprobs=tuple(
                at[token].logprob for at, token in zip(output.logprobs, ids, strict=True)
            ),
            finish="stop" if ids[-1] in self.template.stop_ids else "length",
            version=version,
        )

    async def _shut_down(self) -> None:
        # On the loop, so that its task for outputs cannot take the end for a failure.
        self._model.shutdown()
        # vLLM's client shuts down once more when it is deleted; at exit it could not.
        del self._model

    async def _reload(self, folder: str) -> None:
        async with self._gate.changing():
            await self._model.collective_rpc("reload_with_head", args=(folder,))
            await self._forget()
            self.version += 1

    async def _forget_alone(self) -> None:
        async with self._gate.changing():
            await self._forget()

    async def _forget(self) -> None:
        if not await self._model.reset_prefix_cache():
            raise EngineUnavailable("vLLM keeps cached keys that are still in use")


def _arguments(
    path: str | Path, *, window: int | None, cache_bytes: int | None, prefix_caching: bool
) -> vllm.AsyncEngineArgs:
    return vllm.AsyncEngineArgs(
        model=str(path),
        skip_tokenizer_init=True,
        dtype=_dtype(),
        max_model_len=window and min(window, _longest(path)),
        kv_cache_memory_bytes=cache_bytes or _default_cache_bytes(),
        enable_prefix_caching=prefix_caching,
        # Compiling takes minutes on a CPU and gains little there.
        enforce_eager=current_platform.is_cpu(),
        # vLLM 0.32 on a CPU dies of a seeded request whose prompt is read in two parts.
        enable_chunked_prefill=not current_platform.is_cpu(),
        logprobs_mode="processed_logprobs",
        worker_extension_cls=f"{Reloading.__module__}.{Reloading.__qualname__}",
        disable_log_stats=True,
    )


async def _start(arguments: vllm.AsyncEngineArgs) -> AsyncLLM:
    return AsyncLLM.from_engine_args(arguments)


def _longest(path: str | Path) -> int:
    """Tokens of the longest context that a model knows; vLLM refuses to start with a longer one."""
    return int(AutoConfig.from_pretrained(str(path)).max_position_embeddings)


def _dtype() -> Literal["float32", "bfloat16"]:
    return "float32" if current_platform.is_cpu() else "bfloat16"


def _default_cache_bytes() -> int | None:
    return _CPU_CACHE_BYTES if current_platform.is_cpu() else None


def _quieten() -> None:
    """Have vLLM and its processes log errors alone, and not to standard output."""
    level = os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")
    logging.getLogger("vllm").setLevel(level)
