import numpy as np
import pytest

from forethought.envs import Task
from forethought.envs.check import check_env
from forethought.envs.suite.worlds import stock, warehouse
from forethought.envs.suite.worlds.boxes import Boxes, task_of

ROWS = (
    "#######",
    "#@....#",
    "#.a.A.#",
    "#.b...#",
    "#..B..#",
    "#######",
)
"""Box a goes right twice; box b down, then right once it can be reached from the left."""


def started(rows: tuple[str, ...] = ROWS, *, horizon: int = 4) -> Boxes:
    env = Boxes()
    env.reset(options={"task": task_of(rows, horizon=horizon)})
    return env


def test_boxes_are_pushed_home() -> None:
    env = started()
    observation, *_ = env.step("a right 2")
    assert observation == "#######\n#.....#\n#..@a.#\n#.b...#\n#..B..#\n#######"
    observation, reward, over, _, info = env.step("1. b right\nb down")
    assert (observation, reward, over) == ("all home", 1.0, True)
    assert info["metrics"] == {"deadlocked": 0.0, "optimality": 1.0, "repeated_mistakes": 0.0}


def test_the_last_push_is_needed() -> None:
    env = started()
    env.step("a right 2\nb right")
    assert (env.over, env.all_home()) == (False, 0.0)


@pytest.mark.parametrize(
    ("action", "problem"),
    [
        ("a down", "cannot push a down: b is in the way"),
        ("b up", "cannot push b up: a is in the way"),
        ("c up", "cannot push c up: no such box"),
        ("a left 3", "cannot push a left: a wall is in the way"),
    ],
)
def test_a_push_that_cannot_be_made_is_told(action: str, problem: str) -> None:
    observation, *_ = started().step(action)
    assert observation.startswith(f"{problem}\n#######")


def test_the_pusher_does_not_climb_over_boxes() -> None:
    rows = ("#######", "#.@aA.#", "#######")
    observation, *_ = started(rows, horizon=1).step("a left")
    assert observation.startswith("cannot push a left: you cannot get behind it")


def test_a_box_in_a_corner_is_a_deadlock() -> None:
    env = started()
    env.step("b down")
    assert env.deadlocked() == 0.0
    env.step("b left")
    assert env.deadlocked() == 1.0
    assert env.oracle() == "no way left"


def test_pushing_against_the_wall_again_is_a_repeated_mistake() -> None:
    env = started()
    for _ in range(3):
        env.step("a down")
    assert env.repeated_mistakes() == 2 / 3
    env.step("a right")
    env.step("a down")
    assert env.repeated_mistakes() == 2 / 5


def test_text_without_a_push_costs_a_step_and_nothing_else() -> None:
    env = started()
    observation, _, over, _, info = env.step("I think a left would be good. plan: a left")
    assert (observation[:13], over, info["format_error"]) == ("No push found", False, True)


def test_the_expert_tells_the_order_and_pushes_in_straight_runs() -> None:
    env = started()
    assert env.oracle() == "plan: a, then b\na right 2"


@pytest.mark.parametrize("horizon", [1, 2, 5, 12, 30])
def test_drawn_plans_are_shortest_for_each_box_alone(horizon: int) -> None:
    for seed in range(3):
        room, boxes, pusher = stock.read_rows(
            stock.draw(np.random.default_rng(seed), horizon=horizon)
        )
        plan = warehouse.solve(room, boxes, pusher)
        assert plan is not None
        alone = [
            number
            for label, cell in boxes.items()
            for number, ring in enumerate(warehouse.rings(room, room.places[label]))
            if ring >> cell & 1
        ]
        assert len(plan) == sum(alone) == horizon


def test_a_region_ends_at_walls_and_boxes() -> None:
    room, boxes, pusher = stock.read_rows(("#######", "#@.a.A#", "#######"))
    assert room.region(pusher, warehouse.mask(boxes.values())) == 0b11 << 8


def test_a_pushed_box_leaves_the_region_that_a_walk_would_find() -> None:
    """In rooms so full that boxes shut the pusher in and let it out again."""
    rng = np.random.default_rng(7)
    cut = joined = 0
    for _ in range(500):
        inner = [9 * y + x for y in range(1, 6) for x in range(1, 8)]
        cells = [cell for cell, free in zip(inner, rng.random(35) > 0.3, strict=True) if free]
        room = warehouse.Room(width=9, floor=warehouse.mask(cells), places={})
        box, pusher, *others = (int(cell) for cell in rng.permutation(cells)[:5])
        blocked = warehouse.mask(others)
        at = warehouse.Placed(box, room.region(pusher, blocked | 1 << box))
        for _, there in warehouse.pushes(room, at, blocked, within=room.floor):
            whole = room.region(box, blocked | 1 << there.box)
            assert there.region == whole
            cut += (at.region & ~whole).bit_count() > 1
            joined += bool(whole & ~at.region & ~(1 << box))
        for step in warehouse.pulls(room, at, blocked, within=room.floor):
            away = warehouse.pulled(room, at, blocked, step=step)
            assert away.region == room.region(away.box + step, blocked | 1 << away.box)
    assert cut > 20
    assert joined > 20


def test_a_box_that_has_to_go_round_gets_home_in_the_fewest_pushes() -> None:
    """Box a is two pushes from home, but for box b in the way."""
    rows = ("#######", "#.....#", "#@abA.#", "#..B..#", "#.....#", "#######")
    room, boxes, pusher = stock.read_rows(rows)
    others = warehouse.mask([boxes["b"]])
    at = warehouse.Placed(boxes["a"], room.region(pusher, others | 1 << boxes["a"]))
    found = warehouse.push_home(room, "a", at, others)
    assert found is not None
    assert len(found[0]) == 4


def test_distances_leave_out_dead_cells() -> None:
    room, _, _ = stock.read_rows(("######", "#@a.A#", "#....#", "#....#", "######"))
    found = list(warehouse.rings(room, room.places["a"]))
    assert found == [1 << 10, 1 << 9 | 1 << 16, 1 << 8 | 1 << 15, 1 << 14]


@pytest.mark.parametrize(
    "rows",
    [
        (),
        ("####", "#@a#", "####"),
        ("#####", "#@aA.", "#####"),
        ("######", "#@aAA#", "######"),
        ("#####", "#aA.#", "#####"),
        ("#####", "#@aA#", "####"),
        ("######", "#@aAb#", "######"),
    ],
    ids=["empty", "no place", "open rim", "two places", "no pusher", "ragged", "b has no place"],
)
def test_what_is_no_warehouse_is_refused(rows: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="a warehouse is a rectangle in a rim of #"):
        started(rows, horizon=1)


def test_a_task_without_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="task 'x' is no boxes task"):
        Boxes().reset(options={"task": Task(id="x", prompt="push")})


def test_it_keeps_the_promises_of_an_environment() -> None:
    report = check_env(Boxes, num_seeds=4)
    assert report.ok, str(report)
