"""Ferry: the domain, and the expert whose plans are shortest from any state.

One ferry carries one car at a time between ports that are all connected (the `ferry` domain of the
FF collection, Hoffmann & Nebel, JAIR 2001). With coal, each crossing burns one heap, and what was
sailed in vain cannot be had back.

The optimum is known in closed form. A car that is not where it belongs costs a boarding, a
crossing and a debarking; what else must be sailed is the fewest crossings without a car that join
these crossings to one walk from where the ferry is: for each group of ports that cars connect, as
many as there are walks needed to cover it (`max(1, surplus of departures)`), less one where the
ferry can begin right where it lies. Landing a car half-way costs three moves and saves at most one
crossing. The tests compare it with breadth-first search.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from forethought.envs.suite.planning.pddl import read_domain
from forethought.envs.suite.planning.strips import (
    Domain,
    Operator,
    State,
    apply,
    operator,
)

_BOARDING = """
  (:action board :parameters (?car ?port)
    :precondition (and (car ?car) (port ?port) (at ?car ?port) (ferry-at ?port) (empty))
    :effect (and (aboard ?car) (not (at ?car ?port)) (not (empty))))
  (:action debark :parameters (?car ?port)
    :precondition (and (car ?car) (port ?port) (aboard ?car) (ferry-at ?port))
    :effect (and (at ?car ?port) (empty) (not (aboard ?car))))
"""
FERRY = read_domain(f"""
(define (domain ferry) {_BOARDING}
  (:action sail :parameters (?from ?to)
    :precondition (and (port ?from) (port ?to) (ferry-at ?from))
    :effect (and (ferry-at ?to) (not (ferry-at ?from)))))
""")
FERRY_COAL = read_domain(f"""
(define (domain ferry-coal) {_BOARDING}
  (:action sail :parameters (?from ?to ?heap)
    :precondition (and (port ?from) (port ?to) (ferry-at ?from) (coal ?heap))
    :effect (and (ferry-at ?to) (not (ferry-at ?from)) (not (coal ?heap)))))
