"""A tree of rows computes what the rows compute alone: hidden states, losses, gradients."""

from __future__ import annotations

from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import behaved, largest_difference, learnt_from, learnt_row_by_row, random_rows
from tiny_llama import plain_logprobs, tiny_llama

from forethought.agents.engines.attention import use_hook
from forethought.trainer.attention import DenseTreeAttention, FlexTreeAttention, tree_mask
from forethought.trainer.corrections import CORRECTIONS
from forethought.trainer.head import draw_logprobs
from forethought.trainer.learner import Denominator, Objective
from forethought.trainer.losses import LOSSES
from forethought.trainer.tree import Draw, Row, pulling, tree_batches


def row_of(*ids: int, draws: tuple[Draw, ...] | None = None, episode: str = "e") -> Row:
    """A row whose last token was sampled, unless told otherwise."""
    last = Draw(key=(episode, 0, 0), position=len(ids) - 1, logprob=-1.0, advantage=1.0)
    return Row(ids=ids, draws=(last,) if draws is None else draws)


def draw(episode: str, call: int, position: int, *, advantage: float = 1.0) -> Draw:
    return Draw(key=(episode, call, 0), position=position, logprob=-0.5, advantage=advantage)


def test_rows_become_a_trie_in_depth_first_order() -> None:
    (batch,) = tree_batches(
        [
            row_of(1, 5, episode="a"),
            row_of(1, 2, 4, 6, episode="b"),
            row_of(1, 2, 3, episode="c"),
            row_of(1, 2, 4, episode="d"),
        ]
    )
    assert batch.ids_N.tolist() == [1, 2, 3, 4, 6, 5]
    assert batch.position_N.tolist() == [0, 1, 2, 2, 3, 1]
    assert batch.subtree_end_N.tolist() == [6, 5, 3, 5, 5, 6]
    assert batch.episodes == ("c", "d", "b", "a")
    assert batch.source_M.tolist() == [1, 1, 3, 0]
    assert batch.target_M.tolist() == [3, 4, 6, 5]
    assert batch.sequence_M.tolist() == [0, 1, 2, 3]
    assert (batch.num_tokens, batch.num_draws, batch.num_row_tokens) == (6, 4, 12)


def test_a_token_sees_itself_and_its_ancestors_only() -> None:
    (batch,) = tree_batches([row_of(1, 2, 3, episode="a"), row_of(1, 2, 4, episode="b")])
    assert tree_mask(batch.subtree_end_N).int().tolist() == [
        [1, 0, 0, 0],
        [1, 1, 0, 0],
        [1, 1, 1, 0],
        [1, 1, 0, 1],
    ]


def test_two_draws_of_one_token_in_one_place_are_two_terms() -> None:
    rows = [
        row_of(1, 2, draws=(draw("a", 0, 1, advantage=1.0),)),
        row_of(1, 2, draws=(draw("b", 0, 1, advantage=-1.0),)),
    ]
    (batch,) = tree_batches(rows)
    assert batch.num_tokens == 2
    assert batch.source_M.tolist() == [0, 0]
    assert batch.target_M.tolist() == [2, 2]
    assert batch.advantage_M.tolist() == [1.0, -1.0]


def test_a_draw_that_two_rows_share_is_one_term_with_its_mean_advantage() -> None:
    rows = [
        row_of(1, 2, 3, draws=(draw("a", 0, 1, advantage=1.0), draw("a", 1, 2, advantage=1.0))),
        row_of(1, 2, 4, draws=(draw("a", 0, 1, advantage=0.0), draw("a", 2, 2, advantage=0.0))),
    ]
    (batch,) = tree_batches(rows)
    assert batch.ids_N.tolist() == [1, 2, 3, 4]
    assert batch.target_M.tolist() == [2, 3, 4]
    assert batch.advantage_M.tolist() == [0.5, 1.0, 0.0]


