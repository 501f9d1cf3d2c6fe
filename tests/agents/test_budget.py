"""Budgets: conserved over every tree of agents."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.agents.budget import Budget, Hold, Limits, shares
from forethought.agents.engines.prices import PICO, Price
from forethought.envs.context import BudgetExhausted

Spent = tuple[int, int, int, int]
"""Turns, tokens, agents, picounits."""
PRICE = Price(prompt=1.0, completion=3.0)


class Tree:
    """Budgets of agents that live at the same time, and what each of them really spent."""

    def __init__(self, root: Budget) -> None:
        self.root = root
        self.parents: list[Budget | None] = [None]
        self.alive: list[Budget] = [root]
        self.holds: list[list[tuple[Hold, int]]] = [[]]
        self.spent: list[int] = [0, 0, 0, 0]

    def act(self, data: st.DataObject) -> None:
        """One agent does something, or fails to, or ends with all below it."""
        at = data.draw(st.integers(0, len(self.alive) - 1))
        budget = self.alive[at]
        act = data.draw(st.sampled_from(["turn", "hold", "settle", "lose", "spawn", "end"]))
        if act == "turn":
            budget.charge_turn()
            self.spent[0] += 1
        elif act == "hold":
            prompt = data.draw(st.integers(0, 40))
            hold = budget.hold(data.draw(st.integers(1, 30)), price=PRICE, prompt=prompt)
            self.holds[at].append((hold, prompt))
        elif act in ("settle", "lose") and self.holds[at]:
            self.settle(at, data, is_lost=act == "lose")
        elif act == "spawn":
            num = data.draw(st.integers(1, 3))
            for child in shares(budget, num):
                self.parents.append(budget)
                self.alive.append(child)
                self.holds.append([])
            self.spent[2] += num
        elif act == "end" and budget is not self.root:
            self.end(at)

    def settle(self, at: int, data: st.DataObject, *, is_lost: bool) -> None:
        """A call ends: with some tokens, or with none and only its prompt to pay."""
        hold, prompt = self.holds[at].pop()
        tokens = 0 if is_lost else data.draw(st.integers(0, hold.tokens))
        money = PRICE.of(prompt=prompt, completion=tokens)
        self.alive[at].settle(hold, tokens=tokens, money=money)
        self.spent[1] += tokens
        self.spent[3] += money

    def end(self, at: int) -> None:
        """An agent is cancelled: what it holds is let go of, its children end before it."""
        budget = self.alive[at]
        while below := [i for i, parent in enumerate(self.parents) if parent is budget]:
            self.end(below[-1])
        at = next(i for i, each in enumerate(self.alive) if each is budget)
        for hold, _ in self.holds.pop(at):
            budget.settle(hold, tokens=0, money=0)
        parent = self.parents.pop(at)
        self.alive.pop(at)
        if parent is not None:
            parent.refund(budget)

    def check(self) -> None:
        """Nothing is overdrawn anywhere, and what is granted below is reserved above."""
        for budget in self.alive:
            left = (budget.turns_left, budget.tokens_left, budget.children_left, budget.money_left)
            assert min(left) >= 0
            below = [
                each
                for each, parent in zip(self.alive, self.parents, strict=True)
                if parent is budget
            ]
            held = self.holds[next(i for i, each in enumerate(self.alive) if each is budget)]
            assert budget.reserved_turns == sum(each.turns for each in below)
            assert budget.reserved_children == sum(each.children for each in below)
            assert budget.reserved_tokens == sum(each.tokens for each in below) + sum(
                hold.tokens for hold, _ in held
            )
            assert budget.reserved_money == sum(each.money for each in below) + sum(
                hold.money for hold, _ in held
            )
        spent = self.total()
        assert spent == tuple(self.spent)
        granted = (self.root.turns, self.root.tokens, self.root.children, self.root.money)
        assert all(used <= limit for used, limit in zip(spent, granted, strict=True))

    def total(self) -> Spent:
        """What all living agents have spent, which includes what the dead ones had."""
        return (
            sum(each.spent_turns for each in self.alive),
            sum(each.spent_tokens for each in self.alive),
            sum(each.spent_children for each in self.alive),
            sum(each.spent_money for each in self.alive),
        )


@given(st.data())
def test_at_every_event_of_any_tree_of_agents_what_is_spent_and_reserved_was_granted(
    data: st.DataObject,
) -> None:
    tree = Tree(Budget(turns=20, tokens=200, children=9, money=500_000_000))
    for _ in range(data.draw(st.integers(0, 40))):
        with contextlib.suppress(BudgetExhausted):
            tree.act(data)
        tree.check()
    root = tree.root
    tree.end(0)
    spent = (root.spent_turns, root.spent_tokens, root.spent_children, root.spent_money)
    assert spent == tuple(tree.spent)
    assert (root.reserved_turns, root.reserved_tokens) == (0, 0)
    assert (root.reserved_children, root.reserved_money) == (0, 0)


def test_what_a_child_was_granted_is_not_there_for_anyone_else() -> None:
    root = Budget(turns=10, tokens=100, children=4, money=50)
    child = root.grant(turns=6, tokens=70, children=2, money=20)
    assert (root.turns_left, root.tokens_left, root.children_left, root.money_left) == (
        4,
        30,
        1,
        30,
    )
    with pytest.raises(BudgetExhausted, match="turn budget leaves too little: 0 of 10 spent"):
        root.grant(turns=5, tokens=1)
    with pytest.raises(BudgetExhausted, match="token budget leaves too little: 0 of 100 spent"):
        root.grant(turns=1, tokens=31)
    with pytest.raises(BudgetExhausted, match="sub-agent budget leaves too little: 1 of 4 spent"):
        root.grant(turns=1, tokens=1, children=1)
    with pytest.raises(BudgetExhausted, match="money budget leaves too little: 0 of 5e-11 spent"):
        root.grant(turns=1, tokens=1, money=31)
    child.charge_turn()
    root.refund(child)
    assert (root.turns_left, root.tokens_left, root.children_left, root.money_left) == (
        9,
        100,
        3,
        50,
    )


def test_a_call_holds_at_most_what_is_left() -> None:
    budget = Budget(turns=1, tokens=10)
    hold = budget.hold(8)
    assert (hold.tokens, budget.hold(8).tokens) == (8, 2)
    with pytest.raises(BudgetExhausted, match="token budget leaves too little"):
        budget.hold(1)
    budget.settle(hold, tokens=3, money=0)
    assert budget.tokens_left == 5


@pytest.mark.parametrize(
    ("money", "tokens"),
    [(40_000_000, 10), (22_000_000, 4), (13_999_999, 1), (13_000_000, 1), (12_999_999, None)],
)
def test_a_call_holds_what_its_tokens_cost_and_no_more_than_can_be_paid(
    money: int, tokens: int | None
) -> None:
    # Ten prompt tokens cost 10 millionths, each sampled one 3 more.
    budget = Budget(turns=1, tokens=100, money=money)
    if tokens is None:
        with pytest.raises(BudgetExhausted, match="money budget leaves too little"):
            budget.hold(10, price=PRICE, prompt=10)
        return
    hold = budget.hold(10, price=PRICE, prompt=10)
    assert hold == Hold(tokens, 10 * PICO // 10**6 + tokens * 3 * PICO // 10**6)
    budget.settle(hold, tokens=1, money=PRICE.of(prompt=10, completion=1))
    assert (budget.reserved_money, budget.spent_money) == (0, 13 * PICO // 10**6)


def test_children_get_equal_shares_and_the_agent_keeps_one() -> None:
    root = Budget(turns=10, tokens=100, children=8, money=90)
    first, second = shares(root, 2)
    assert (first.turns, first.tokens, first.children, first.money) == (3, 33, 2, 30)
    assert (second.turns, second.tokens) == (3, 33)
    assert (root.turns_left, root.tokens_left, root.children_left, root.money_left) == (
        4,
        34,
        2,
        30,
    )


def test_turns_end_before_the_act() -> None:
    budget = Budget(turns=1, tokens=1)
    budget.charge_turn()
    with pytest.raises(BudgetExhausted, match="turn budget leaves too little: 1 of 1 spent"):
        budget.charge_turn()
    assert budget.spent_turns == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("turns", 0),
        ("tokens", 0),
        ("seconds", -1.0),
        ("depth", -1),
        ("money", -0.5),
        ("fan_out", 0),
        ("plan_tokens", 0),
    ],
)
def test_limits_that_allow_nothing_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"limits: {field} must be at least"):
        Limits(**{field: value})  # type: ignore[arg-type]


def test_a_reply_that_fills_the_context_is_refused() -> None:
    with pytest.raises(ValueError, match="reply_tokens 512 leaves no room in a context of 512"):
        Limits(context=512, reply_tokens=512)
