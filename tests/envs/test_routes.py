"""Routes through the places are exact, start anew at each page and do not give their end away."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from forethought.envs.suite.lookup.places import atlas
from forethought.envs.suite.lookup.routes import MAX_STEPS, UP, Route, draw_route, split_steps


def drawn(num_steps: int, count: int) -> list[Route]:
    rng = np.random.default_rng(num_steps)
    return [draw_route(rng, num_steps) for _ in range(count)]


@pytest.mark.parametrize("num_steps", range(1, MAX_STEPS + 1))
def test_every_step_of_a_route_has_one_way_to_go(num_steps: int) -> None:
    for route in drawn(num_steps, 200):
        assert len(route.steps) == num_steps == len(route.titles) - 1
        for (title, step), end in zip(route.moves, route.titles[1:], strict=True):
            places = atlas()
            assert end == (places.whole(title) if step == UP else places.only_parts(title)[step])


@pytest.mark.parametrize("num_steps", range(1, MAX_STEPS + 1))
def test_a_route_goes_up_then_down_and_visits_nothing_twice(num_steps: int) -> None:
    for route in drawn(num_steps, 200):
        ups = route.steps.count(UP)
        assert ups >= 1
        assert route.steps[:ups] == (UP,) * ups
        assert len(set(route.titles)) == len(route.titles)


@pytest.mark.parametrize("num_steps", range(1, MAX_STEPS + 1))
def test_no_end_is_frequent_enough_to_be_guessed(num_steps: int) -> None:
    ends = Counter(route.end for route in drawn(num_steps, 2000))
    assert ends.most_common(1)[0][1] / 2000 < 0.04


def test_both_kinds_of_route_are_drawn() -> None:
    routes = drawn(3, 500)
    all_up = sum(route.steps == (UP, UP, UP) for route in routes)
    assert 10 < all_up < 490


def test_a_seed_gives_the_same_routes() -> None:
    assert drawn(4, 5) == drawn(4, 5)


def test_a_route_reads_from_its_start_over_its_steps() -> None:
    route = Route(steps=(UP, "lake"), titles=("Aachen", "Germany", "Constance"))
    assert str(route) == "Aachen > part of > lake"
    assert route.end == "Constance"
    assert route.moves == (("Aachen", UP), ("Germany", "lake"))


@pytest.mark.parametrize(
    ("num_steps", "lengths"),
    [(1, [1]), (5, [5]), (6, [3, 3]), (7, [4, 3]), (11, [4, 4, 3]), (16, [4, 4, 4, 4])],
)
def test_long_horizons_are_several_routes_of_even_length(
    num_steps: int, lengths: list[int]
) -> None:
    assert split_steps(num_steps) == lengths
