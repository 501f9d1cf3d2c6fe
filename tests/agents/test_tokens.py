"""Common beginnings of token sequences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.agents.templates.tokens import common_prefix

tokens = st.lists(st.integers(0, 2), max_size=40)


@given(tokens, tokens, tokens, st.sampled_from([list, tuple]))
def test_the_common_beginning_is_found_as_by_comparing_one_by_one(
    begin: list[int], left: list[int], right: list[int], kind: type[list[int]]
) -> None:
    one, other = kind(begin + left), kind(begin + right)
    expected = 0
    while expected < min(len(one), len(other)) and one[expected] == other[expected]:
        expected += 1
    assert common_prefix(one, other) == common_prefix(other, one) == expected


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [([], [], 0), ([], [1], 0), ([1], [1], 1), ([1, 2], [1, 2, 3], 2), ([2, 1], [1, 2], 0)],
)
def test_short_sequences(left: list[int], right: list[int], expected: int) -> None:
    assert common_prefix(left, right) == expected
