"""Blocks: instances of a given horizon, and the expert's plans for them."""

import numpy as np
import pytest

from forethought.envs.suite.planning import blocks
from forethought.envs.suite.planning.blocks import (
    DOMAIN,
    Instance,
    draw,
    must_move,
    names,
    place,
    solve,
)
from forethought.envs.suite.planning.search import shortest_plan
from forethought.envs.suite.planning.strips import Problem, valid_plan


def optimum(instance: Instance) -> int:
    problem = Problem(name="p", objects=instance.blocks, init=instance.init, goal=instance.goal)
    plan = shortest_plan(DOMAIN, problem)
    assert plan is not None
    return len(plan)


@pytest.mark.parametrize("horizon", [*range(1, 13)])
def test_the_horizon_of_short_instances_is_the_optimum_of_a_search(horizon: int) -> None:
    rng = np.random.default_rng(horizon)
    for _ in range(6):
        instance = draw(rng, horizon=horizon)
        assert optimum(instance) == horizon
        assert 3 <= len(instance.blocks) <= 5
        assert (blocks.holding(instance.init) is not None) == (horizon % 2 == 1)


def test_the_bound_of_built_instances_is_the_optimum_of_a_search() -> None:
    rng = np.random.default_rng(0)
    for horizon in (2, 3, 4, 5, 6, 7, 8, 9, 10):
        built = None
        while built is None or len(built.blocks) > 6:
            built = blocks._draw_built(rng, horizon)
        assert optimum(built) == horizon


@pytest.mark.parametrize("horizon", [13, 14, 33, 64, 256])
def test_long_instances_are_solved_in_exactly_their_horizon(horizon: int) -> None:
    instance = draw(np.random.default_rng(1), horizon=horizon)
    plan = solve(instance.blocks, instance.init, instance.goal)
    assert len(plan) == horizon
    support, goal = blocks.supports(instance.init), blocks.supports(instance.goal)
    assert 2 * len(must_move(support, goal)) + horizon % 2 == horizon
    problem = Problem(name="p", objects=instance.blocks, init=instance.init, goal=instance.goal)
    assert valid_plan(DOMAIN, problem, map(str, plan)).valid


def test_the_greedy_expert_gets_out_of_a_deadlock() -> None:
    crossed = Instance(
        blocks=tuple("abcdef"),
        init=place({"a": "b", "b": "table", "c": "d", "d": "table", "e": "table", "f": "e"}),
        goal=frozenset({("on", "a", "d"), ("on", "c", "b"), ("on", "d", "f"), ("on", "b", "e")}),
    )
    plan = solve(crossed.blocks, crossed.init, crossed.goal)
    problem = Problem(name="p", objects=crossed.blocks, init=crossed.init, goal=crossed.goal)
    assert valid_plan(DOMAIN, problem, map(str, plan)).valid
    assert optimum(crossed) <= len(plan) <= 2 * optimum(crossed)


def test_names_go_on_after_z() -> None:
    assert names(28)[-3:] == ("z", "aa", "ab")
