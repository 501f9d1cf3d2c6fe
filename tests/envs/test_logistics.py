from typing import Any

import numpy as np
import pytest

from forethought.envs.check import check_env
from forethought.envs.suite.planning import deliveries
from forethought.envs.suite.planning.courier import LOGISTICS, solve
from forethought.envs.suite.planning.logistics import PLAIN, Logistics
from forethought.envs.suite.planning.search import applicable, ground, shortest_plan
from forethought.envs.suite.planning.strips import Atom, Problem, apply
from forethought.envs.suite.planning.tasks import strips_task


def two_cities() -> Problem:
    """A package from a suburb (l1) of c0 to a suburb (l3) of c1; airports l0 and l2."""
    init: set[Atom] = {("airplane", "a0"), ("at", "a0", "l2"), ("obj", "p0"), ("at", "p0", "l1")}
    for city, truck, airport, suburb in (("c0", "t0", "l0", "l1"), ("c1", "t1", "l2", "l3")):
        init |= {("city", city), ("truck", truck), ("at", truck, airport), ("airport", airport)}
        for place in (airport, suburb):
            init |= {("location", place), ("in-city", place, city)}
    objects = tuple(sorted({item for atom in init for item in atom[1:]}))
    goal = frozenset({("at", "p0", "l3")})
    return Problem(name="two", objects=objects, init=frozenset(init), goal=goal)


EXPERT = [
    "drive t0 l0 l1 c0",
    "load-truck p0 t0 l1",
    "drive t0 l1 l0 c0",
    "unload-truck p0 t0 l0",
    "fly a0 l2 l0",
    "load-airplane p0 a0 l0",
    "fly a0 l0 l2",
    "unload-airplane p0 a0 l2",
    "load-truck p0 t1 l2",
    "drive t1 l2 l3 c1",
    "unload-truck p0 t1 l3",
]


def test_prompt_tells_airports_cities_and_where_things_are() -> None:
    task = strips_task(two_cities(), PLAIN, horizon=11, traits=("strategy",))
    assert task.prompt == (
        "l0 l2 airport; l0 l1 in-city c0; l2 l3 in-city c1\n"
        "t0 at l0; p0 at l1; a0 t1 at l2\n"
        "goal: p0 at l3"
    )


def test_the_expert_gathers_flies_and_brings_home() -> None:
    problem = two_cities()
    moves = solve(problem.objects, problem.init, problem.goal)
    assert [PLAIN.move(move) for move in moves] == EXPERT
    shortest = shortest_plan(LOGISTICS, problem)
    assert shortest is not None
    assert len(shortest) == 11


@pytest.mark.parametrize(
    ("moves", "score"),
    [(EXPERT, 1.0), (EXPERT[:-1], 0.0), (EXPERT[4:], 0.0)],
    ids=["right", "last move removed", "nothing gathered"],
)
def test_a_plan_counts_to_its_last_move(moves: list[str], score: float) -> None:
    env = Logistics(mode="plan")
    task = strips_task(two_cities(), PLAIN, horizon=11, traits=("strategy",))
    env.reset(options={"task": task})
    assert env.step("\n".join(moves))[1:3] == (score, True)


@pytest.mark.parametrize("horizon", [*range(1, 21), 48, 100])
def test_the_expert_needs_the_moves_that_were_asked_for(horizon: int) -> None:
    for seed in range(3):
        problem = deliveries.draw(np.random.default_rng(seed), horizon=horizon)
        assert len(solve(problem.objects, problem.init, problem.goal)) == horizon


@pytest.mark.parametrize("horizon", range(1, 8))
def test_no_plan_is_shorter_than_the_horizon(horizon: int) -> None:
    compared = 0
    for seed in range(8):
        problem = deliveries.draw(np.random.default_rng(seed), horizon=horizon)
        if len(problem.objects) <= 12:
            shortest = shortest_plan(LOGISTICS, problem, max_states=1 << 20)
            assert shortest is not None
            assert len(shortest) == horizon
            compared += 1
    assert compared


def test_the_expert_gets_home_from_wherever_a_walk_leads() -> None:
    rng = np.random.default_rng(3)
    for _ in range(8):
        problem = deliveries.draw(rng, horizon=12)
        operators, state = ground(LOGISTICS, problem), problem.init
        for _ in range(15):
            moves = applicable(state, operators)
            state = apply(state, moves[int(rng.integers(len(moves)))])
        for move in solve(problem.objects, state, problem.goal):
            state = apply(state, move)
        assert problem.goal <= state


@pytest.mark.parametrize("options", [{}, {"words": "deceptive"}], ids=["plain", "deceptive"])
def test_it_keeps_the_promises_of_an_environment(options: dict[str, Any]) -> None:
    def factory(**split: Any) -> Logistics:
        return Logistics(**split, **options)

    report = check_env(factory, num_seeds=3)
    assert report.ok, str(report)
