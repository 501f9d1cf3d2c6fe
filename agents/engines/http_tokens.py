"""HTTPTokenEngine: a server that takes and gives token ids, so its draws can be trained on.

vLLM and SGLang behind `/completions` do: the prompt is a list of ids and the answer lists the ids
that were sampled (`return_token_ids`) with their log-probabilities. For those to be of the tempered
distribution, start vLLM with `--logprobs-mode processed_logprobs`. Its CPU build (0.32) also needs
`--no-enable-chunked-prefill`, or dies of a seeded request whose prompt is read in two parts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, JsonValue, ValidationError

from forethought.agents.engines.client import Client, RequestRefused
from forethought.agents.engines.engine import (
    Completion,
    EngineUnavailable,
    Sampling,
    check_room,
)
from forethought.agents.engines.gate import Gate
from forethought.agents.engines.http import raise_if_too_long
from forethought.agents.engines.vllm_server import reload_weights
from forethought.agents.templates.template import Template
from forethought.envs.first_error import first_error


class _Answer(BaseModel):
    choices: tuple[_Choice, ...]


class _Choice(BaseModel):
    token_ids: tuple[int, ...]
    logprobs: _Logprobs
    finish_reason: str


class _Logprobs(BaseModel):
    token_logprobs: tuple[float, ...]


class HTTPTokenEngine:
    """Samples from `model` on a server through `/completions`, in the ids of `template`."""

    def __init__(
        self,
        client: Client,
        model: str,
        *,
        template: Template,
        context_window: int,
        version: int = 0,
    ) -> None:
        self.template = template
        self.context_window = context_window
        self.version = version
        """Counts the weights on the server; whoever loads new ones there raises it."""
        self.client = client
        self.model = model
        self._gate = Gate()

    async def generate(self, prompt: Sequence[int], sampling: Sampling) -> Completion:
        """Sample one completion. Raises EngineUnavailable, ContextOverflow."""
        check_room(prompt, sampling, window=self.context_window)
        async with self._gate.sampling():
            version = self.version
            choice = await self._ask(
                {
                    "model": self.model,
                    "prompt": list[JsonValue](prompt),
                    "max_tokens": sampling.max_tokens,
                    "temperature": sampling.temperature,
                    # Servers fill in what a model's folder recommends; that is not the policy.
                    "top_p": 1.0,
                    "top_k": -1,
                    "min_p": 0.0,
                    "repetition_penalty": 1.0,
                    "seed": sampling.seed,
                    "stop_token_ids": list[JsonValue](sorted(self.template.stop_ids)),
                    "ignore_eos": True,  # the template knows what ends a reply
                    "logprobs": 0,
                    "return_token_ids": True,
                    "skip_special_tokens": False,
                    "add_special_tokens": False,
                },
                max_tokens=sampling.max_tokens,
            )
        return Completion(
            ids=choice.token_ids,
            logprobs=choice.logprobs.token_logprobs,
            finish="stop" if choice.token_ids[-1] in self.template.stop_ids else "length",
            version=version,
        )

    async def load_weights(self, folder: str | Path) -> None:
        """Have a vLLM server take the weights of a folder, and count up; see `vllm_server`.

        Raises EngineUnavailable.
        """
        async with self._gate.changing():
            await reload_weights(self.client, folder)
            self.version += 1

    async def aclose(self) -> None:
        """Close the connections."""
        await self.client.aclose()

    async def _ask(self, body: dict[str, JsonValue], *, max_tokens: int) -> _Choice:
        where = f"{self.client.base_url} (model {self.model})"
        try:
            answer = _Answer.model_validate(await self.client.post("completions", body))
        except RequestRefused as error:
            raise_if_too_long(error)
            raise
        except ValidationError as error:
            raise EngineUnavailable(
                f"{where}: no token ids in the answer: {first_error(error)}; "
                "this needs a server that knows return_token_ids, such as vLLM"
            ) from None
        if not answer.choices or not answer.choices[0].token_ids:
            raise EngineUnavailable(f"{where}: an answer without tokens")
        choice = answer.choices[0]
        if (problem := _problem(choice, max_tokens=max_tokens)) is not None:
            raise EngineUnavailable(f"{where}: {problem}")
        return choice


def _problem(choice: _Choice, *, max_tokens: int) -> str | None:
    """Why an answer cannot be what was sampled of the policy; None if it can."""
    ids, logprobs = choice.token_ids, choice.logprobs.token_logprobs
    if len(ids) != len(logprobs):
        return f"{len(ids)} token ids but {len(logprobs)} log-probabilities"
    if len(ids) > max_tokens:
        return f"{len(ids)} tokens where {max_tokens} were asked for at most"
    if min(ids) < 0:
        return f"token id {min(ids)}, which is none"
    if not all(map(math.isfinite, logprobs)):
        return "a log-probability that is no number"
    if choice.finish_reason not in ("stop", "length"):
        return f"it ended a reply for reason {choice.finish_reason!r}"
    return None
