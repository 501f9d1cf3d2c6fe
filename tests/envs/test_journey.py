from typing import Any

import numpy as np
import pytest

from forethought.envs import Task
from forethought.envs.check import check_env
from forethought.envs.suite.worlds.journey import Journey, task_of
from forethought.envs.suite.worlds.roads import Map, draw

ROADS: dict[str, Any] = {
    "hours": {("s", "m"): 2, ("m", "x"): 1, ("x", "g"): 2, ("m", "g"): 5, ("s", "l"): 1}
    | {("l", "g"): 9},
    "start": "s",
    "goal": "g",
    "deadline": 7,
    "news_at": "m",
    "closes": ("m", "x"),
}
"""By m and x it takes 5 hours; at m the road to x closes, and straight on it takes 7; by l, 10."""


def started(**change: Any) -> Journey:
    env = Journey()
    env.reset(options={"task": task_of(Map(**{**ROADS, **change}), horizon=2)})
    return env


def test_the_expert_changes_course_when_news_come() -> None:
    env = started()
    assert env.task.prompt == (
        "roads: s-m 2, m-x 1, x-g 2, m-g 5, s-l 1, l-g 9\nfrom s to g, deadline: hour 7"
    )
    assert env.oracle() == "plan: m x g, 5 hours of 7\ngo m"
    assert env.step(env.oracle())[0] == "news: the road m-x is closed\nm at hour 2"
    assert env.oracle() == "plan: g, 5 hours of 5\ngo g"
    observation, reward, over, _, info = env.step(env.oracle())
    assert (observation, reward, over) == ("g at hour 7: in time", 1.0, True)
    assert info["metrics"] == {"repeated_mistakes": 0.0, "right_start": 1.0, "steps_lost": 0.0}


def test_legs_after_the_news_are_not_made_blindly() -> None:
    env = started()
    env.step("go m\ngo x\ngo g")
    assert (env.town, env.mistakes.num_actions) == ("m", 1)


def test_the_road_that_begins_short_ends_too_late() -> None:
    env = started()
    env.step("go l")
    assert env.right_start() == 0.0
    observation, reward, over, _, info = env.step("go g")
    assert (observation, reward, over) == ("g at hour 10: too late", 0.0, True)
    assert info["metrics"]["steps_lost"] is None


def test_steps_lost_after_the_news_are_counted() -> None:
    env = started(deadline=20)
    env.step("go m")
    assert env.step("go x")[0] == "cannot go x: the road is closed\nm at hour 2"
    env.step("go x")
    env.step("go s")
    env.step("go m")
    *_, info = env.step("go g")
    assert info["metrics"] == {"repeated_mistakes": 1 / 6, "right_start": 1.0, "steps_lost": 4.0}


def test_what_is_no_road_cannot_be_gone() -> None:
    env = started()
    assert env.step("go g")[0] == "cannot go g: no road leads there\ns at hour 0"
    assert env.right_start() is None


def test_the_end_is_needed_for_the_reward() -> None:
    env = started()
    env.step("go m")
    assert (env.over, env.arrived()) == (False, 0.0)


@pytest.mark.parametrize("horizon", [1, 2, 3, 6, 17, 256])
def test_only_one_way_meets_the_deadline(horizon: int) -> None:
    for seed in range(4):
        roads = draw(np.random.default_rng(seed), horizon=horizon)
        fastest = roads.fastest(roads.start, closed=False)
        assert fastest is not None
        assert fastest[0] <= roads.deadline
        for town, hours in roads.neighbours[roads.start].items():
            rest = without(roads, roads.start).fastest(town, closed=False)
            in_time = rest is not None and hours + rest[0] <= roads.deadline
            assert in_time == (town == fastest[1][1])


def without(roads: Map, town: str) -> Map:
    """The same map where nobody turns back through a town."""
    kept = {ends: hours for ends, hours in roads.hours.items() if town not in ends}
    kept |= {(town, "nowhere"): 1, (roads.goal, "beyond"): 1}
    return Map(
        hours=kept,
        start=town,
        goal=roads.goal,
        deadline=roads.deadline,
        news_at=None,
        closes=None,
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"goal": "z"}, "'z' is no town on a road"),
        ({"closes": ("m", "q")}, "'q' is no town on a road"),
        ({"hours": {("s", "g"): 0}}, "road s-g of 0 hours"),
        ({"hours": {("s", "s"): 2}}, "road s-s of 2 hours"),
    ],
)
def test_a_map_that_cannot_be_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Map(**{**ROADS, **change})


def test_a_goal_out_of_reach_is_refused() -> None:
    roads = {("s", "m"): 2, ("x", "g"): 2, ("m", "x"): 1}
    with pytest.raises(ValueError, match="no way leads from m to g"):
        started(hours=roads)
    with pytest.raises(ValueError, match="no way leads from s to h"):
        started(hours=roads | {("h", "i"): 1}, goal="h")


def test_a_task_without_a_map_is_refused() -> None:
    with pytest.raises(ValueError, match="task 'x' is no journey task"):
        Journey().reset(options={"task": Task(id="x", prompt="go")})


def test_it_keeps_the_promises_of_an_environment() -> None:
    report = check_env(Journey, num_seeds=4)
    assert report.ok, str(report)
