"""Sampling from a Hugging Face model: exact log-probabilities, whatever the cache and the batch."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from asking import TEXTS, Endless, engine_of, one, sample
from tiny_llama import plain_logprobs, rescored, tiny_llama
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

from forethought.agents.engines.engine import ContextOverflow, Sampling
from forethought.agents.engines.engine_transformers import TransformersEngine
from forethought.agents.templates.words import WordTemplate


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


@pytest.mark.parametrize(
    ("asked", "window", "slots"),
    [(256, 1024, 8), (2000, 2000, 4), (1 << 20, 2048, 4)],
    ids=["usual", "longer, so fewer", "no longer than the model's own"],
)
def test_an_engine_holds_the_context_that_is_asked_for(asked: int, window: int, slots: int) -> None:
    engine = TransformersEngine.holding(tiny_llama(), Endless(), window=asked, num_slots=8)
    assert engine.context_window == window
    assert engine.num_slots == slots


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
