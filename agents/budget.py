"""Budget: what an agent may spend, conserved over the tree of its sub-agents.

A child's grant is taken from its parent when it is spawned, and what the child did not spend comes
back when it ends; so the sum of all spending never exceeds the first grant. What a model call may
take is held before it is made, and what it did not take is let go of when it ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import NamedTuple

from forethought.agents.engines.prices import FREE, NO_LIMIT, PICO, Price, picounits
from forethought.envs.context import BudgetExhausted

_MAY_BE_NOTHING = frozenset({"seconds", "money", "depth", "children"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Bounds on one episode, sub-agents included."""

    turns: int = 32
    tokens: int = 8192
    """Sampled tokens."""
    reply_tokens: int = 512
    """Sampled tokens of one reply."""
    plan_tokens: int | None = None
    """Sampled tokens of one reply's plan; past them it is closed for the agent. None: no bound."""
    think_tokens: int | None = None
    """Sampled tokens of one reply's thought; past them it is closed. None: no bound of its own."""
    answer_tokens: int | None = None
    """Sampled tokens of one reply after plan and thought; past them it ends."""
    context: int = 4096
    """Tokens in the window, reply included."""
    seconds: float = 600.0
    money: float | None = None
    """What all calls may cost at the run's prices; None: no bound."""
    depth: int = 2
    """Levels of sub-agents below the main agent."""
    children: int = 16
    """Sub-agents in the whole tree."""
    fan_out: int = 16
    """Sub-agents of one agent at the same time."""
    result_chars: int = 4000
    """Characters that a single tool result may put into the context."""

    def __post_init__(self) -> None:
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, value in given.items():
            minimum = 0 if name in _MAY_BE_NOTHING else 1
            if value is not None and value < minimum:
                raise ValueError(f"limits: {name} must be at least {minimum}, not {value}")
        if self.reply_tokens >= self.context:
            raise ValueError(
                f"limits: reply_tokens {self.reply_tokens} leaves no room in a context of "
                f"{self.context}; lower the one or raise the other"
            )


def check_effort(effort: int | None, limits: Limits) -> None:
    """Raise ValueError for replies that are asked to be longer than they may be."""
    if effort is not None and effort > limits.reply_tokens:
        raise ValueError(
            f"an effort of {effort} tokens a reply cannot be made where a reply is cut at "
            f"{limits.reply_tokens}; raise reply_tokens or ask for less"
        )


class Hold(NamedTuple):
    """What is reserved for one model call."""

    tokens: int
    money: int


