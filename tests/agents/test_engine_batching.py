"""Many requests to one engine: they share the cache, come, go and fail, and stay exact."""

from __future__ import annotations

import anyio
import pytest
from anyio import to_thread
from asking import TEXTS, engine_of, one, sample, together
from tiny_llama import Meter, rescored, tiny_llama

from forethought.agents.engines.engine import Completion, Sampling
from forethought.agents.engines.engine_transformers import TransformersEngine


def converse(
    engine: TransformersEngine, *, num_turns: int, seed: int
) -> list[tuple[list[int], Completion]]:
    """A conversation: each prompt is the last one, the reply to it and four tokens more."""
    prompt, found = list(TEXTS[1]) + [seed] * 20, []
    for turn in range(num_turns):
        completion = one(engine, prompt, Sampling(max_tokens=6, seed=100 * seed + turn))
        found.append((prompt, completion))
        prompt = [*prompt, *completion.ids, *b"next"]
    return found


def test_a_further_turn_pays_for_its_new_tokens_only_and_gives_the_same() -> None:
    model = tiny_llama()
    meter = Meter(model)
    turns = converse(engine_of(model), num_turns=3, seed=1)
    # The first prompt; then the token that was sampled last and four new ones; 5 fed back a turn.
    assert meter.num_tokens == len(turns[0][0]) + 2 * 5 + 3 * 5
    for prompt, completion in turns:
        fresh = one(
            engine_of(tiny_llama()),
            prompt,
            Sampling(max_tokens=6, seed=100 + turns.index((prompt, completion))),
        )
        assert completion.ids == fresh.ids
        assert completion.logprobs == pytest.approx(fresh.logprobs, abs=1e-4)


def test_conversations_that_push_each_other_out_of_the_cache_stay_exact() -> None:
    model = tiny_llama()
    engine = engine_of(model, num_slots=2)
    found = [
        turn
        for seeds in ([1, 2, 3], [3, 1], [2, 2])
        for seed in seeds
        for turn in converse(engine, num_turns=2, seed=seed)
    ]
    for prompt, completion in found:
        assert completion.logprobs == pytest.approx(
            rescored(model, prompt, completion.ids), abs=1e-4
        )


def test_the_same_prompt_is_computed_once_for_all_who_ask() -> None:
    model = tiny_llama()
    meter = Meter(model)
    prompt = list(range(100))
    requests = [(prompt, Sampling(max_tokens=1, seed=seed)) for seed in range(8)]
    found = sample(engine_of(model), requests)
    assert meter.lengths == [100, 7]  # the twins feed the last prompt token each
    for completion in found:
        assert completion.logprobs == pytest.approx(
            rescored(model, prompt, completion.ids), abs=1e-4
        )


def test_two_hundred_requests_share_eight_slots() -> None:
    model = tiny_llama()
    requests = [
        ([*TEXTS[seed % 4], seed % 50], Sampling(max_tokens=1 + seed % 7, seed=seed))
        for seed in range(200)
    ]
    found = sample(engine_of(model), requests)
    for (prompt, sampling), completion in zip(requests, found, strict=True):
        assert len(completion.ids) == sampling.max_tokens
        assert completion.logprobs == pytest.approx(
            rescored(model, prompt, completion.ids), abs=1e-4
        )


def test_batches_follow_from_the_requests_and_not_from_timing() -> None:
    async def episodes(engine: TransformersEngine) -> None:
        async def episode(seed: int) -> None:
            prompt = [*TEXTS[seed % 4], seed]
            for turn in range(3):
                found = await engine.generate(prompt, Sampling(max_tokens=1 + seed % 5, seed=turn))
                prompt = [*prompt, *found.ids, 10]
                for _ in range(seed % 4):  # an environment that gives way now and then
                    await anyio.sleep(0)

        async with anyio.create_task_group() as group:
            for seed in range(6):
                group.start_soon(episode, seed)

    lengths = []
    for delay_s in (0.0, 0.003, 0.0):
        model = tiny_llama()
        meter = Meter(model)
        meter.delay_s = delay_s
        anyio.run(episodes, engine_of(model))
        lengths.append(meter.lengths)
    assert lengths[0] == lengths[1] == lengths[2]


