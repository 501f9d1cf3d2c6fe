"""Engines over tiny models, and ways to ask them for replies."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
from transformers import PreTrainedModel

from forethought.agents.engines.engine import Completion, Engine, Sampling
from forethought.agents.engines.engine_transformers import TransformersEngine
from forethought.agents.templates.template import ByteTemplate

TEXTS = [list(text.encode()) for text in ("a", "pick up a", "stack a b\n" * 9, "goal: " * 20)]


class Endless(ByteTemplate):
    """No token stops a reply, so its length is known beforehand."""

    stop_ids = frozenset()


def engine_of(
    model: PreTrainedModel, *, num_slots: int = 8, slot_length: int = 256
) -> TransformersEngine:
    return TransformersEngine(model, Endless(), num_slots=num_slots, slot_length=slot_length)


async def together(
    engine: Engine, requests: Sequence[tuple[list[int], Sampling]]
) -> list[Completion]:
    """All requests at once; completions in their order."""
    found: dict[int, Completion] = {}

    async def one(index: int, prompt: list[int], sampling: Sampling) -> None:
        found[index] = await engine.generate(prompt, sampling)

    with anyio.fail_after(120):
        async with anyio.create_task_group() as group:
            for index, (prompt, sampling) in enumerate(requests):
                group.start_soon(one, index, prompt, sampling)
    return [found[index] for index in range(len(requests))]


def sample(engine: Engine, requests: Sequence[tuple[list[int], Sampling]]) -> list[Completion]:
    return anyio.run(together, engine, requests)


def one(engine: Engine, prompt: list[int], sampling: Sampling) -> Completion:
    return anyio.run(engine.generate, prompt, sampling)
