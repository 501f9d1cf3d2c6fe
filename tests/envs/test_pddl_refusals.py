"""PDDL that is not as it should be, and what is said of it."""

from pathlib import Path

import pytest
from typed_worlds import BALLS, FERRY, GRIPPER

from forethought.envs.datasets.pddl_folder import PddlFolder
from forethought.envs.suite.planning.kinds import MAX_TYPES
from forethought.envs.suite.planning.pddl import read_domain, read_problem


def domain_with(body: str, *, types: str = "(:types a b)", predicates: str = "(p ?x - a)") -> str:
    return f"(define (domain d)\n{types}\n(:predicates {predicates})\n{body})"


ACT = "(:action act :parameters (?x - a) :effect (p ?x))"
CHAIN = " ".join(f"t{number} - t{number + 1}" for number in range(MAX_TYPES + 1))
BAD_DOMAINS = {
    "nobody's type": (
        domain_with("(:action act :parameters (?x - c) :effect (p ?x))"),
        r"^line 4: \?x has type 'c', which is none of \(:types \.\.\.\): a, b$",
    ),
    "no types at all": (
        domain_with(ACT, types="", predicates="(p ?x)"),
        "line 4: .x has type 'a', which is none of .:types .*: none but object",
    ),
    "a circle": (domain_with(ACT, types="(:types a - b\nb - a)"), "^line 2: type 'a' is above"),
    "above object": (domain_with(ACT, types="(:types object - a)"), "line 2: type object is above"),
    "a type of nothing": (domain_with(ACT, types="(:types - a)"), "line 2: a type is given to no"),
    "a dash at the end": (domain_with(ACT, types="(:types a -)"), "line 2: a type is expected aft"),
    "two dashes": (domain_with(ACT, types="(:types a - - b)"), "line 2: a type is expected after"),
    "a choice of none": (
        domain_with(ACT, types="(:types a - (either))"),
        r"line 2: a type is expected after -, not \(either\)",
    ),
    "a choice in a choice": (
        domain_with(ACT, types="(:types a - (either b (either c d)))"),
        r"line 2: \(either \.\.\.\) is a choice of types, not of \(either c d\)",
    ),
    "too many types": (domain_with(ACT, types=f"(:types {CHAIN})"), f"more than {MAX_TYPES} types"),
    "a group for a name": (domain_with(ACT, types="(:types (a))"), r"a name is expected, not \(a"),
    "a variable twice": (
        domain_with("(:action act :parameters (?x ?x - a) :effect (p ?x))"),
        "line 4: .x is declared twice",
    ),
    "no variable": (
        domain_with("(:action act :parameters (x - a) :effect (p x))"),
        "line 4: a variable begins with .",
    ),
    "a constant twice": (domain_with(f"(:constants k k - a) {ACT}"), "line 4: k is declared twice"),
    "a stranger": (
        domain_with("(:action act :parameters (?x - a) :effect (p ?y))"),
        r"line 4: action 'act': \(p \?y\) names '\?y', no parameter or constant",
    ),
    "no such predicate": (
        domain_with("(:action act :parameters (?x - a) :effect (q ?x))"),
        r"line 4: no predicate 'q' in \(:predicates \.\.\.\): p",
    ),
    "another number": (
        domain_with("(:action act :parameters (?x - a)\n:effect (p ?x ?x))"),
        r"line 5: p takes 1 objects, not 2: \(p \?x \?x\)",
    ),
    "never of that type": (
        domain_with("(:action act :parameters (?x - b) :effect (p ?x))"),
        r"line 4: \(p \?x\): \?x is of type b, and p takes a there",
    ),
    "a predicate twice": (domain_with(ACT, predicates="(p ?x - a)\n(p)"), "line 4: predicate 'p'"),
    "an action twice": (domain_with(f"{ACT}\n{ACT}"), "line 5: action 'act' is defined twice"),
    "a section twice": (domain_with(f"(:types c) {ACT}"), "line 4: section :types occurs twice"),
    "making equal": (
        domain_with("(:action act :parameters (?x ?y - a) :effect (= ?x ?y))"),
        "line 4: an action cannot make objects equal",
    ),
    "when": (
        domain_with("(:action act :parameters (?x - a) :effect (when (p ?x) (p ?x)))"),
        "line 4: not a STRIPS atom: .when",
    ),
    "parameters unbracketed": (
        domain_with("(:action act :parameters ?x :effect (p ?x))"),
        r"line 4: parameters stand in parentheses: \(\?x \.\.\.\), not \?x",
    ),
    "depth": ("(define (domain d) " + "(" * 2000 + ")" * 2000 + ")", "line 1: more than 64 paren"),
}


