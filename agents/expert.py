"""ExpertEngine: acts by a function of the environment's state, the expert's or the floor's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from anyio.lowlevel import checkpoint

from forethought.agents.engine import Completion, Sampling
from forethought.agents.scripted import completion_of
from forethought.agents.template import ByteTemplate, Template


class ExpertEngine:
    """Replies with what `act` says is next; every token has log-probability 0.

    Written in the ids of a model's own template, its episodes are data to train that model on. It
    only knows how to act: asked for a summary or a verdict it says nothing, and not to be trained
    on.
    """

    def __init__(self, act: Callable[[], str], *, template: Template | None = None) -> None:
        self.template: Template = template if template is not None else ByteTemplate()
        self.context_window = 1 << 30
        self.version = 0
        self._act = act

    async def generate(self, prompt: Sequence[int], sampling: Sampling) -> Completion:
        """The next action, cut at `max_tokens`."""
        await checkpoint()
        if sampling.purpose == "act":
            return completion_of(self._act(), self.template, max_tokens=sampling.max_tokens)
        silence = completion_of("", self.template, max_tokens=sampling.max_tokens)
        return Completion(ids=silence.ids, logprobs=None, finish=silence.finish)

    async def aclose(self) -> None:
        """Nothing to release."""