def test_rows_without_a_draw_of_their_own_are_not_computed() -> None:
    shared = draw("a", 0, 1)
    rows = [row_of(1, 2, draws=(shared,)), row_of(1, 2, 7, 7, draws=(shared,)), row_of(9, draws=())]
    (batch,) = tree_batches(rows)
    assert batch.ids_N.tolist() == [1, 2]
    assert tree_batches([row_of(1, 2, draws=())]) == []


def test_rows_end_with_the_last_draw_that_pulls() -> None:
    far = draw("a", 0, 3, advantage=0.0)
    rows = [
        row_of(1, 2, 3, 4, draws=(draw("a", 1, 1), draw("a", 2, 2, advantage=-0.5), far)),
        row_of(5, 6, draws=(draw("b", 0, 1, advantage=0.0),)),
    ]
    assert pulling(rows) == [Row(ids=(1, 2, 3), draws=rows[0].draws[:2])]


def test_the_first_token_of_a_row_cannot_be_trained() -> None:
    with pytest.raises(ValueError, match=r"draw \('a', 0, 0\): the first token of a row cannot"):
        tree_batches([row_of(1, 2, draws=(draw("a", 0, 0),))])


@pytest.mark.parametrize(
    ("max_tokens", "expected"),
    [
        (None, [[1, 2, 3, 4, 5, 6, 7]]),
        (5, [[1, 2, 3, 4, 5], [6, 7]]),
        (4, [[1, 2, 3, 4], [1, 2, 5], [6, 7]]),
        (1, [[1, 2, 3, 4], [1, 2, 5], [6, 7]]),
    ],
)
def test_batches_hold_at_most_so_many_distinct_tokens(
    max_tokens: int | None, expected: list[list[int]]
) -> None:
    rows = [row_of(6, 7, episode="a"), row_of(1, 2, 5, episode="b")]
    rows += [row_of(1, 2, 3, 4, episode=name) for name in "cd"]  # a copy costs nothing
    found = tree_batches(rows, max_tokens=max_tokens)
    assert [batch.ids_N.tolist() for batch in found] == expected
    assert sum(batch.num_draws for batch in found) == 4


MODEL = tiny_llama(vocab_size=8)
use_hook(MODEL)
sequences = st.lists(
    st.lists(st.integers(0, 3), min_size=2, max_size=12).map(tuple), min_size=1, max_size=8
)


@settings(max_examples=60)
@given(sequences, st.sampled_from([None, 4, 16]))
def test_every_token_of_every_row_is_predicted_as_in_the_row_alone(
    sequences: list[tuple[int, ...]], max_tokens: int | None
) -> None:
    rows = [
        Row(
            ids=ids,
            draws=tuple(
                Draw(key=(str(number), 0, at), position=at, logprob=0.0, advantage=1.0)
                for at in range(1, len(ids))
            ),
        )
        for number, ids in enumerate(sequences)
    ]
    found: dict[str, list[float]] = {}
    for batch in tree_batches(rows, max_tokens=max_tokens):
        with torch.no_grad():
            logprob_M, _ = draw_logprobs(MODEL, batch)
        for episode, logprob in zip(batch.episodes, logprob_M.tolist(), strict=True):
            found.setdefault(episode, []).append(logprob)
    for number, ids in enumerate(sequences):
        logprobs_TV = plain_logprobs(MODEL, ids)
        expected = [float(logprobs_TV[at - 1, ids[at]]) for at in range(1, len(ids))]
        assert found[str(number)] == pytest.approx(expected, abs=1e-5)


@given(sequences)
def test_a_tree_never_holds_a_prefix_twice(sequences: list[tuple[int, ...]]) -> None:
    rows = [row_of(*ids, episode=str(number)) for number, ids in enumerate(sequences)]
    (batch,) = tree_batches(rows)
    prefixes = {ids[:length] for ids in sequences for length in range(1, len(ids) + 1)}
    assert batch.num_tokens == len(prefixes)
    assert batch.num_row_tokens == sum(map(len, sequences))


