"""Logistics: the domain, and the expert that solves it from any state.

Trucks drive within their city, an airplane flies between airports (the `logistics` domain of the
IPC 2000, in PlanBench's untyped form with shorter names).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from forethought.envs.suite.planning.pddl import read_domain
from forethought.envs.suite.planning.strips import Operator, State, operator

LOGISTICS = read_domain("""
(define (domain logistics)
  (:action load-truck :parameters (?obj ?truck ?loc)
    :precondition (and (obj ?obj) (truck ?truck) (location ?loc) (at ?truck ?loc) (at ?obj ?loc))
    :effect (and (in ?obj ?truck) (not (at ?obj ?loc))))
  (:action unload-truck :parameters (?obj ?truck ?loc)
    :precondition (and (obj ?obj) (truck ?truck) (location ?loc) (at ?truck ?loc) (in ?obj ?truck))
    :effect (and (at ?obj ?loc) (not (in ?obj ?truck))))
  (:action load-airplane :parameters (?obj ?plane ?loc)
    :precondition (and (obj ?obj) (airplane ?plane) (location ?loc) (at ?plane ?loc) (at ?obj ?loc))
    :effect (and (in ?obj ?plane) (not (at ?obj ?loc))))
  (:action unload-airplane :parameters (?obj ?plane ?loc)
    :precondition (and (obj ?obj) (airplane ?plane) (location ?loc) (at ?plane ?loc)
      (in ?obj ?plane))
    :effect (and (at ?obj ?loc) (not (in ?obj ?plane))))
  (:action drive :parameters (?truck ?from ?to ?city)
    :precondition (and (truck ?truck) (location ?from) (location ?to) (city ?city) (at ?truck ?from)
      (in-city ?from ?city) (in-city ?to ?city))
    :effect (and (at ?truck ?to) (not (at ?truck ?from))))
  (:action fly :parameters (?plane ?from ?to)
    :precondition (and (airplane ?plane) (airport ?from) (airport ?to) (at ?plane ?from))
    :effect (and (at ?plane ?to) (not (at ?plane ?from)))))
""")


def solve(objects: Sequence[str], state: State, goal: State) -> list[Operator]:
    """The expert's plan, from any state of a problem with one truck a city and one airplane."""
    return Courier(state, goal).plan()


class Courier:
    """The expert: gathers in every city, flies, and brings home."""

    def __init__(self, state: State, goal: State) -> None:
        self.home = {atom[1]: atom[2] for atom in goal}
        self.city_of = {atom[1]: atom[2] for atom in state if atom[0] == "in-city"}
        self.airport_of = {self.city_of[a[1]]: a[1] for a in state if a[0] == "airport"}
        self.where = {atom[1]: atom[2] for atom in state if atom[0] in ("at", "in")}
        self.trucks = sorted(atom[1] for atom in state if atom[0] == "truck")
        self.plane = next(atom[1] for atom in state if atom[0] == "airplane")
        self.moves: list[Operator] = []

    def plan(self) -> list[Operator]:
        """All moves to the goal."""
        for truck in self.trucks:
            self._tour(truck, self._by_truck, "truck")
        self._tour(self.plane, self._by_plane, "airplane")
        for truck in self.trucks:
            self._tour(truck, self._by_truck, "truck")
        return self.moves

    def _tour(self, vehicle: str, end_of: Callable[[str], str], kind: str) -> None:
        """Fetch all that the vehicle has to carry, then bring it; unload wherever it is right."""
        self._stop(vehicle, end_of, kind)
        reach = self._reach(vehicle)
        fetch = {self.where[p] for p in self.home if self._waits(p, end_of) & reach}
        for place in sorted(fetch):
            self._go(vehicle, place)
            self._stop(vehicle, end_of, kind)
        bring = {end_of(p) for p in self.home if self.where[p] == vehicle}
        for place in sorted(bring):
            self._go(vehicle, place)
            self._stop(vehicle, end_of, kind)

    def _waits(self, package: str, end_of: Callable[[str], str]) -> set[str]:
        """The place where a package waits for such a vehicle; empty if it does not."""
        place = self.where[package]
        return {place} if place in self.city_of and end_of(package) != place else set()

    def _reach(self, vehicle: str) -> set[str]:
        """Where it can go."""
        if vehicle == self.plane:
            return set(self.airport_of.values())
        city = self.city_of[self.where[vehicle]]
        return {place for place, other in self.city_of.items() if other == city}

    def _stop(self, vehicle: str, end_of: Callable[[str], str], kind: str) -> None:
        """Unload what goes no further with this vehicle, load what waits for it."""
        here = self.where[vehicle]
        for package in sorted(self.home):
            if self.where[package] == vehicle and end_of(package) == here:
                self._take(f"unload-{kind}", package, vehicle, here)
                self.where[package] = here
        for package in sorted(self.home):
            if self.where[package] == here and end_of(package) != here:
                self._take(f"load-{kind}", package, vehicle, here)
                self.where[package] = vehicle

    def _go(self, vehicle: str, place: str) -> None:
        here = self.where[vehicle]
        if vehicle == self.plane:
            self._take("fly", vehicle, here, place)
        else:
            self._take("drive", vehicle, here, place, self.city_of[here])
        self.where[vehicle] = place

    def _by_truck(self, package: str) -> str:
        """How far a truck brings a package: home, or to the airport."""
        city = self.city_of[self._place(package)]
        home = self.home[package]
        return home if self.city_of[home] == city else self.airport_of[city]

    def _by_plane(self, package: str) -> str:
        """How far the airplane brings a package: to the airport of its city."""
        wanted = self.city_of[self.home[package]]
        place = self.where[package]
        if place != self.plane and self.city_of[self._place(package)] == wanted:
            return place
        return self.airport_of[wanted]

    def _place(self, package: str) -> str:
        """Where a package is, or the vehicle that it is in."""
        place = self.where[package]
        return place if place in self.city_of else self.where[place]

    def _take(self, name: str, *arguments: str) -> None:
        self.moves.append(operator(LOGISTICS, name, arguments))