@dataclass(slots=True)
class Budget:
    """Turns, tokens, money and children granted to one agent, and what is left of them."""

    turns: int
    tokens: int
    children: int = 0
    money: int = NO_LIMIT
    """In picounits, see `prices`."""
    spent_turns: int = field(default=0, init=False)
    spent_tokens: int = field(default=0, init=False)
    spent_children: int = field(default=0, init=False)
    spent_money: int = field(default=0, init=False)
    reserved_turns: int = field(default=0, init=False)
    reserved_tokens: int = field(default=0, init=False)
    reserved_children: int = field(default=0, init=False)
    reserved_money: int = field(default=0, init=False)

    @property
    def turns_left(self) -> int:
        """Turns neither spent nor reserved for a child."""
        return self.turns - self.spent_turns - self.reserved_turns

    @property
    def tokens_left(self) -> int:
        """Sampled tokens neither spent nor reserved for a child or a call."""
        return self.tokens - self.spent_tokens - self.reserved_tokens

    @property
    def children_left(self) -> int:
        """Sub-agents that may still be spawned."""
        return self.children - self.spent_children - self.reserved_children

    @property
    def money_left(self) -> int:
        """Picounits neither spent nor reserved for a child or a call."""
        return self.money - self.spent_money - self.reserved_money

    def charge_turn(self) -> None:
        """Spend a turn. Raises BudgetExhausted before anything is done."""
        if self.turns_left < 1:
            raise BudgetExhausted("turn", self.spent_turns, self.turns)
        self.spent_turns += 1

    def hold(
        self, wanted: int, *, price: Price = FREE, prompt: int = 0, money: int = NO_LIMIT
    ) -> Hold:
        """Reserve up to `wanted` tokens for a call, and what they cost after `prompt` tokens.

        Fewer tokens are held where not so many are left, or cannot be paid with `money` picounits.
        Raises BudgetExhausted if there is not even one.
        """
        tokens = min(wanted, self.tokens_left)
        if tokens < 1:
            raise BudgetExhausted("token", self.spent_tokens, self.tokens)
        if price is FREE:
            self.reserved_tokens += tokens
            return Hold(tokens, 0)
        money = min(money, self.money_left)
        tokens = price.num_affordable(money, prompt=prompt, wanted=tokens)
        if tokens < 1:
            raise BudgetExhausted("money", self.spent_money / PICO, self.money / PICO)
        hold = Hold(tokens, price.of(prompt=prompt, completion=tokens))
        self.reserved_tokens += hold.tokens
        self.reserved_money += hold.money
        return hold

    def settle(self, hold: Hold, *, tokens: int, money: int) -> None:
        """End a hold: so much of it was spent."""
        assert 0 <= tokens <= hold.tokens <= self.reserved_tokens, (tokens, hold, self)
        assert 0 <= money <= hold.money <= self.reserved_money, (money, hold, self)
        self.reserved_tokens -= hold.tokens
        self.spent_tokens += tokens
        self.reserved_money -= hold.money
        self.spent_money += money

    def grant(self, *, turns: int, tokens: int, children: int = 0, money: int = 0) -> Budget:
        """A child's budget, reserved from this one; it counts as a child itself.

        Raises BudgetExhausted if any part is not there.
        """
        if children + 1 > self.children_left:
            raise BudgetExhausted("sub-agent", self.spent_children, self.children)
        if turns > self.turns_left:
            raise BudgetExhausted("turn", self.spent_turns, self.turns)
        if tokens > self.tokens_left:
            raise BudgetExhausted("token", self.spent_tokens, self.tokens)
        if money > self.money_left:
            raise BudgetExhausted("money", self.spent_money / PICO, self.money / PICO)
        self.spent_children += 1
        self.reserved_turns += turns
        self.reserved_tokens += tokens
        self.reserved_children += children
        self.reserved_money += money
        return Budget(turns=turns, tokens=tokens, children=children, money=money)

    def refund(self, child: Budget) -> None:
        """A child ended: take over what it spent, free the rest."""
        self.reserved_turns -= child.turns
        self.reserved_tokens -= child.tokens
        self.reserved_children -= child.children
        self.reserved_money -= child.money
        self.spent_turns += child.spent_turns
        self.spent_tokens += child.spent_tokens
        self.spent_children += child.spent_children
        self.spent_money += child.spent_money


def first_grant(limits: Limits) -> Budget:
    """The budget of an episode's main agent."""
    return Budget(
        turns=limits.turns,
        tokens=limits.tokens,
        children=limits.children,
        money=picounits(limits.money),
    )


def shares(budget: Budget, num: int, *, tokens: int | None = None) -> list[Budget]:
    """Equal grants to `num` children, all of them or none; the agent itself keeps one share.

    With `tokens` each gets that many instead of its share. Raises BudgetExhausted, and ValueError
    for less than one.
    """
    if tokens is not None and tokens < 1:
        raise ValueError(f"a budget is a number of tokens above 0, not {tokens}")
    if budget.children_left < num:
        raise BudgetExhausted("sub-agent", budget.spent_children, budget.children)
    turns = budget.turns_left // (num + 1)
    each = budget.tokens_left // (num + 1) if tokens is None else tokens
    if turns < 1:
        hint = f"; {budget.turns_left} cannot be shared by you and {num} more"
        raise BudgetExhausted("turn", budget.spent_turns, budget.turns, hint=hint)
    if not 1 <= each <= budget.tokens_left // num:
        hint = f"; each of {num} can have {budget.tokens_left // num} at most"
        raise BudgetExhausted("token", budget.spent_tokens, budget.tokens, hint=hint)
    children = (budget.children_left - num) // (num + 1)
    money = budget.money_left // (num + 1)
    return [
        budget.grant(turns=turns, tokens=each, children=children, money=money) for _ in range(num)
    ]