def test_the_entropy_is_that_of_the_distribution_drawn_from() -> None:
    (batch,) = tree_batches([row_of(1, 2, 3)])
    _, entropy_M = draw_logprobs(MODEL, batch, temperature=0.5)
    logprobs_V = plain_logprobs(MODEL, [1, 2], temperature=0.5)[-1]
    assert float(entropy_M) == pytest.approx(float(-(logprobs_V.exp() * logprobs_V).sum()))


OBJECTIVES = {
    **{name: Objective(loss=name) for name in LOSSES},
    **{f"cispo and {name}": Objective(loss="cispo", corrections=(name,)) for name in CORRECTIONS},
    "dapo, all corrections": Objective(corrections=tuple(CORRECTIONS)),
    "dapo by rollout": Objective(denominator="rollout"),
    "dr_grpo over a constant": Objective(loss="dr_grpo", denominator="constant", constant=40.0),
    "reinforce at temperature 0.7": Objective(loss="reinforce", temperature=0.7),
}


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES.keys())
def test_a_tree_learns_what_separate_rows_learn(objective: Objective) -> None:
    model = tiny_llama(vocab_size=8, spread=0.15)
    rows = behaved(model, random_rows(3), seed=3)
    shared = [d.key for row in rows for d in row.draws]
    assert len(set(shared)) < len(shared)  # forks share draws
    loss, gradients = learnt_from(model, rows, objective)
    expected_loss, expected = learnt_row_by_row(model, rows, objective)
    assert loss == pytest.approx(expected_loss, abs=1e-5)
    assert max(float(gradient.abs().max()) for gradient in expected.values()) > 1e-2
    assert largest_difference(gradients, expected) < 1e-5


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("denominator", ["token", "rollout"])
def test_random_trees_learn_what_separate_rows_learn(seed: int, denominator: Denominator) -> None:
    model = tiny_llama(seed=seed, vocab_size=8, spread=0.15)
    rows = behaved(model, random_rows(seed), seed=seed)
    objective = Objective(denominator=denominator)
    loss, gradients = learnt_from(model, rows, objective, max_tokens=16)
    expected_loss, expected = learnt_row_by_row(model, rows, objective)
    assert loss == pytest.approx(expected_loss, abs=1e-5)
    assert largest_difference(gradients, expected) < 1e-5


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES.keys())
def test_neither_packing_nor_order_changes_what_is_learnt(objective: Objective) -> None:
    model = tiny_llama(vocab_size=8, spread=0.15)
    rows = behaved(model, random_rows(5), seed=5)
    loss, gradients = learnt_from(model, rows, objective)
    for max_tokens in (1, 13, 30):
        Random(max_tokens).shuffle(rows)
        packed_loss, packed = learnt_from(model, rows, objective, max_tokens=max_tokens)
        assert packed_loss == pytest.approx(loss, abs=1e-5)
        assert largest_difference(packed, gradients) < 1e-5


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 4), (4, 2), (9, 3)])
def test_block_masks_give_what_a_dense_mask_gives(device: str, heads: int, kv_heads: int) -> None:
    torch.manual_seed(0)
    (batch,) = tree_batches(random_rows(1, num_episodes=60))
    end_N = batch.subtree_end_N.to(device)
    assert end_N.shape[0] > 2 * 128  # several blocks
    query_HND = torch.randn(heads, batch.num_tokens, 64, device=device)
    key_KND = torch.randn(kv_heads, batch.num_tokens, 64, device=device)
    value_KND = torch.randn_like(key_KND)
    dense = DenseTreeAttention(end_N)(0, query_HND, key_KND, value_KND, 0.125)
    flex = FlexTreeAttention(end_N)(0, query_HND, key_KND, value_KND, 0.125)
    # TensorFloat-32 in the kernel on a GPU.
    assert float((dense - flex).abs().max()) < (1e-5 if device == "cpu" else 1e-2)