@pytest.mark.parametrize(("text", "message"), BAD_DOMAINS.values(), ids=BAD_DOMAINS)
def test_a_broken_typed_domain_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_domain(text)


BAD_PROBLEMS = {
    "type": ("(:objects c - bus)", "(at c north)", "line 2: c has type 'bus', which is none of"),
    "twice": ("(:objects c - car\nc)", "(at c north)", "line 3: c is declared twice"),
    "a constant": ("(:objects boat - car)", "(busy boat)", "line 2: boat is declared twice"),
    "in a wrong place": (
        "(:objects c - car n - port)",
        "(at n c)",
        r"line 4: \(at n c\): n is of type port, and at takes car or ferry or lorry there",
    ),
    "untyped": ("(:objects c)", "(aboard c)", "c is of type object, and aboard takes car or lorry"),
    "a variable": ("(:objects ?c - car)", "(aboard ?c)", "line 2: a variable begins with"),
    "a stranger": ("(:objects c - car)", "(aboard d)", "line 4: problem 'p': .aboard d. names 'd'"),
    "never": ("(:objects c d - car)", "(= c d)", r"line 4: \(= c d\) can never hold"),
    "an unknown section": (
        "(:metric minimize (total-cost))",
        "(busy boat)",
        "line 2: section :metric of a problem is not supported",
    ),
}


def require_refused(sections: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_problem(f"(define (problem p) (:domain ferry-typed)\n{sections})", read_domain(FERRY))


@pytest.mark.parametrize(("objects", "goal", "message"), BAD_PROBLEMS.values(), ids=BAD_PROBLEMS)
def test_a_broken_typed_problem_is_refused_with_its_line(
    objects: str, goal: str, message: str
) -> None:
    require_refused(f"{objects}\n(:init)\n(:goal {goal})", message)


@pytest.mark.parametrize(
    ("init", "message"),
    [
        ("(busy boat)\n(not (busy boat))", "line 4: .:init .... says this and the opposite: .not"),
        ("(= boat boat)", "line 3: objects are equal to themselves alone"),
        ("(= (total-cost) 0)", "line 3: not a STRIPS atom: .= .total-cost. 0."),
    ],
    ids=["both", "equality", "a number"],
)
def test_a_start_that_cannot_be_is_refused_with_its_line(init: str, message: str) -> None:
    require_refused(f"(:init\n{init})\n(:goal (busy boat))", message)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (":adl", "it brings disjunctions, quantifiers and conditional effects"),
        (":conditional-effects", "an effect takes place whatever else holds here"),
        (":durative-actions", "there is no time here"),
        (":fluents", "there are no numbers here: a plan counts its actions"),
        (":telepathy", "it is none that PDDL has"),
    ],
)
def test_a_requirement_that_is_not_met_is_named_with_line_and_reason(
    tmp_path: Path, name: str, reason: str
) -> None:
    text = GRIPPER.replace(":equality", f":equality\n  {name}")
    (tmp_path / "domain.pddl").write_text(text)
    (tmp_path / "p.pddl").write_text(BALLS)
    with pytest.raises(
        ValueError, match=rf"domain\.pddl: line 4: requirement {name} is not supported: {reason}"
    ):
        PddlFolder(path=str(tmp_path)).tasks()
