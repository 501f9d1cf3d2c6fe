"""Experts as engines: those that know the environment's state, and those that read their prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from anyio.lowlevel import checkpoint

from forethought.agents.engines.engine import Completion, Sampling
from forethought.agents.engines.scripted import completion_of
from forethought.agents.templates.template import ByteTemplate, Template


@runtime_checkable
class SeeingExpert(Protocol):
    """An environment whose expert knows nothing but what its prompt shows.

    So a scheme that takes out of the context what is needed shows in the expert's score.
    """

    def oracle_seeing(self, prompt: str) -> str:
        """The expert's next action, given the text of its prompt."""
        ...

    def oracle_retelling(self, prompt: str) -> str:
        """The expert's summary of the text of its prompt."""
        ...


class SeeingEngine:
    """Acts and summarises by the text of its prompt alone; every token has log-probability 0."""

    def __init__(self, expert: SeeingExpert, *, template: Template | None = None) -> None:
        self.template: Template = template if template is not None else ByteTemplate()
        self.context_window = 1 << 30
        self.version = 0
        self._expert = expert

    async def generate(self, prompt: Sequence[int], sampling: Sampling) -> Completion:
        """The expert's action or summary, cut at `max_tokens`."""
        await checkpoint()
        expert, text = self._expert, _shown(prompt, self.template)
        is_act = sampling.purpose == "act"
        reply = expert.oracle_seeing(text) if is_act else expert.oracle_retelling(text)
        return completion_of(reply, self.template, max_tokens=sampling.max_tokens)

    async def aclose(self) -> None:
        """Nothing to release."""


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

    def pass_over(self, sampling: Sampling) -> None:
        """Leave out the next action; experts may draw from a generator, or keep a plan."""
        if sampling.purpose == "act":
            self._act()

    async def aclose(self) -> None:
        """Nothing to release."""


def _shown(prompt: Sequence[int], template: Template) -> str:
    """The text of a prompt, its messages apart."""
    texts: list[str] = []
    begin = 0
    for index, token in enumerate(prompt):
        if token in template.stop_ids:
            texts.append(template.decode(list(prompt[begin:index])))
            begin = index + 1
    return "\n".join([*texts, template.decode(list(prompt[begin:]))])
