"""Typed PDDL worlds, written by hand, with a problem each, and one of them without types."""

from __future__ import annotations

LOGISTICS = """
(define (domain logistics-typed)
  (:requirements :strips :typing)
  (:types truck airplane - vehicle
          package vehicle - physobj
          airport location - place
          city place physobj - object)
  (:predicates (in-city ?loc - place ?city - city)
               (at ?obj - physobj ?loc - place)
               (in ?pkg - package ?veh - vehicle))
  (:action load :parameters (?pkg - package ?veh - vehicle ?loc - place)
    :precondition (and (at ?veh ?loc) (at ?pkg ?loc))
    :effect (and (not (at ?pkg ?loc)) (in ?pkg ?veh)))
  (:action unload :parameters (?pkg - package ?veh - vehicle ?loc - place)
    :precondition (and (at ?veh ?loc) (in ?pkg ?veh))
    :effect (and (not (in ?pkg ?veh)) (at ?pkg ?loc)))
  (:action drive :parameters (?truck - truck ?from ?to - place ?city - city)
    :precondition (and (at ?truck ?from) (in-city ?from ?city) (in-city ?to ?city))
    :effect (and (not (at ?truck ?from)) (at ?truck ?to)))
  (:action fly :parameters (?plane - airplane ?from ?to - airport)
    :precondition (at ?plane ?from)
    :effect (and (not (at ?plane ?from)) (at ?plane ?to))))
"""
PARCEL = """
(define (problem parcel) (:domain logistics-typed)
  (:objects t0 t1 - truck a0 - airplane p0 - package
            l0 l1 - location h0 h1 - airport c0 c1 - city)
  (:init (in-city l0 c0) (in-city h0 c0) (in-city l1 c1) (in-city h1 c1)
         (at t0 h0) (at t1 l1) (at a0 h1) (at p0 l0))
  (:goal (at p0 l1)))
"""
"""Twelve steps: to the parcel, to the airport, over, and on."""

GRIPPER = """
(define (domain gripper-typed)
  (:requirements :strips :typing :negative-preconditions :equality)
  (:types room ball gripper)
  (:constants left right - gripper)
  (:predicates (at-robby ?r - room) (at ?b - ball ?r - room) (full ?g - gripper)
               (carry ?b - ball ?g - gripper))
  (:action move :parameters (?from ?to - room)
    :precondition (and (at-robby ?from) (not (= ?from ?to)))
    :effect (and (at-robby ?to) (not (at-robby ?from))))
  (:action pick :parameters (?b - ball ?r - room ?g - gripper)
    :precondition (and (at ?b ?r) (at-robby ?r) (not (full ?g)))
    :effect (and (carry ?b ?g) (full ?g) (not (at ?b ?r))))
  (:action drop :parameters (?b - ball ?r - room ?g - gripper)
    :precondition (and (carry ?b ?g) (at-robby ?r))
    :effect (and (at ?b ?r) (not (full ?g)) (not (carry ?b ?g)))))
"""
BALLS = """
(define (problem balls) (:domain gripper-typed)
  (:objects kitchen hall - room b1 b2 b3 - ball)
  (:init (at-robby kitchen) (at b1 kitchen) (at b2 kitchen) (at b3 hall))
  (:goal (and (at b1 hall) (at b2 hall) (not (at-robby hall)))))
"""
"""Two balls, one in each hand, and back: six steps."""

PLAIN_GRIPPER = """
(define (domain gripper)
  (:requirements :strips)
  (:predicates (room ?r) (ball ?b) (gripper ?g) (other ?r ?s)
               (at-robby ?r) (away ?r) (at ?b ?r) (free ?g) (carry ?b ?g))
  (:action move :parameters (?from ?to)
    :precondition (and (room ?from) (room ?to) (at-robby ?from) (other ?from ?to))
    :effect (and (at-robby ?to) (away ?from) (not (at-robby ?from)) (not (away ?to))))
  (:action pick :parameters (?b ?r ?g)
    :precondition (and (ball ?b) (room ?r) (gripper ?g) (at ?b ?r) (at-robby ?r) (free ?g))
    :effect (and (carry ?b ?g) (not (free ?g)) (not (at ?b ?r))))
  (:action drop :parameters (?b ?r ?g)
    :precondition (and (ball ?b) (room ?r) (gripper ?g) (carry ?b ?g) (at-robby ?r))
    :effect (and (at ?b ?r) (free ?g) (not (carry ?b ?g)))))
"""
"""The same as GRIPPER in nothing but atoms: types, opposites and inequality are predicates."""
PLAIN_BALLS = """
(define (problem balls) (:domain gripper)
  (:objects left right kitchen hall b1 b2 b3)
  (:init (gripper left) (gripper right) (room kitchen) (room hall) (ball b1) (ball b2) (ball b3)
         (other kitchen hall) (other hall kitchen) (free left) (free right)
         (at-robby kitchen) (away hall) (at b1 kitchen) (at b2 kitchen) (at b3 hall))
  (:goal (and (at b1 hall) (at b2 hall) (away hall))))
"""

FERRY = """
(define (domain ferry-typed)
  (:requirements :typing :negative-preconditions)
  (:types car lorry port - object ferry)
  (:constants boat - ferry)
  (:predicates (at ?v - (either car lorry ferry) ?p - port) (aboard ?v - (either car lorry))
               (busy ?f - ferry))
  (:action board :parameters (?v - (either car lorry) ?p - port)
    :precondition (and (at ?v ?p) (at boat ?p) (not (busy boat)))
    :effect (and (aboard ?v) (busy boat) (not (at ?v ?p))))
  (:action debark :parameters (?v - (either car lorry) ?p - port)
    :precondition (and (aboard ?v) (at boat ?p))
    :effect (and (at ?v ?p) (not (busy boat)) (not (aboard ?v))))
  (:action sail :parameters (?from ?to - port)
    :precondition (at boat ?from)
    :effect (and (at boat ?to) (not (at boat ?from)))))
"""
SWAP = """
(define (problem swap) (:domain ferry-typed)
  (:objects c - car l - lorry north south - port)
  (:init (at boat north) (at c north) (at l south) (not (busy boat)))
  (:goal (and (at c south) (at l north))))
"""
"""Each is carried over: six steps, and no crossing in vain."""

WORLDS = {
    "logistics": (LOGISTICS, PARCEL, 12),
    "gripper": (GRIPPER, BALLS, 6),
    "ferry": (FERRY, SWAP, 6),
}
"""Domain, problem and the length of a shortest plan."""
