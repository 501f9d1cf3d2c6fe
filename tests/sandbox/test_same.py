"""Equality of JSON values."""

from __future__ import annotations

import math

import pytest
from pydantic import JsonValue

from forethought.sandbox import same


@pytest.mark.parametrize(
    ("given", "wanted", "expected"),
    [
        (1, 1, True),
        (1, True, False),
        (0, False, False),
        (None, 0, False),
        (None, None, True),
        (1.0, 1, True),
        (0.1 + 0.2, 0.3, True),
        (0.30001, 0.3, False),
        (10**400, 1.5, False),
        (math.inf, 1e308, False),
        ("1", 1, False),
        ([1, [2]], [1, [2]], True),
        ([1, [2]], [1, [2, 3]], False),
        ([], {}, False),
        ({"a": [1], "b": None}, {"b": None, "a": [1]}, True),
        ({"a": 1}, {"a": 1, "b": 1}, False),
        ({"a": True}, {"a": 1}, False),
    ],
)
def test_values_are_compared_with_their_types(
    given: JsonValue, wanted: JsonValue, expected: bool
) -> None:
    assert same(given, wanted) is expected
