"""Actions written as plain lines, with or without a plan before them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.envs.lines import first_command, holds_thought, without_plan


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("open Aachen", ("open", "Aachen")),
        ("  3. Open  Aachen ", ("open", "Aachen")),
        ("- open: Aachen", ("open", "Aachen")),
        ("I think so.\nopen Aachen\nanswer X", ("open", "Aachen")),
        ("plan: open Bonn\nopen Aachen", ("open", "Aachen")),
        ("<think>open Bonn</think>open Aachen", ("open", "Aachen")),
        ("<plan>\nopen Bonn\n</plan>\nopen Aachen", ("open", "Aachen")),
        ("open Bonn</think>open Aachen", ("open", "Aachen")),
        ("<think>open Bonn", None),
        ("open", None),
        ("opening Aachen", None),
        ("reopen Aachen", None),
    ],
)
def test_a_command_is_the_first_line_that_starts_with_its_verb(
    text: str, command: tuple[str, str] | None
) -> None:
    assert first_command(text, ("open", "answer")) == command


@given(rest=st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=30))
def test_what_follows_a_verb_is_kept_as_it_is(rest: str) -> None:
    assert first_command(f"answer {rest}", ("answer",)) == ("answer", rest)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("Plan: a\nb", "b"),
        ("b\n  plan: c\nd", "b\n\n\nd"),
        ("no plan: b", "no plan: b"),
        ("<plan>a\nb</plan>c", "c"),
        ("a<THINK>b", "a"),
        ("plan: only", ""),
    ],
)
def test_a_plan_is_passed_over_wherever_it_stands(text: str, rest: str) -> None:
    assert without_plan(text) == rest


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("<think>a</think>b", True),
        ("a</think>b", True),
        ("<think>never closed", True),
        ("<think> \n</think>b", False),
        ("</think>b", False),
        ("a", False),
    ],
)
def test_a_thought_is_one_that_is_not_empty(text: str, holds: bool) -> None:
    assert holds_thought(text) is holds
