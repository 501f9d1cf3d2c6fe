"""ScriptedEngine: replies that are known beforehand, sampled with certainty."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from anyio.lowlevel import checkpoint

from forethought.agents.engines.engine import Completion, Finish, Sampling
from forethought.agents.templates.template import ByteTemplate, Template


class ScriptedEngine:
    """Replies with what a script says, whatever the prompt; every token has log-probability 0.

    `reply` gives the text of the n-th call (from 0), or is a sequence of texts whose last one is
    repeated. A script written in the ids of a model's own template is training data for it.
    """

    def __init__(
        self,
        reply: Callable[[int], str] | Sequence[str],
        *,
        template: Template | None = None,
        context_window: int = 1 << 30,
    ) -> None:
        if not callable(reply) and (isinstance(reply, str) or not reply):
            raise ValueError(f"a script is a function or a list of replies, not {reply!r}")
        self.template: Template = template if template is not None else ByteTemplate()
        self.context_window = context_window
        self.version = 0
        self.num_calls = 0
        self._reply = reply

    async def generate(self, prompt: Sequence[int], sampling: Sampling) -> Completion:
        """The next reply of the script, cut at `max_tokens`."""
        # Without this an episode would never give way, and no time limit could reach it.
        await checkpoint()
        text = self._text(self.num_calls)
        self.num_calls += 1
        return completion_of(text, self.template, max_tokens=sampling.max_tokens)

    def pass_over(self, sampling: Sampling) -> None:
        """Leave out the next reply of the script."""
        self.num_calls += 1

    async def aclose(self) -> None:
        """Nothing to release."""

    def _text(self, number: int) -> str:
        if callable(self._reply):
            return self._reply(number)
        return self._reply[min(number, len(self._reply) - 1)]


def completion_of(text: str, template: Template, *, max_tokens: int) -> Completion:
    """`text` as if it had been sampled with certainty: its ids, the stop token, zeros."""
    closing = template.reply_closing(stopped=False)
    stop = next(token for token in closing if token in template.stop_ids)
    ids = (*template.encode(text), stop)
    finish: Finish = "stop" if len(ids) <= max_tokens else "length"
    ids = ids[:max_tokens]
    return Completion(ids=ids, logprobs=(0.0,) * len(ids), finish=finish)
