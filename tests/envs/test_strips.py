import pytest

from forethought.envs.suite.planning.pddl import read_domain, read_problem
from forethought.envs.suite.planning.search import applicable, ground, shortest_plan
from forethought.envs.suite.planning.strips import (
    Domain,
    Problem,
    apply,
    operator,
    read_operator,
    unmet,
    valid_plan,
)

LAMPS = """
(define (domain lamps) (:requirements :strips) (:predicates (off ?l) (lit ?l) (wired ?a ?b))
  ; a lamp can pass its light on
  (:action LIGHT :parameters (?a ?b)
    :precondition (and (lit ?a) (off ?b) (wired ?a ?b))
    :effect (and (lit ?b) (not (off ?b)))))
"""
THREE = """
(define (problem three) (:domain lamps) (:objects x y z)
  (:init (lit x) (off y) (off z) (wired x y) (wired y z))
  (:goal (and (lit z))))
"""


def three() -> tuple[Domain, Problem]:
    domain = read_domain(LAMPS)
    return domain, read_problem(THREE, domain)


def test_a_domain_is_read_with_names_in_lower_case() -> None:
    schema = read_domain(LAMPS).schemas["light"]
    assert schema.parameters == ("?a", "?b")
    assert schema.precondition == (("lit", "?a"), ("off", "?b"), ("wired", "?a", "?b"))
    assert schema.add == (("lit", "?b"),)
    assert schema.delete == (("off", "?b"),)


def test_an_action_deletes_and_adds_atoms() -> None:
    domain, problem = three()
    after = apply(problem.init, operator(domain, "light", ("x", "y")))
    assert after - problem.init == {("lit", "y")}
    assert problem.init - after == {("off", "y")}


def test_an_atom_that_is_both_deleted_and_added_holds() -> None:
    domain = read_domain(
        "(define (domain d) (:action touch :parameters (?x) :precondition (p ?x)"
        " :effect (and (not (p ?x)) (p ?x))))"
    )
    state = frozenset({("p", "a")})
    assert apply(state, operator(domain, "touch", ["a"])) == state


def test_the_first_unmet_precondition_is_named() -> None:
    domain, problem = three()
    action = operator(domain, "light", ("y", "x"))
    assert unmet(problem.init, action) == ("lit", "y")
    with pytest.raises(ValueError, match=r"\(light y x\) needs \(lit y\), which does not hold"):
        apply(problem.init, action)


def test_grounding_leaves_out_what_can_never_apply() -> None:
    domain, problem = three()
    actions = ground(domain, problem)
    assert [str(action) for action in actions] == ["(light x y)", "(light y z)"]
    assert [str(action) for action in applicable(problem.init, actions)] == ["(light x y)"]


def test_a_shortest_plan_is_found_and_works() -> None:
    domain, problem = three()
    plan = shortest_plan(domain, problem)
    assert plan is not None
    assert [str(action) for action in plan] == ["(light x y)", "(light y z)"]
    assert valid_plan(domain, problem, map(str, plan)).valid


def test_no_plan_is_none_and_a_goal_that_holds_needs_no_step() -> None:
    domain = read_domain(LAMPS)
    unreachable = THREE.replace("(and (lit z))", "(lit w)").replace("x y z)", "x y z w)")
    assert shortest_plan(domain, read_problem(unreachable, domain)) is None
    assert shortest_plan(domain, read_problem(THREE.replace("(lit z)", "(lit x)"), domain)) == []


def test_a_search_says_when_it_gives_up() -> None:
    with pytest.raises(RuntimeError, match="no plan for 'three' among 1 states"):
        shortest_plan(*three(), max_states=1)


@pytest.mark.parametrize(
    ("plan", "step", "reason"),
    [
        (["(light x y)"], 1, r"after 1 steps the goal (lit z) does not hold"),
        ([], 0, r"after 0 steps the goal (lit z) does not hold"),
        (["(light y z)"], 0, "step 1: (light y z) needs (lit y), which does not hold"),
        (["(light x y)", "(dim y)"], 1, "step 2: no action 'dim'; there are: light"),
        (["(light x)"], 0, "step 1: light takes 2 objects, not 1"),
        (["(light x q)"], 0, "step 1: (light x q) names 'q', no object of the problem"),
        (["()"], 0, "step 1: '()' is no action; write (name object ...)"),
    ],
    ids=["too short", "empty", "not applicable", "unknown", "arity", "object", "nothing"],
)
def test_a_broken_plan_names_its_first_broken_step(plan: list[str], step: int, reason: str) -> None:
    verdict = valid_plan(*three(), plan)
    assert (verdict.valid, verdict.step, verdict.reason) == (False, step, reason)


def test_plans_may_be_written_in_capitals_and_without_parentheses() -> None:
    assert str(read_operator(read_domain(LAMPS), " LIGHT x y ")) == "(light x y)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "one .define .... is expected, found 0 items"),
        ("(define (domain d)", "1 parentheses are never closed"),
        ("(define (domain d)))", "closes that was never opened"),
        ("(define (problem p))", r"not a PDDL domain: it should read \(define \(domain NAME\)"),
        ("(define (domain d))", r"domain 'd' has no \(:action"),
        ("(define (domain d) (:requirements :adl))", "requirement :adl is not supported"),
        ("(define (domain d) (:functions (f)))", "line 1: section :functions of a domain is not"),
        ("(define (domain d) action)", "not a PDDL section: action"),
        ("(define (domain d) (:action a))", "action 'a': no :effect"),
        ("(define (domain d) (:action a :effect (p) :cost (c)))", "action 'a': :cost"),
        ("(define (domain d) (:action a :effect))", "not a PDDL action"),
        (
            "(define (domain d) (:action a :precondition (or (p) (q)) :effect (p)))",
            r"line 1: not a STRIPS atom: \(or \(p\) \(q\)\)",
        ),
    ],
    ids=[
        "empty", "open", "closed", "problem", "no action", "adl", "types", "word", "no effect",
        "cost", "odd", "disjunction",
    ],
)  # fmt: skip
def test_what_is_not_a_strips_domain_is_refused_with_a_reason(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_domain(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(define (problem p) (:objects a) (:init))", r"problem 'p' has no \(:goal"),
        ("(define (problem p) (:objects a) (:init (on a b)) (:goal (and)))", "names 'b', no obj"),
        ("(define (problem p) (:objects a) (:init) (:goal))", ":goal: one formula is expected"),
        ("(define (problem p) (:objects a) (:init) (:goal (or (x a))))", "not a STRIPS atom"),
    ],
    ids=["no goal", "unknown object", "empty goal", "disjunction"],
)
def test_what_is_not_a_strips_problem_is_refused_with_a_reason(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_problem(text, read_domain("(define (domain d) (:action a :effect (p)))"))
