"""Token accounts of plan, thought and answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.agents.templates.phases import count_phases
from forethought.agents.templates.template import ByteTemplate

TEMPLATE = ByteTemplate()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("42", (0, 0, 2)),
        ("<plan>ab</plan>42", (15, 0, 2)),
        ("plan: a, b\n42", (11, 0, 2)),
        ("  Plan: a\n42", (10, 0, 2)),
        ("the plan: none", (0, 0, 14)),
        ("42\nplan: later", (0, 0, 14)),
        ("<think>hm</think>42", (0, 17, 2)),
        ("hm</think>42", (0, 10, 2)),
        ("<think>never closed", (0, 19, 0)),
        ("<plan>never closed", (18, 0, 0)),
        ("<think>a<plan>b</plan>c</think>d", (14, 17, 1)),
        ("<think>a</think>b<think>c</think>d", (0, 32, 2)),
        ("plan: a\n<think>b</think>c", (8, 16, 1)),
        ("<plan>é</plan>ü", (15, 0, 2)),
        ("", (0, 0, 0)),
    ],
)
def test_phases_are_counted_in_tokens(text: str, expected: tuple[int, int, int]) -> None:
    assert count_phases(TEMPLATE.encode(text), text, TEMPLATE) == expected


def test_the_stop_token_belongs_to_the_answer() -> None:
    text = "<think>hm</think>42"
    assert count_phases([*TEMPLATE.encode(text), 257], text, TEMPLATE) == (0, 17, 3)


def test_a_token_counts_in_the_phase_where_it_ends() -> None:
    class Pairs(ByteTemplate):
        """Two characters a token."""

        def decode(self, ids: list[int]) -> str:
            return "".join(chr(token >> 8) + chr(token & 255) for token in ids)

    text = "<plan>a</plan>42"
    ids = [ord(a) << 8 | ord(b) for a, b in zip(text[::2], text[1::2], strict=True)]
    assert count_phases(ids, text, Pairs()) == (7, 0, 1)
    assert count_phases(ids, "<plan>ab</plan>2", Pairs()) == (8, 0, 0)


@given(st.lists(st.sampled_from(["<plan>", "</plan>", "<think>", "</think>", "plan:", "\n", "ü"])))
def test_phases_add_up_to_the_completion(parts: list[str]) -> None:
    text = "".join(parts)
    ids = TEMPLATE.encode(text)
    phases = count_phases(ids, text, TEMPLATE)
    assert sum(phases) == len(ids)
    assert min(phases) >= 0
