"""The probe tells whether an engine has the weights that a trainer thinks it has."""

from __future__ import annotations

import anyio
import pytest
from asking import engine_of
from tiny_llama import rescored, tiny_llama

from forethought.agents.engines.engine import Engine
from forethought.agents.engines.probe import NUM_TOKENS, WeightsDiffer, probe
from forethought.agents.engines.scripted import ScriptedEngine


def gap(engine: Engine, *, seed: int, tolerance: float = 1e-3) -> float:
    model = tiny_llama(seed=seed)

    async def main() -> float:
        return await probe(engine, lambda p, ids: rescored(model, p, ids), tolerance=tolerance)

    return anyio.run(main)


def test_equal_weights_agree_and_others_do_not() -> None:
    engine = engine_of(tiny_llama(seed=0), slot_length=1024)
    assert gap(engine, seed=0) < 1e-4
    with pytest.raises(WeightsDiffer, match=f"log-probabilities of {NUM_TOKENS} tokens differ by"):
        gap(engine, seed=1)
    assert gap(engine, seed=1, tolerance=99.0) > 0.1


def test_a_narrow_window_takes_the_end_of_the_question() -> None:
    assert gap(engine_of(tiny_llama(seed=0), slot_length=64), seed=0) < 1e-4


def test_the_question_is_longer_than_a_block_of_the_cache() -> None:
    engine = engine_of(tiny_llama(seed=0), slot_length=1024)
    asked: list[int] = []

    async def main() -> None:
        def score(prompt: object, ids: object) -> list[float]:
            assert isinstance(prompt, list)
            asked.append(len(prompt))
            return [0.0] * NUM_TOKENS

        await probe(engine, score, tolerance=99.0)

    anyio.run(main)
    assert asked[0] > 2 * 128


def test_an_engine_whose_opinions_are_unknown_is_refused() -> None:
    with pytest.raises(WeightsDiffer, match="version 0 of the engine's weights"):
        gap(ScriptedEngine(["a reply"]), seed=0)
