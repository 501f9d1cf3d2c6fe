"""Budget: what an agent may spend, conserved over the tree of its sub-agents.

A child's grant is taken from its parent when it is spawned, and what the child did not spend comes
back when it ends; so the sum of all spending never exceeds the first grant.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from forethought.envs.context import BudgetExhausted


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Bounds on one episode, sub-agents included."""

    turns: int = 32
    tokens: int = 8192
    """Sampled tokens."""
    reply_tokens: int = 512
    """Sampled tokens of one reply."""
    context: int = 4096
    """Tokens in the window, reply included."""
    seconds: float = 600.0
    depth: int = 2
    """Levels of sub-agents below the main agent."""
    children: int = 16
    """Sub-agents in the whole tree."""
    result_chars: int = 4000
    """Characters that a single tool result may put into the context."""

    def __post_init__(self) -> None:
        least = {"turns": 1, "tokens": 1, "reply_tokens": 1, "seconds": 0, "depth": 0}
        least |= {"children": 0, "result_chars": 1}
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, minimum in least.items():
            if given[name] < minimum:
                raise ValueError(f"limits: {name} must be at least {minimum}, not {given[name]}")
        if self.reply_tokens >= self.context:
            raise ValueError(
                f"limits: reply_tokens {self.reply_tokens} leaves no room in a context of "
                f"{self.context}; lower the one or raise the other"
            )


@dataclass(slots=True)
class Budget:
    """Turns, tokens and children granted to one agent, and what is left of them."""

    turns: int
    tokens: int
    children: int = 0
    spent_turns: int = field(default=0, init=False)
    spent_tokens: int = field(default=0, init=False)
    spent_children: int = field(default=0, init=False)
    reserved_turns: int = field(default=0, init=False)
    reserved_tokens: int = field(default=0, init=False)
    reserved_children: int = field(default=0, init=False)

    @property
    def turns_left(self) -> int:
        """Turns neither spent nor reserved for a child."""
        return self.turns - self.spent_turns - self.reserved_turns

    @property
    def tokens_left(self) -> int:
        """Sampled tokens neither spent nor reserved for a child."""
        return self.tokens - self.spent_tokens - self.reserved_tokens

    @property
    def children_left(self) -> int:
        """Sub-agents that may still be spawned."""
        return self.children - self.spent_children - self.reserved_children

    def charge_turn(self) -> None:
        """Spend a turn. Raises BudgetExhausted before anything is done."""
        if self.turns_left < 1:
            raise BudgetExhausted("turn", self.spent_turns, self.turns)
        self.spent_turns += 1

    def reserve_tokens(self, wanted: int) -> int:
        """Hold up to `wanted` tokens for a call; returns how many. Raises BudgetExhausted at 0."""
        granted = min(wanted, self.tokens_left)
        if granted < 1:
            raise BudgetExhausted("token", self.spent_tokens, self.tokens)
        self.reserved_tokens += granted
        return granted

    def settle_tokens(self, reserved: int, spent: int) -> None:
        """End a hold: `spent` of the `reserved` tokens were sampled."""
        assert 0 <= spent <= reserved <= self.reserved_tokens, (spent, reserved, self)
        self.reserved_tokens -= reserved
        self.spent_tokens += spent

    def grant(self, *, turns: int, tokens: int, children: int = 0) -> Budget:
        """A child's budget, reserved from this one; it counts as a child itself.

        Raises BudgetExhausted if any part is not there.
        """
        if children + 1 > self.children_left:
            raise BudgetExhausted("sub-agent", self.spent_children, self.children)
        if turns > self.turns_left:
            raise BudgetExhausted("turn", self.spent_turns, self.turns)
        if tokens > self.tokens_left:
            raise BudgetExhausted("token", self.spent_tokens, self.tokens)
        self.spent_children += 1
        self.reserved_turns += turns
        self.reserved_tokens += tokens
        self.reserved_children += children
        return Budget(turns=turns, tokens=tokens, children=children)

    def refund(self, child: Budget) -> None:
        """A child ended: take over what it spent, free the rest."""
        self.reserved_turns -= child.turns
        self.reserved_tokens -= child.tokens
        self.reserved_children -= child.children
        self.spent_turns += child.spent_turns
        self.spent_tokens += child.spent_tokens
        self.spent_children += child.spent_children
