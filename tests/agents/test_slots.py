"""The key-value cache: who gets which slot, and that nothing but one's own tokens is read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from forethought.agents.engines.slots import Run, Slot, Slots

LENGTH, SIZE = 64, 4


def slots_of(num_slots: int) -> Slots:
    return Slots(
        num_layers=1,
        num_key_value_heads=1,
        head_size=SIZE,
        num_slots=num_slots,
        slot_length=LENGTH,
        device=torch.device("cpu"),
        dtype=torch.float32,
    )


def vector(token: int) -> Tensor:
    """Key, value and query of a token."""
    return torch.randn(SIZE, generator=torch.Generator().manual_seed(token))


def feed(slots: Slots, fresh: list[tuple[Slot, list[int]]]) -> Tensor:
    """Run new tokens of some slots through the attention in one row; outputs (N, D)."""
    runs, row = [], []
    for slot, tokens in fresh:
        start = len(row)
        row += tokens
        length = len(slot.tokens) + len(tokens)
        runs.append(Run(slot=slot.index, start=start, end=len(row), length=length))
    vectors_1ND = torch.stack([vector(token) for token in row])[None]
    found = slots.attention(runs)(0, vectors_1ND, vectors_1ND, vectors_1ND, 1.0)
    for slot, tokens in fresh:
        slot.tokens.extend(tokens)
    return found[:, 0]


def alone(tokens: list[int]) -> Tensor:
    """Plain causal attention over a sequence; outputs (T, D)."""
    vectors_11TD = torch.stack([vector(token) for token in tokens])[None, None]
    return scaled_dot_product_attention(
        vectors_11TD, vectors_11TD, vectors_11TD, is_causal=True, scale=1.0
    )[0, 0]


def claimed(slots: Slots, prompt: list[int]) -> tuple[Slot, int]:
    found = slots.claim(prompt)
    assert found is not None
    return found


def play(slots: Slots, prompt: list[int]) -> int:
    """Feed a prompt and let go of it again; how many of its tokens were cached."""
    slot, shared = claimed(slots, prompt)
    found_ND = feed(slots, [(slot, prompt[shared:])])
    assert torch.allclose(found_ND, alone(prompt)[shared:], atol=1e-5)
    slots.release(slot)
    return shared


def test_a_prompt_that_goes_on_pays_for_its_new_tokens() -> None:
    slots = slots_of(2)
    talk = list(range(20))
    assert play(slots, talk) == 0
    assert play(slots, [*talk, 21, 22]) == 20
    assert play(slots, [*talk, 21, 22, 23]) == 22


def test_the_last_token_of_a_prompt_is_always_computed() -> None:
    slots = slots_of(2)
    play(slots, list(range(30)))
    assert play(slots, list(range(30))) == 29
    assert play(slots, list(range(20))) == 19


def test_a_long_beginning_is_copied_from_a_slot_that_is_busy() -> None:
    slots = slots_of(3)
    task = list(range(32))
    first, _ = claimed(slots, [*task, 50])
    feed(slots, [(first, [*task, 50])])
    for token in (51, 52):
        second, shared = claimed(slots, [*task, token])
        assert (second is not first, shared) == (True, 32)
        found_ND = feed(slots, [(second, [token])])
        assert torch.allclose(found_ND, alone([*task, token])[32:], atol=1e-5)
    # The first goes on and was not disturbed.
    found_ND = feed(slots, [(first, [53])])
    assert torch.allclose(found_ND, alone([*task, 50, 53])[33:], atol=1e-5)


def test_a_prompt_that_parts_ways_keeps_the_common_beginning_only() -> None:
    slots = slots_of(1)
    play(slots, list(range(30)))
    assert play(slots, [*range(20), 60, 61]) == 20
    assert play(slots, list(range(30))) == 20


def test_without_an_idle_slot_there_is_none_to_claim() -> None:
    slots = slots_of(1)
    slot, _ = claimed(slots, [1, 2])
    assert slots.claim([1, 2]) is None
    slots.release(slot)
    assert slots.claim([1, 2]) is not None


def test_the_sequence_unused_for_longest_makes_room() -> None:
    slots = slots_of(3)
    talks = [[number] * 20 for number in range(3)]
    for talk in talks:
        play(slots, talk)
    play(slots, [*talks[0], 9])
    play(slots, [7] * 20)  # takes the place of talk 1
    assert play(slots, [*talks[0], 9, 9]) == 21
    assert play(slots, [*talks[2], 9]) == 20
    assert play(slots, [*talks[1], 9]) == 0


def test_cleared_slots_share_nothing() -> None:
    slots = slots_of(2)
    play(slots, list(range(30)))
    slots.clear()
    assert play(slots, list(range(30))) == 0


def test_prompts_and_single_tokens_of_several_slots_go_through_in_one_row() -> None:
    slots = slots_of(3)
    talks = [[1, 2, 3, 4, 5], [6, 7], [8]]
    found = [claimed(slots, talk)[0] for talk in talks]
    feed(slots, [(found[0], talks[0][:4]), (found[1], talks[1][:1])])
    row_ND = feed(slots, [(found[2], [8]), (found[0], [5]), (found[1], [7])])
    for output_D, talk in zip(row_ND, (talks[2], talks[0], talks[1]), strict=True):
        assert torch.allclose(output_D, alone(talk)[-1], atol=1e-5)


@pytest.fixture
def poisoned_memory() -> Iterator[None]:
    """PyTorch fills what it allocates without a value with NaN."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("poisoned_memory")
def test_memory_that_was_never_written_does_not_reach_a_result() -> None:
    assert torch.empty(1).isnan().item()
    slots = slots_of(2)
    long, short = claimed(slots, list(range(9)))[0], claimed(slots, [40])[0]
    feed(slots, [(long, list(range(9)))])
    found_ND = feed(slots, [(long, [30]), (short, [40])])
    assert torch.allclose(found_ND[1], alone([40])[0], atol=1e-5)