@pytest.mark.parametrize("cancelled", [0, 3, 7], ids=["who drives", "one of many", "who waits"])
def test_a_cancelled_request_leaves_nothing_behind(cancelled: int) -> None:
    model = tiny_llama()
    meter = Meter(model)
    meter.holds_at = 4
    engine = engine_of(model, num_slots=6)
    requests = [([*TEXTS[1], seed], Sampling(max_tokens=12, seed=seed)) for seed in range(8)]
    found: dict[int, Completion] = {}
    scopes: dict[int, anyio.CancelScope] = {}

    async def ask(index: int) -> None:
        with anyio.CancelScope() as scopes[index]:
            found[index] = await engine.generate(*requests[index])

    async def main() -> None:
        with anyio.fail_after(120):
            async with anyio.create_task_group() as group:
                for index in range(len(requests)):
                    group.start_soon(ask, index)
                await to_thread.run_sync(meter.is_held.wait)  # in the middle of a step
                scopes[cancelled].cancel()
                meter.may_go_on.set()
            assert set(found) == set(range(8)) - {cancelled}
            engine.weights_changed()  # would find a slot that was never given back

    anyio.run(main)
    for (prompt, sampling), completion in zip(requests, sample(engine, requests), strict=True):
        assert len(completion.ids) == sampling.max_tokens
        assert completion.logprobs == pytest.approx(
            rescored(model, prompt, completion.ids), abs=1e-4
        )


def test_replies_are_right_beside_requests_that_are_cancelled_all_the_time() -> None:
    model = tiny_llama()
    Meter(model).delay_s = 0.002
    engine = engine_of(model, num_slots=4)
    requests = [([*TEXTS[seed % 4], seed], Sampling(max_tokens=10, seed=seed)) for seed in range(6)]
    found: list[Completion] = []

    async def hasty(seed: int) -> None:
        for attempt in range(6):
            with anyio.move_on_after(0.001 * (1 + (seed * 7 + attempt * 5) % 11)):
                await engine.generate([*TEXTS[2], seed], Sampling(max_tokens=50, seed=attempt))

    async def main() -> None:
        with anyio.fail_after(120):
            async with anyio.create_task_group() as group:
                for seed in range(8):
                    group.start_soon(hasty, seed)
                found.extend(await together(engine, requests))
        engine.weights_changed()

    anyio.run(main)
    for (prompt, sampling), completion in zip(requests, found, strict=True):
        assert len(completion.ids) == sampling.max_tokens
        assert completion.logprobs == pytest.approx(
            rescored(model, prompt, completion.ids), abs=1e-4
        )


@pytest.mark.parametrize("fails_at", [1, 2, 4])
def test_a_failed_pass_fails_who_drives_and_leaves_the_others_right(fails_at: int) -> None:
    model = tiny_llama()
    meter = Meter(model)
    meter.fails_at = fails_at
    engine = engine_of(model, num_slots=4)
    requests = [([*TEXTS[1], seed], Sampling(max_tokens=8, seed=seed)) for seed in range(6)]
    found: dict[int, Completion] = {}
    failed: list[int] = []

    async def ask(index: int) -> None:
        try:
            found[index] = await engine.generate(*requests[index])
        except RuntimeError:
            failed.append(index)

    async def main() -> None:
        with anyio.fail_after(120):
            async with anyio.create_task_group() as group:
                for index in range(len(requests)):
                    group.start_soon(ask, index)
        engine.weights_changed()

    anyio.run(main)
    assert failed == [0]
    assert len(found) == 5
    for index, completion in found.items():
        prompt, sampling = requests[index]
        assert len(completion.ids) == sampling.max_tokens
        assert completion.logprobs == pytest.approx(
            rescored(model, prompt, completion.ids), abs=1e-4
        )
