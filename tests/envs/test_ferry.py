import re
from typing import Any

import numpy as np
import pytest

from forethought.envs import Task
from forethought.envs.check import check_env
from forethought.envs.suite.planning import crossings, harbour
from forethought.envs.suite.planning.crossings import FERRY, FERRY_COAL, Ride, Scene
from forethought.envs.suite.planning.ferry import PLAIN, PLAIN_COAL, Ferry
from forethought.envs.suite.planning.search import applicable, ground, shortest_plan
from forethought.envs.suite.planning.strips import Problem, apply
from forethought.envs.suite.planning.tasks import strips_task

SWAP = Problem(
    name="swap",
    objects=("c0", "c1", "p0", "p1", "p2"),
    init=frozenset(
        {
            ("car", "c0"),
            ("car", "c1"),
            ("port", "p0"),
            ("port", "p1"),
            ("port", "p2"),
            ("at", "c0", "p1"),
            ("at", "c1", "p2"),
            ("ferry-at", "p0"),
            ("empty",),
        }
    ),
    goal=frozenset({("at", "c0", "p2"), ("at", "c1", "p1")}),
)
EXPERT = [
    "sail p0 p1",
    "board c0 p1",
    "sail p1 p2",
    "debark c0 p2",
    "board c1 p2",
    "sail p2 p1",
    "debark c1 p1",
]


def swap(*, heaps: int = 0, **options: Any) -> Ferry:
    """Two cars that change places; with heaps of coal, if any."""
    coal = frozenset(("coal", f"h{i}") for i in range(heaps))
    problem = Problem(
        name="swap",
        objects=(*SWAP.objects, *(f"h{i}" for i in range(heaps))),
        init=SWAP.init | coal,
        goal=SWAP.goal,
    )
    env = Ferry(coal=heaps > 0, **options)
    words = PLAIN_COAL if heaps else PLAIN
    env.reset(options={"task": strips_task(problem, words, horizon=7, traits=("strategy",))})
    return env


def test_prompt_and_plan_are_terse() -> None:
    env = swap()
    assert env.task.prompt == "c0 at p1; c1 at p2; empty; p0 has-ferry\ngoal: c1 at p1; c0 at p2"
    assert env.oracle() == "plan: c0 at p2; c1 at p1\nsail p0 p1"
    assert env.instructions.splitlines()[0] == (
        "board X Y: needs X at Y, Y has-ferry, empty; gives X aboard; ends X at Y, empty"
    )


def test_the_expert_sails_empty_no_more_often_than_needed() -> None:
    moves = crossings.solve(SWAP.objects, SWAP.init, SWAP.goal)
    assert [PLAIN.move(move) for move in moves] == EXPERT


@pytest.mark.parametrize(
    ("moves", "score"),
    [(EXPERT, 1.0), (EXPERT[:-1], 0.0), ([*EXPERT, "board c1 p1"], 0.0), (EXPERT[1:], 0.0)],
    ids=["right", "last move removed", "undone at the end", "first move removed"],
)
def test_a_plan_counts_to_its_last_move(moves: list[str], score: float) -> None:
    env = swap(mode="plan")
    assert env.step("\n".join(moves))[1:3] == (score, True)


@pytest.mark.parametrize(
    ("move", "problem"),
    [
        ("board c0 p0", "cannot board c0 p0: not c0 at p0"),
        ("board p1 p1", "cannot board p1 p1: not p1 car"),
        ("sail p1 p2", "cannot sail p1 p2: not p1 has-ferry"),
        ("sail p0 p9", "cannot sail p0 p9: no object p9"),
        ("debark c0", "cannot debark c0: needs 2 objects"),
    ],
)
def test_what_cannot_be_done_is_told_and_changes_nothing(move: str, problem: str) -> None:
    env = swap()
    observation, *_ = env.step(move)
    assert observation == f"{problem}\nc0 at p1; c1 at p2; empty; p0 has-ferry"
    assert (env.illegal(), env.state) == (1.0, SWAP.init)


@pytest.mark.parametrize("horizon", range(1, 9))
def test_drawn_problems_have_the_optimum_that_is_asked_for(horizon: int) -> None:
    for seed in range(3):
        problem = harbour.draw(np.random.default_rng(seed), horizon=horizon, coal=False)
        plan = shortest_plan(FERRY, problem)
        assert plan is not None
        assert len(plan) == horizon
        assert len(crossings.solve(problem.objects, problem.init, problem.goal)) == horizon


def test_the_expert_is_shortest_from_wherever_a_walk_leads() -> None:
    rng = np.random.default_rng(5)
    for _ in range(6):
        problem = harbour.draw(rng, horizon=6, coal=False)
        operators, state = ground(FERRY, problem), problem.init
        for _ in range(8):
            moves = applicable(state, operators)
            state = apply(state, moves[int(rng.integers(len(moves)))])
        lost = Problem(name="lost", objects=problem.objects, init=state, goal=problem.goal)
        shortest = shortest_plan(FERRY, lost)
        assert shortest is not None
        assert len(crossings.solve(problem.objects, state, problem.goal)) == len(shortest)


