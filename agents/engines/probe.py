"""Probe: do an engine and a trainer mean the same weights?

After each exchange of weights the engine samples a few tokens after a fixed prompt, and the trainer
says how likely it finds them. The prompt is longer than a block of vLLM's cache (128 tokens on CPU,
16 on GPU), so keys that an engine kept of older weights show too.

WeightsDiffer (EngineError, RuntimeError)   an engine samples from other weights than it was given
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from anyio import to_thread

from forethought.agents.engines.engine import Engine, EngineError, Sampling

NUM_TOKENS = 16
_QUESTION = " ".join(str(number) for number in range(120))

Score = Callable[[Sequence[int], Sequence[int]], Sequence[float]]
"""Log-probability of each token of a completion after a prompt, at temperature 1."""


class WeightsDiffer(EngineError, RuntimeError):
    """An engine samples from other weights than it was given."""


async def probe(engine: Engine, score: Score, *, tolerance: float) -> float:
    """Mean absolute difference in nats between the engine's log-probabilities and `score`.

    Raises WeightsDiffer if it exceeds `tolerance`, or if the engine gives no log-probabilities.
    """
    template = engine.template
    prompt = [*template.render("user", _QUESTION), *template.reply_opening()]
    prompt = prompt[-(engine.context_window - NUM_TOKENS) :]
    completion = await engine.generate(prompt, Sampling(max_tokens=NUM_TOKENS, seed=0))
    if completion.logprobs is None:
        raise WeightsDiffer("the engine gives no log-probabilities, so weights cannot be compared")
    expected = await to_thread.run_sync(score, prompt, completion.ids)
    gaps = [abs(a - b) for a, b in zip(completion.logprobs, expected, strict=True)]
    gap = sum(gaps) / len(gaps)
    if not gap <= tolerance:
        raise WeightsDiffer(
            f"version {completion.version} of the engine's weights is not the trainer's: their "
            f"log-probabilities of {len(gaps)} tokens differ by {gap:.2g} on average, more than "
            f"{tolerance:g}; the weights were not loaded whole, or old keys are still cached"
        )
    return gap
