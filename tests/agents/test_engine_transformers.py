"""Sampling from a Hugging Face model: exact log-probabilities, whatever the cache and the batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest
import torch
from tiny_llama import Meter, plain_logprobs, rescored, tiny_llama
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from forethought.agents.engine import Completion, ContextOverflow, Sampling
from forethought.agents.engine_transformers import TransformersEngine
from forethought.agents.template import ByteTemplate
from forethought.agents.words import WordTemplate

TEXTS = [list(text.encode()) for text in ("a", "pick up a", "stack a b\n" * 9, "goal: " * 20)]


class Endless(ByteTemplate):
    """No token stops a reply, so its length is known beforehand."""

    stop_ids = frozenset()


def engine_of(
    model: PreTrainedModel, *, num_slots: int = 8, slot_length: int = 256
) -> TransformersEngine:
    return TransformersEngine(model, Endless(), num_slots=num_slots, slot_length=slot_length)


async def together(
    engine: TransformersEngine, requests: Sequence[tuple[list[int], Sampling]]
) -> list[Completion]:
    """All requests at once; completions in their order."""
    found: dict[int, Completion] = {}

    async def one(index: int, prompt: list[int], sampling: Sampling) -> None:
        found[index] = await engine.generate(prompt, sampling)

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            for index, (prompt, sampling) in enumerate(requests):
                group.start_soon(one, index, prompt, sampling)
    return [found[index] for index in range(len(requests))]


def sample(
    engine: TransformersEngine, requests: Sequence[tuple[list[int], Sampling]]
) -> list[Completion]:
    return anyio.run(together, engine, requests)


def one(engine: TransformersEngine, prompt: list[int], sampling: Sampling) -> Completion:
    return anyio.run(engine.generate, prompt, sampling)


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_recorded_logprobs_are_those_of_a_plain_forward_pass(temperature: float) -> None:
    model = tiny_llama()
    requests = [
        (prompt, Sampling(max_tokens=12, seed=seed, temperature=temperature))
        for seed in range(3)
        for prompt in TEXTS
    ]
    for (prompt, _), completion in zip(requests, sample(engine_of(model), requests), strict=True):
        expected = rescored(model, prompt, completion.ids, temperature=temperature)
        assert completion.logprobs == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    "model",
    [
        Qwen2ForCausalLM(
            Qwen2Config(
                vocab_size=258,
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                initializer_range=0.3,
            )
        ).eval(),
        Qwen3ForCausalLM(
            Qwen3Config(
                vocab_size=258,
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=1,
                head_dim=16,
                initializer_range=0.3,
            )
        ).eval(),
    ],
    ids=["Qwen2", "Qwen3"],
)
def test_other_families_with_full_attention_are_sampled_exactly(model: PreTrainedModel) -> None:
    completion = one(engine_of(model), TEXTS[1], Sampling(max_tokens=8, seed=1))
    assert completion.logprobs == pytest.approx(rescored(model, TEXTS[1], completion.ids), abs=1e-4)


@pytest.mark.parametrize(
    "model",
    [
        MistralForCausalLM(
            MistralConfig(
                vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1,
                num_attention_heads=1, num_key_value_heads=1, sliding_window=16,
            )
        ),
        Gemma2ForCausalLM(
            Gemma2Config(
                vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=2,
                num_attention_heads=1, num_key_value_heads=1, head_dim=8,
            )
        ),
    ],
    ids=["one window for all layers", "a window in every other layer"],
)  # fmt: skip
def test_models_with_sliding_windows_are_refused(model: PreTrainedModel) -> None:
    with pytest.raises(ValueError, match=r"sliding_attention; only models with full attention"):
        engine_of(model)


def test_a_seeded_draw_does_not_depend_on_what_else_is_in_the_batch() -> None:
    wanted = (TEXTS[2], Sampling(max_tokens=16, seed=7))
    alone = one(engine_of(tiny_llama()), *wanted)
    crowd = [(TEXTS[seed % 4], Sampling(max_tokens=5 + seed, seed=seed)) for seed in range(20)]
    among = sample(engine_of(tiny_llama(), num_slots=5), [*crowd[:10], wanted, *crowd[10:]])[10]
    assert among.ids == alone.ids
    assert among.logprobs == pytest.approx(alone.logprobs, abs=1e-4)


def test_seeds_give_different_draws() -> None:
    requests = [(TEXTS[1], Sampling(max_tokens=6, seed=seed)) for seed in range(8)]
    assert len({completion.ids for completion in sample(engine_of(tiny_llama()), requests)}) > 4


def test_tokens_are_drawn_as_often_as_their_probability_says() -> None:
    model, num = tiny_llama(), 3000
    engine = engine_of(model, num_slots=64, slot_length=16)
    requests = [(TEXTS[1], Sampling(max_tokens=1, seed=seed)) for seed in range(num)]
    counts = Counter(completion.ids[0] for completion in sample(engine, requests))
    expected_V = plain_logprobs(model, TEXTS[1])[-1].exp() * num
    observed_V = torch.tensor([float(counts[token]) for token in range(258)])
    # Pearson's statistic over 257 degrees of freedom: 257 on average, 23 its standard deviation.
    chi_square = float(((observed_V - expected_V).square() / expected_V).sum())
    assert 257 - 6 * 23 < chi_square < 257 + 6 * 23


def test_temperature_zero_takes_the_likeliest_token() -> None:
    model = tiny_llama()
    completion = one(engine_of(model), TEXTS[1], Sampling(max_tokens=8, temperature=0))
    logprobs_TV = plain_logprobs(model, [*TEXTS[1], *completion.ids])
    likeliest = logprobs_TV[len(TEXTS[1]) - 1 : -1].argmax(-1).tolist()
    assert list(completion.ids) == likeliest
    assert completion.logprobs == pytest.approx(rescored(model, TEXTS[1], likeliest), abs=1e-4)


def test_a_reply_ends_with_the_stop_token_or_at_its_limit() -> None:
    free = one(engine_of(tiny_llama()), TEXTS[1], Sampling(max_tokens=9, seed=3))
    assert (len(free.ids), free.finish) == (9, "length")
    template = Endless()
    template.stop_ids = frozenset({free.ids[4]})
    engine = TransformersEngine(tiny_llama(), template, slot_length=64)
    stopped = one(engine, TEXTS[1], Sampling(max_tokens=9, seed=3))
    assert stopped.ids == free.ids[: free.ids.index(free.ids[4]) + 1]
    assert stopped.finish == "stop"
    last = one(engine, TEXTS[1], Sampling(max_tokens=len(stopped.ids), seed=3))
    assert (last.ids, last.finish) == (stopped.ids, "stop")


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
    meter.delay_s = 0.01
    engine = engine_of(model, num_slots=6)
    requests = [([*TEXTS[1], seed], Sampling(max_tokens=12, seed=seed)) for seed in range(8)]
    found: dict[int, Completion] = {}
    scopes: dict[int, anyio.CancelScope] = {}

    async def ask(index: int) -> None:
        with anyio.CancelScope() as scopes[index]:
            found[index] = await engine.generate(*requests[index])

    async def main() -> None:
        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                for index in range(len(requests)):
                    group.start_soon(ask, index)
                await anyio.sleep(0.035)  # in the middle of a step
                scopes[cancelled].cancel()
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
        with anyio.fail_after(20):
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
        with anyio.fail_after(20):
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


def test_new_weights_are_sampled_from_at_once_and_counted() -> None:
    model = tiny_llama()
    engine = engine_of(model)
    before = one(engine, TEXTS[2], Sampling(max_tokens=4, seed=1))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.3)
    engine.weights_changed()
    after = one(engine, TEXTS[2], Sampling(max_tokens=4, seed=1))
    assert (before.version, after.version) == (0, 1)
    assert after.logprobs == pytest.approx(rescored(model, TEXTS[2], after.ids), abs=1e-4)
    assert after.logprobs != pytest.approx(before.logprobs, abs=1e-3)


@pytest.mark.parametrize(("num_prompt", "num_reply"), [(60, 5), (64, 1)])
def test_what_cannot_fit_the_window_is_refused(num_prompt: int, num_reply: int) -> None:
    engine = engine_of(tiny_llama(), slot_length=64)
    assert engine.context_window == 64
    with pytest.raises(
        ContextOverflow, match=rf"{num_prompt} prompt tokens and {num_reply} .* window of 64"
    ):
        one(engine, [1] * num_prompt, Sampling(max_tokens=num_reply))
    full = one(engine, [1] * 60, Sampling(max_tokens=4, seed=0))
    assert full.logprobs == pytest.approx(rescored(engine.model, [1] * 60, full.ids), abs=1e-4)


def test_the_window_is_never_wider_than_the_models_own() -> None:
    assert engine_of(tiny_llama(window=32), slot_length=256).context_window == 32


def test_a_model_folder_is_loaded_with_its_template(tmp_path: Path) -> None:
    template = WordTemplate.fit(["pick-up a stack a b"])
    model = tiny_llama(vocab_size=template.vocab_size)
    model.save_pretrained(tmp_path)
    template.save(tmp_path)
    engine = TransformersEngine.load(tmp_path, device="cpu", num_slots=2)
    prompt = [*template.render("user", "stack a b"), *template.reply_opening()]
    completion = one(engine, prompt, Sampling(max_tokens=5, seed=2))
    assert engine.template.decode(template.encode("pick-up a")) == "pick-up a"
    assert completion.logprobs == pytest.approx(rescored(model, prompt, completion.ids), abs=1e-4)


@pytest.mark.gpu
def test_a_gpu_gives_what_a_cpu_gives() -> None:
    requests = [(prompt, Sampling(max_tokens=8, temperature=0)) for prompt in TEXTS]
    on_gpu = sample(engine_of(tiny_llama().to("cuda")), requests)
    on_cpu = sample(engine_of(tiny_llama()), requests)
    for found, expected in zip(on_gpu, on_cpu, strict=True):
        assert found.ids == expected.ids
        assert found.logprobs == pytest.approx(expected.logprobs, abs=1e-3)