def test_stranded_is_exactly_where_no_plan_is_left() -> None:
    rng = np.random.default_rng(2)
    seen = set()
    for _ in range(12):
        problem = harbour.draw(rng, horizon=4, coal=True)
        operators, state = ground(FERRY_COAL, problem), problem.init
        for _ in range(int(rng.integers(1, 5))):
            moves = applicable(state, operators)
            state = apply(state, moves[int(rng.integers(len(moves)))])
        here = Problem(name="here", objects=problem.objects, init=state, goal=problem.goal)
        is_stranded = crossings.is_stranded(state, problem.goal)
        assert is_stranded == (shortest_plan(FERRY_COAL, here) is None)
        plan = crossings.solve_with_coal(problem.objects, state, problem.goal)
        for move in plan:
            state = apply(state, move)
        assert is_stranded != (problem.goal <= state)
        seen.add(is_stranded)
    assert seen == {True, False}


@pytest.mark.parametrize(
    ("start", "rides", "empty"),
    [
        ("a", [], 0),
        ("a", [("a", "b")], 0),
        ("b", [("a", "b")], 1),
        ("a", [("a", "b"), ("b", "a")], 0),
        ("a", [("a", "b"), ("c", "d")], 1),
        ("a", [("a", "b"), ("a", "c")], 1),
        ("x", [("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")], 2),
        ("b", [("a", "b"), ("b", "c")], 1),
    ],
)
def test_empty_crossings_are_counted(start: str, rides: list[tuple[str, str]], empty: int) -> None:
    assert crossings.num_empty(start, [Ride(*ride) for ride in rides]) == empty


def test_a_car_on_board_goes_home_first_unless_coal_is_short() -> None:
    scene = Scene("a", Ride("a", "b", "x"), (Ride("a", "b", "y"),), ())
    assert crossings.num_moves(scene) == 2 + 3 + 1
    assert crossings.num_sails(scene) == 3


def test_coal_that_was_burnt_in_vain_strands_the_ferry() -> None:
    env = swap(heaps=4)
    for move in ("sail p0 p1 h0", "sail p1 p0 h1"):
        *_, over, _, _ = env.step(move)
    assert (env.stranded(), over) == (1.0, False)
    assert swap(heaps=4).stranded() == 0.0
    assert swap().stranded() is None


@pytest.mark.parametrize("naming", ["deceptive", "random"])
def test_renamed_worlds_say_nothing_of_cars_and_ports(naming: Any) -> None:
    env = Ferry(horizon=6, words=naming)
    worlds = set()
    for seed in range(3):
        prompt, _ = env.reset(seed=seed)
        shown = f"{prompt}\n{env.instructions}\n{env.oracle()}".split()
        assert not {"board", "sail", "debark", "car", "port", "c0", "p0"} & set(shown)
        worlds.add(prompt.splitlines()[0])
        while not env.over:
            _, reward, *_ = env.step(env.oracle())
        assert reward == 1.0
    assert len(worlds) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"domain": "ferry-coal"}, "is one of 'ferry-coal', not of 'ferry'"),
        ({"words": {"sail": "sail"}}, "needs a word of its own"),
        ({"goal": "none"}, "is no ferry task"),
        ({"goal": [["at", "c0", "p9"]]}, "(at c0 p9) is not about objects of the task"),
        ({"init": [["on", "c0", "c1"]]}, "(on c0 c1) is not about objects of the task"),
    ],
)
def test_a_task_of_another_world_is_refused(change: dict[str, Any], message: str) -> None:
    task = swap().task
    broken = task.model_copy(update={"data": {**task.data, **change}})
    with pytest.raises(ValueError, match=re.escape(message)):
        Ferry().reset(options={"task": broken})


def test_a_task_without_a_world_is_refused() -> None:
    with pytest.raises(ValueError, match="task 'x' is no ferry task"):
        Ferry().reset(options={"task": Task(id="x", prompt="go")})


def test_wrong_words_are_refused() -> None:
    with pytest.raises(ValueError, match="words is one of plain, deceptive, random, not 'secret'"):
        Ferry(words="secret")  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{}, {"coal": True, "words": "random"}], ids=["plain", "coal"])
def test_it_keeps_the_promises_of_an_environment(options: dict[str, Any]) -> None:
    def factory(**split: Any) -> Ferry:
        return Ferry(**split, **options)

    report = check_env(factory, num_seeds=3)
    assert report.ok, str(report)


def test_two_hundred_and_fifty_six_moves() -> None:
    env = Ferry(horizon=256, oracle_moves=0)
    env.reset(seed=0)
    _, reward, over, _, info = env.step(env.oracle())
    assert (reward, over, info["metrics"]["optimality"]) == (1.0, True, 1.0)
