"""Blocks-world instances with a known optimum, and the expert that solves them.

The horizon of an instance is the exact number of moves (pick-up, put-down, stack, unstack) of a
shortest plan. It is even when the hand starts empty; an odd one starts with a block in the hand.

- Up to `SEARCHED` moves, 3 to 5 blocks: all states are searched breadth-first from a random start
  and the goal is taken from a state at exactly that depth, with no nearer state fulfilling it.
- Beyond, the goal is built by moving blocks once each, straight to where they stay. That the plan
  is shortest needs no search: every moved block has a goal that the start does not fulfil, so each
  costs two moves in any plan (the one that starts in the hand costs one).
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from string import ascii_lowercase
from typing import TypeVar

import numpy as np

from forethought.envs.suite.planning.pddl import read_domain
from forethought.envs.suite.planning.search import ground, shortest_plan
from forethought.envs.suite.planning.strips import Atom, Operator, Problem, State, apply, operator

SEARCHED = 12
"""Longest horizon whose instances come from a search of all states."""
TABLE = "table"
Item = TypeVar("Item", str, Atom)

DOMAIN = read_domain("""
(define (domain blocks)
  (:action pick-up :parameters (?x)
    :precondition (and (ontable ?x) (clear ?x) (handempty))
    :effect (and (holding ?x) (not (ontable ?x)) (not (clear ?x)) (not (handempty))))
  (:action put-down :parameters (?x)
    :precondition (holding ?x)
    :effect (and (ontable ?x) (clear ?x) (handempty) (not (holding ?x))))
  (:action stack :parameters (?x ?y)
    :precondition (and (holding ?x) (clear ?y))
    :effect (and (on ?x ?y) (clear ?x) (handempty) (not (holding ?x)) (not (clear ?y))))
  (:action unstack :parameters (?x ?y)
    :precondition (and (on ?x ?y) (clear ?x) (handempty))
    :effect (and (holding ?x) (clear ?y) (not (on ?x ?y)) (not (clear ?x)) (not (handempty)))))
