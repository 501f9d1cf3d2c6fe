"""Engine: token ids in, sampled token ids with their log-probabilities out.

EngineError
├── EngineUnavailable (ConnectionError)   the model does not answer; the episode is missing data
│   ├── EngineRefused                     and will not: asking again would not help
│   └── EngineRateLimited                 because too much was asked of it, for longer than we wait
└── ContextOverflow (ValueError)          the prompt does not fit the model's window
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from forethought.agents.record.events import Purpose
from forethought.agents.templates.template import Template

Finish = Literal["stop", "length"]


class EngineError(Exception):
    """A model could not be sampled from."""


class EngineUnavailable(EngineError, ConnectionError):
    """The model does not answer, retries included."""


class EngineRefused(EngineUnavailable):
    """The model understood the request and refused it; asking again would not help."""


class EngineRateLimited(EngineUnavailable):
    """The model's server limits the rate, and did so for as long as we were ready to wait."""


class ContextOverflow(EngineError, ValueError):
    """The prompt, with room for the reply, does not fit the model's context window."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """How to sample one completion."""

    max_tokens: int
    temperature: float = 1.0
    """0 is greedy. Log-probabilities are those of the tempered distribution."""
    seed: int | None = None
    """Fixes the draw whatever else is in the batch; None draws from the engine's own stream."""
    purpose: Purpose = "act"
    """What the reply is for; experts that know only how to act go by it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    """Sampled tokens; the stop token is the last of `ids` when `finish` is "stop"."""

    ids: tuple[int, ...]
    logprobs: tuple[float, ...] | None
    """Of each sampled token, under the distribution it was drawn from; None if not known."""
    finish: Finish
    version: int = 0
    """Number of the weights that sampled it."""
    first_token_s: float | None = None
    """Seconds from the request to the first token; None where it cannot be seen."""


class Engine(Protocol):
    """A model that can be sampled from by many episodes at once."""

    template: Template
    context_window: int
    version: int

    async def generate(self, prompt: Sequence[int], sampling: Sampling) -> Completion:
        """Sample one completion. Raises EngineUnavailable, ContextOverflow."""
        ...

    async def aclose(self) -> None:
        """Release the model or the connection."""
        ...


@runtime_checkable
class Sequel(Protocol):
    """An engine of one episode whose replies depend on how many it gave before."""

    def pass_over(self, sampling: Sampling) -> None:
        """Leave out the next reply, which is known already."""
        ...


def check_room(prompt: Sequence[int], sampling: Sampling, *, window: int) -> None:
    """Raise ContextOverflow if prompt and reply cannot fit into a window of so many tokens."""
    if len(prompt) + sampling.max_tokens > window:
        raise ContextOverflow(
            f"{len(prompt)} prompt tokens and {sampling.max_tokens} for the reply exceed the "
            f"window of {window}; lower the limits or compress the context"
        )