""")


class Ride(NamedTuple):
    """A crossing that has to be made; without a car where the ferry only gets to its next start."""

    start: str
    end: str
    car: str = ""


class Scene(NamedTuple):
    """What is left to do."""

    port: str
    """Where the ferry is."""
    aboard: Ride | None
    """From here to where the car on board belongs (here, if it belongs nowhere)."""
    rides: tuple[Ride, ...]
    coal: tuple[str, ...]


def num_moves(scene: Scene) -> int:
    """Length of a shortest plan, where coal is no matter."""
    start, moves = scene.port, 0
    if scene.aboard is not None:
        start, moves = scene.aboard.end, 1 + (scene.aboard.end != scene.port)
    return moves + 3 * len(scene.rides) + num_empty(start, scene.rides)


def num_sails(scene: Scene) -> int:
    """Fewest crossings that can reach the goal, whatever the number of boardings."""
    rides = scene.rides
    if scene.aboard is not None and scene.aboard.end != scene.port:
        rides = (*rides, scene.aboard)
    return len(rides) + num_empty(scene.port, rides)


def num_empty(start: str, rides: Sequence[Ride]) -> int:
    """Fewest crossings without a car among those that make all rides from `start`."""
    surplus = _surplus(rides)
    walks, begins_here = 0, False
    for group in _groups(rides):
        departures = sum(max(0, surplus[port]) for port in group)
        walks += max(1, departures)
        begins_here |= start in group and (surplus[start] > 0 or departures == 0)
    return walks - begins_here


def scene_of(state: State, goal: State) -> Scene:
    """What a state leaves to do."""
    home = {atom[1]: atom[2] for atom in goal}
    port = next(atom[1] for atom in state if atom[0] == "ferry-at")
    car = next((atom[1] for atom in state if atom[0] == "aboard"), None)
    rides = (
        Ride(atom[2], home[atom[1]], atom[1])
        for atom in state
        if atom[0] == "at" and home.get(atom[1], atom[2]) != atom[2]
    )
    return Scene(
        port=port,
        aboard=None if car is None else Ride(port, home.get(car, port), car),
        rides=tuple(sorted(rides)),
        coal=tuple(sorted(atom[1] for atom in state if atom[0] == "coal")),
    )


def is_stranded(state: State, goal: State) -> bool:
    """Whether the coal that is left cannot do it any more."""
    scene = scene_of(state, goal)
    return len(scene.coal) < num_sails(scene)


def solve(objects: Sequence[str], state: State, goal: State) -> list[Operator]:
    """A shortest plan, where no coal is burnt."""
    return _moves(FERRY, scene_of(state, goal))


def solve_with_coal(objects: Sequence[str], state: State, goal: State) -> list[Operator]:
    """A shortest plan that the coal allows; empty if there is none.

    Landing the car on board and fetching it later costs two moves, and can save a crossing.
    """
    if is_stranded(state, goal):
        return []
    scene = scene_of(state, goal)
    straight = _moves(FERRY_COAL, scene) if num_straight(scene) <= len(scene.coal) else []
    if straight or scene.aboard is None:
        return straight
    land = operator(FERRY_COAL, "debark", (scene.aboard.car, scene.port))
    return [land, *_moves(FERRY_COAL, scene_of(apply(state, land), goal))]


def num_straight(scene: Scene) -> int:
    """Crossings of the plan that first brings the car on board home."""
    start, sails = scene.port, len(scene.rides)
    if scene.aboard is not None:
        start, sails = scene.aboard.end, sails + (scene.aboard.end != scene.port)
    return sails + num_empty(start, scene.rides)


def _moves(domain: Domain, scene: Scene) -> list[Operator]:
    """Bring the car on board home, then make all rides in one walk."""
    port, coal, moves = scene.port, iter(scene.coal), list[Operator]()

    def take(name: str, *arguments: str) -> None:
        moves.append(operator(domain, name, arguments))

    def sail(end: str) -> None:
        nonlocal port
        if end != port:
            heap = (next(coal),) if domain is FERRY_COAL else ()
            take("sail", port, end, *heap)
            port = end

    if scene.aboard is not None:
        sail(scene.aboard.end)
        take("debark", scene.aboard.car, port)
    for ride in _walk(port, scene.rides):
        sail(ride.start)
        if ride.car:
            take("board", ride.car, port)
        sail(ride.end)
        if ride.car:
            take("debark", ride.car, port)
    return moves


def _walk(start: str, rides: Sequence[Ride]) -> Iterator[Ride]:
    """All rides in an order that sails without a car as seldom as can be (an Eulerian walk)."""
    surplus = _surplus(rides)

    def first_of(group: frozenset[str]) -> str:
        leaving = [port for port in sorted(group) if surplus[port] > 0] or sorted(group)
        return start if start in leaving else leaving[0]

    groups = sorted(_groups(rides), key=lambda group: (first_of(group) != start, sorted(group)))
    for group in groups:
        first = first_of(group)
        needed = sorted((+surplus).elements())
        needed = [port for port in needed if port in group]
        spent = [port for port in sorted((-surplus).elements()) if port in group]
        if needed:
            needed.remove(first)
        joins = (Ride(end, next_start) for end, next_start in zip(spent, needed, strict=False))
        yield from _trail([*(ride for ride in rides if ride.start in group), *joins], first)


def _trail(rides: Iterable[Ride], start: str) -> list[Ride]:
    """All rides, each beginning where the one before it ended (Hierholzer)."""
    leaving: defaultdict[str, list[Ride]] = defaultdict(list)
    for ride in rides:
        leaving[ride.start].append(ride)
    stack, trail = [Ride("", start)], list[Ride]()
    while stack:
        options = leaving[stack[-1].end]
        if options:
            stack.append(options.pop())
        else:
            trail.append(stack.pop())
    return trail[-2::-1]


def _groups(rides: Iterable[Ride]) -> set[frozenset[str]]:
    """Ports that rides connect, in whatever direction."""
    group_of: dict[str, set[str]] = {}
    for ride in rides:
        one, other = (group_of.get(port) or {port} for port in (ride.start, ride.end))
        joined = one | other if one is not other else one
        if len(joined) > len(one) or ride.start not in group_of:
            group_of.update(dict.fromkeys(joined, joined))
    return {frozenset(group) for group in group_of.values()}


def _surplus(rides: Iterable[Ride]) -> Counter[str]:
    """Departures less arrivals of each port."""
    surplus: Counter[str] = Counter()
    for ride in rides:
        surplus[ride.start] += 1
        surplus[ride.end] -= 1
    return surplus