""")


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """A start and a goal; the goal is a set of (on x y) and (ontable x)."""

    blocks: tuple[str, ...]
    init: State
    goal: State


def draw(rng: np.random.Generator, *, horizon: int) -> Instance:
    """An instance whose shortest plan has exactly `horizon` moves."""
    attempt = _draw_searched if horizon <= SEARCHED else _draw_built
    while True:
        instance = attempt(rng, horizon)
        if instance is not None:
            return instance


def names(count: int) -> tuple[str, ...]:
    """Names for `count` blocks: a to z, then aa, ab, ..."""
    pairs = ("".join(pair) for pair in product(ascii_lowercase, repeat=2))
    return (*ascii_lowercase, *pairs)[:count]


def place(support: Mapping[str, str], held: str | None = None) -> State:
    """The state in which each block stands on its support and the hand holds `held`."""
    atoms: set[Atom] = {
        ("ontable", block) if below == TABLE else ("on", block, below)
        for block, below in support.items()
    }
    atoms |= {("clear", block) for block in support if block not in support.values()}
    atoms.add(("handempty",) if held is None else ("holding", held))
    return frozenset(atoms)


def supports(atoms: State) -> dict[str, str]:
    """What each block stands on, or is to stand on."""
    found = {atom[1]: atom[2] for atom in atoms if atom[0] == "on"}
    return found | {atom[1]: TABLE for atom in atoms if atom[0] == "ontable"}


def holding(state: State) -> str | None:
    """The block in the hand."""
    return next((atom[1] for atom in state if atom[0] == "holding"), None)


def must_move(support: Mapping[str, str], goal: Mapping[str, str]) -> set[str]:
    """Blocks that no plan can leave where they are.

    Their own goal is elsewhere, or they stand where another block belongs, or what they stand on
    must move.
    """
    claimed = {below: block for block, below in goal.items() if below != TABLE}
    moving: set[str] = set()
    for block in bottom_up(support):
        below = support[block]
        elsewhere = goal.get(block, below) != below
        in_the_way = claimed.get(below, block) != block
        if elsewhere or in_the_way or below in moving:
            moving.add(block)
    return moving


def bottom_up(support: Mapping[str, str]) -> Iterator[str]:
    """All blocks, tower by tower in alphabetical order, each after the one it stands on."""
    above = {below: block for block, below in support.items() if below != TABLE}
    for bottom in sorted(block for block, below in support.items() if below not in support):
        block: str | None = bottom
        while block is not None:
            yield block
            block = above.get(block)


def solve(blocks: Sequence[str], state: State, goal: State) -> list[Operator]:
    """The expert's plan from `state`: shortest with up to 5 blocks, else a greedy one.

    The greedy plan is shortest too wherever no block has to move twice, as in drawn instances.
    """
    if len(blocks) <= 5:
        problem = Problem(name="blocks", objects=tuple(blocks), init=state, goal=goal)
        plan = shortest_plan(DOMAIN, problem)
        assert plan is not None, (state, goal)
        return plan
    return _greedy(state, goal)


def _greedy(state: State, goal: State) -> list[Operator]:
    """Move blocks home as soon as home is ready; in a deadlock put one on the table."""
    plan: list[Operator] = []

    def take(name: str, *arguments: str) -> None:
        nonlocal state
        plan.append(operator(DOMAIN, name, arguments))
        state = apply(state, plan[-1])

    wanted = supports(goal)
    while not goal <= state:
        support, held = supports(state), holding(state)
        moving = must_move(support, wanted)
        free = {block for block in support if ("clear", block) in state}
        ready = free - moving
        if held is None:
            held = _next_block(support, wanted, free & moving, ready)
            below = support[held]
            take("pick-up", held) if below == TABLE else take("unstack", held, below)
            ready |= {below} - moving - {TABLE}
        home = wanted.get(held, TABLE)
        take("stack", held, home) if home in ready else take("put-down", held)
    return plan


def _next_block(
    support: Mapping[str, str], wanted: Mapping[str, str], movable: set[str], ready: set[str]
) -> str:
    homeward = [b for b in movable if wanted.get(b, TABLE) == TABLE or wanted[b] in ready]
    return min(homeward or (block for block in movable if support[block] != TABLE))


def _draw_searched(rng: np.random.Generator, horizon: int) -> Instance | None:
    fewest = min(max(3, horizon // 2), 5)
    blocks = names(int(rng.integers(fewest, 6)))
    init = _random_state(rng, blocks, held=horizon % 2 == 1)
    anywhere = Problem(name="blocks", objects=blocks, init=init, goal=frozenset())
    *nearer, farthest = _levels(init, ground(DOMAIN, anywhere), horizon)
    ends = sorted(sorted(state) for state in farthest if ("handempty",) in state)
    if not ends:
        return None
    end = frozenset(ends[int(rng.integers(len(ends)))])
    goal = {atom for atom in end if atom[0] in ("on", "ontable")}
    for atom in _shuffled(rng, goal):
        spared = atom[0] == "on" and rng.random() < 0.5
        if not spared and not any(goal - {atom} <= state for level in nearer for state in level):
            goal.remove(atom)
    return Instance(blocks=blocks, init=init, goal=frozenset(goal))


def _levels(init: State, operators: Sequence[Operator], depth: int) -> list[set[State]]:
    """States by distance from `init`, 0 to `depth`; fewer levels are padded with empty ones."""
    levels = [{init}]
    seen = {init}
    for _ in range(depth):
        reached = {
            (state - action.delete) | action.add
            for state in levels[-1]
            for action in operators
            if action.needs <= state
        }
        levels.append(reached - seen)
        seen |= reached
    return levels


def _draw_built(rng: np.random.Generator, horizon: int) -> Instance | None:
    num_moves = horizon // 2
    blocks = names(num_moves + int(rng.integers(1, 4)))
    init = _random_state(rng, blocks, held=horizon % 2 == 1)
    start, held = supports(init), holding(init)
    support, wanted = dict(start), dict[str, str]()
    stays: set[str] = set()
    for left in range(num_moves + (held is not None), 0, -1):
        tops = support.keys() - set(support.values())
        spare = len(start) - len(stays & start.keys()) - left
        homes = {top for top in tops if _is_settled(support, top, stays, spare=spare)}
        movable = _shuffled(rng, tops - stays if held is None else [held])
        move = next((m for m in (_home(rng, b, start, homes) for b in movable) if m), None)
        if move is None:
            return None
        block, home = move
        wanted[block] = support[block] = home
        stays.update(_tower(support, block))
        held = None
    wanted = _without_needless_table(start, wanted)
    assert len(must_move(start, wanted)) == num_moves, (start, wanted)
    goal = frozenset(atom for atom in place(wanted) if atom[0] in ("on", "ontable"))
    return Instance(blocks=blocks, init=init, goal=goal)


def _home(
    rng: np.random.Generator, block: str, start: Mapping[str, str], homes: set[str]
) -> tuple[str, str] | None:
    """Where to move a block for good: sometimes the table, else one of `homes`."""
    others = sorted(homes - {block, start.get(block, TABLE)})
    if start.get(block) != TABLE and (not others or rng.random() < 0.3):
        return block, TABLE
    return (block, others[int(rng.integers(len(others)))]) if others else None


def _without_needless_table(start: Mapping[str, str], wanted: dict[str, str]) -> dict[str, str]:
    """Drop goals (ontable x) of blocks that have to move all the same; one goal is left."""
    moving = must_move(start, wanted)
    claimed = {below: block for block, below in wanted.items() if below != TABLE}
    for block in sorted(block for block, home in wanted.items() if home == TABLE):
        below = start.get(block, TABLE)
        moves_anyway = claimed.get(below, block) != block or below in moving
        if len(wanted) > 1 and (moves_anyway or block not in moving):
            wanted = {key: home for key, home in wanted.items() if key != block}
    return wanted


def _is_settled(support: Mapping[str, str], top: str, stays: set[str], *, spare: int) -> bool:
    """Whether all but `spare` blocks of a tower stay; what is under one that stays does too."""
    block = top
    while block != TABLE and block not in stays and spare >= 0:
        block, spare = support[block], spare - 1
    return spare >= 0


def _tower(support: Mapping[str, str], block: str) -> Iterator[str]:
    """The block and everything under it."""
    while block != TABLE:
        yield block
        block = support[block]


def _random_state(rng: np.random.Generator, blocks: Sequence[str], *, held: bool) -> State:
    """Blocks dropped in random order, each on the table or on one of the towers."""
    order = _shuffled(rng, blocks)
    in_hand = order.pop() if held else None
    support: dict[str, str] = {}
    tops: list[str] = []
    for block in order:
        drawn = int(rng.integers(len(tops) + 1))
        support[block] = tops.pop(drawn - 1) if drawn else TABLE
        insort(tops, block)
    return place(support, in_hand)


def _shuffled(rng: np.random.Generator, items: Iterable[Item]) -> list[Item]:
    ordered = sorted(items)
    return [ordered[int(index)] for index in rng.permutation(len(ordered))]
