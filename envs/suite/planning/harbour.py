"""Ferry instances with a known optimum: rides are added until a shortest plan is long enough."""

from __future__ import annotations

import numpy as np

from forethought.envs.suite.planning.crossings import Ride, Scene, num_moves, num_straight
from forethought.envs.suite.planning.strips import Atom, Problem

SPARE_COAL = 1
"""Heaps above those that a shortest plan burns."""
_MAX_IDLE = 2
_TRIES = 30


def draw(rng: np.random.Generator, *, horizon: int, coal: bool) -> Problem:
    """A problem whose shortest plan has exactly `horizon` moves; `coal` gives one heap to spare."""
    while True:
        scene = _draw_scene(rng, horizon)
        if scene is not None:
            return _problem(rng, scene, coal=coal)


def _draw_scene(rng: np.random.Generator, horizon: int) -> Scene | None:
    ports = [f"p{i}" for i in range(3 + int(rng.integers(2 + min(horizon, 64) // 8)))]

    def port() -> str:
        return ports[int(rng.integers(len(ports)))]

    here = port()
    carries = horizon <= 2 or rng.random() < 0.2
    aboard = Ride(here, here if horizon == 1 else port(), "aboard") if carries else None
    scene, failures = Scene(here, aboard, (), ()), 0
    while (left := horizon - num_moves(scene)) != 0:
        more = [Ride(port(), port(), "waits") for _ in range(max(1, left // 4))]
        rides = (*scene.rides, *(ride for ride in more if ride.start != ride.end))
        longer = scene._replace(rides=rides)
        if left < 0 or failures > _TRIES:
            return None
        if num_moves(longer) <= horizon:
            scene = longer
        failures += 1
    return scene


def _problem(rng: np.random.Generator, scene: Scene, *, coal: bool) -> Problem:
    """Name the cars in random order, add some that may stay, and weigh the coal."""
    ports = sorted({scene.port, *(port for ride in scene.rides for port in ride[:2])})
    waiting = [ride[:2] for ride in scene.rides]
    idle = [ports[int(i)] for i in rng.integers(len(ports), size=rng.integers(_MAX_IDLE + 1))]
    waiting += [(port, port) for port in idle]
    cars = [f"c{int(i)}" for i in rng.permutation(len(waiting) + (scene.aboard is not None))]
    init: set[Atom] = {("ferry-at", scene.port)}
    goal: set[Atom] = set()
    for car, (start, end) in zip(cars, waiting, strict=False):
        init.add(("at", car, start))
        if start != end:
            goal.add(("at", car, end))
    if scene.aboard is not None:
        ports = sorted({*ports, scene.aboard.end})
        goal.add(("at", cars[-1], scene.aboard.end))
    init.add(("empty",) if scene.aboard is None else ("aboard", cars[-1]))
    heaps = [f"h{i}" for i in range(num_straight(scene) + SPARE_COAL)] if coal else []
    init.update([("car", car) for car in cars], [("port", port) for port in ports])
    init.update(("coal", heap) for heap in heaps)
    return Problem(
        name="ferry",
        objects=(*sorted(cars), *ports, *heaps),
        init=frozenset(init),
        goal=frozenset(goal),
    )
