"""Branch credit, by hand and by its invariants."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.trainer.branches import branch_credit
from forethought.trainer.tree import Draw, Row


def sampled(episode: str, ids: tuple[int, ...], *, prompt: int = 1) -> Row:
    """A row whose tokens after the prompt were all sampled."""
    draws = tuple(
        Draw(key=(episode, 0, position), position=position, logprob=-1.0, advantage=9.0)
        for position in range(prompt, len(ids))
    )
    return Row(ids=ids, draws=draws)


def advantages(rows: list[Row]) -> list[float]:
    return [draw.advantage for row in rows for draw in row.draws]


def test_only_the_token_where_siblings_part_is_credited() -> None:
    rows_G = [[sampled("a", (0, 1, 2, 3))], [sampled("b", (0, 1, 4, 3))]]
    first, second = branch_credit(rows_G, [0.5, -0.5])
    assert advantages(first) == [0.0, 0.5, 0.0]
    assert advantages(second) == [0.0, -0.5, 0.0]


def test_a_branch_is_worth_the_mean_of_the_episodes_that_took_it() -> None:
    rows_G = [
        [sampled("a", (0, 1, 2))],
        [sampled("b", (0, 1, 3))],
        [sampled("c", (0, 4, 2))],
        [sampled("d", (0, 4, 2))],
    ]
    found = branch_credit(rows_G, [0.75, -0.25, -0.25, -0.25])
    assert advantages(found[0]) == [0.25, 0.5]
    assert advantages(found[1]) == [0.25, -0.5]
    assert advantages(found[2]) == advantages(found[3]) == [-0.25, 0.0]


def test_twins_with_different_rewards_are_told_nothing() -> None:
    found = branch_credit([[sampled("a", (0, 1))], [sampled("b", (0, 1))]], [0.5, -0.5])
    assert advantages(found[0]) == advantages(found[1]) == [0.0]


def test_an_episode_that_passes_a_node_in_two_segments_counts_once_there() -> None:
    twice = [sampled("a", (0, 1, 2)), sampled("a", (0, 1, 5))]
    found = branch_credit([twice, [sampled("b", (0, 1, 2))]], [0.5, -0.5])
    assert advantages(found[0]) == [0.0, 0.0, 0.0, 0.5]
    assert advantages(found[1]) == [0.0, 0.0]


@given(
    st.lists(
        st.tuples(st.lists(st.integers(0, 2), min_size=1, max_size=6), st.integers(0, 1)),
        min_size=2,
        max_size=8,
    )
)
def test_along_an_episode_the_credits_add_up_to_what_its_last_node_is_worth(
    made: list[tuple[list[int], int]],
) -> None:
    mean = sum(reward for _, reward in made) / len(made)
    advantages_G = [reward - mean for _, reward in made]
    rows_G = [[sampled(str(n), (7, *ids))] for n, (ids, _) in enumerate(made)]
    found = branch_credit(rows_G, advantages_G)
    for (ids, _), rows in zip(made, found, strict=True):
        like = [
            advantage
            for (other, _), advantage in zip(made, advantages_G, strict=True)
            if other[: len(ids)] == ids
        ]
        assert sum(advantages(rows)) == pytest.approx(sum(like) / len(like))
