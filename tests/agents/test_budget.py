"""Budgets: conserved over every tree of agents."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.agents.budget import Budget, Limits
from forethought.envs.context import BudgetExhausted


def spend_at_random(budget: Budget, data: st.DataObject, depth: int) -> tuple[int, int, int]:
    """Let a tree of agents act at random; what it really spent: turns, tokens, agents."""
    turns = tokens = agents = 0
    for _ in range(data.draw(st.integers(0, 4))):
        act = data.draw(st.sampled_from(["turn", "call", "spawn"]))
        try:
            if act == "turn":
                budget.charge_turn()
                turns += 1
            elif act == "call":
                held = budget.reserve_tokens(data.draw(st.integers(1, 30)))
                spent = data.draw(st.integers(0, held))
                budget.settle_tokens(held, spent)
                tokens += spent
            elif depth > 0:
                child = budget.grant(
                    turns=data.draw(st.integers(0, 6)),
                    tokens=data.draw(st.integers(0, 60)),
                    children=data.draw(st.integers(0, 3)),
                )
                used = spend_at_random(child, data, depth - 1)
                budget.refund(child)
                turns, tokens, agents = turns + used[0], tokens + used[1], agents + used[2] + 1
        except BudgetExhausted:
            continue
        assert min(budget.turns_left, budget.tokens_left, budget.children_left) >= 0
    return turns, tokens, agents


@given(st.data())
def test_no_tree_of_agents_spends_more_than_was_granted_and_nothing_is_lost(
    data: st.DataObject,
) -> None:
    root = Budget(turns=12, tokens=120, children=5)
    spent = spend_at_random(root, data, depth=3)
    assert spent == (root.spent_turns, root.spent_tokens, root.spent_children)
    assert (root.reserved_turns, root.reserved_tokens, root.reserved_children) == (0, 0, 0)
    assert (root.turns_left, root.tokens_left, root.children_left) == (
        12 - spent[0],
        120 - spent[1],
        5 - spent[2],
    )


def test_what_a_child_was_granted_is_not_there_for_anyone_else() -> None:
    root = Budget(turns=10, tokens=100, children=4)
    child = root.grant(turns=6, tokens=70, children=2)
    assert (root.turns_left, root.tokens_left, root.children_left) == (4, 30, 1)
    with pytest.raises(BudgetExhausted, match="turn budget is used up: 0 of 10"):
        root.grant(turns=5, tokens=1)
    with pytest.raises(BudgetExhausted, match="token budget is used up: 0 of 100"):
        root.grant(turns=1, tokens=31)
    with pytest.raises(BudgetExhausted, match="sub-agent budget is used up: 1 of 4"):
        root.grant(turns=1, tokens=1, children=1)
    child.charge_turn()
    root.refund(child)
    assert (root.turns_left, root.tokens_left, root.children_left) == (9, 100, 3)


def test_a_call_holds_at_most_what_is_left() -> None:
    budget = Budget(turns=1, tokens=10)
    assert budget.reserve_tokens(8) == 8
    assert budget.reserve_tokens(8) == 2
    with pytest.raises(BudgetExhausted, match="token budget is used up"):
        budget.reserve_tokens(1)
    budget.settle_tokens(8, 3)
    assert budget.tokens_left == 5


def test_turns_end_before_the_act() -> None:
    budget = Budget(turns=1, tokens=1)
    budget.charge_turn()
    with pytest.raises(BudgetExhausted, match="turn budget is used up: 1 of 1"):
        budget.charge_turn()
    assert budget.spent_turns == 1


@pytest.mark.parametrize(
    ("field", "value"), [("turns", 0), ("tokens", 0), ("seconds", -1.0), ("depth", -1)]
)
def test_limits_that_allow_nothing_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"limits: {field} must be at least"):
        Limits(**{field: value})  # type: ignore[arg-type]


def test_a_reply_that_fills_the_context_is_refused() -> None:
    with pytest.raises(ValueError, match="reply_tokens 512 leaves no room in a context of 512"):
        Limits(context=512, reply_tokens=512)
