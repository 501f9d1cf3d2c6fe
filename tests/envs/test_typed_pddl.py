import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typed_worlds import (
    BALLS,
    FERRY,
    GRIPPER,
    LOGISTICS,
    PARCEL,
    PLAIN_BALLS,
    PLAIN_GRIPPER,
    SWAP,
    WORLDS,
)

from forethought.envs.check import check_env
from forethought.envs.datasets.pddl_folder import PddlFolder
from forethought.envs.datasets.planbench import PlanBench
from forethought.envs.datasets.plans import cast_of, usage
from forethought.envs.suite.planning.pddl import read_domain, read_problem
from forethought.envs.suite.planning.requirements import SUPPORTED
from forethought.envs.suite.planning.search import ground, shortest_plan
from forethought.envs.suite.planning.strips import Domain, Problem, valid_plan


def world(domain_text: str, problem_text: str) -> tuple[Domain, Problem]:
    domain = read_domain(domain_text)
    return domain, read_problem(problem_text, domain)


def in_folder(folder: Path, domain: str, problem: str) -> Path:
    (folder / "domain.pddl").write_text(domain)
    (folder / "p.pddl").write_text(problem)
    return folder


@pytest.mark.parametrize(("domain", "problem", "length"), WORLDS.values(), ids=WORLDS)
def test_a_typed_world_is_an_environment_whose_expert_wins(
    tmp_path: Path, domain: str, problem: str, length: int
) -> None:
    folder = in_folder(tmp_path, domain, problem)
    (task,) = PddlFolder.load(folder / "domain.pddl")
    assert task.horizon == length
    for mode in ("plan", "act"):
        env = PddlFolder(path=str(folder), whole=True, mode=mode)  # type: ignore[arg-type]
        env.reset(seed=0)
        assert env.goals_met() < 1
        over = False
        while not over:
            _, reward, over, _, _ = env.step(env.oracle())
        assert (reward, env.goals_met(), env.num_illegal) == (1.0, 1.0, 0)
        env.close()


@pytest.mark.parametrize(("domain", "problem", "length"), WORLDS.values(), ids=WORLDS)
def test_a_shortest_plan_works_and_without_any_of_its_steps_it_does_not(
    domain: str, problem: str, length: int
) -> None:
    found = shortest_plan(*world(domain, problem))
    assert found is not None
    plan = [str(action) for action in found]
    assert len(plan) == length
    assert valid_plan(*world(domain, problem), plan).valid
    for missing in range(length):
        assert not valid_plan(*world(domain, problem), plan[:missing] + plan[missing + 1 :]).valid


def test_actions_are_made_of_objects_of_the_right_types_alone() -> None:
    """4 loads of p0 a vehicle, drives within a city and flights between airports."""
    actions = [str(action) for action in ground(*world(LOGISTICS, PARCEL))]
    assert sum(text.startswith("(load p0 ") for text in actions) == 3 * 4
    assert sum(text.startswith("(drive") for text in actions) == 2 * 2 * 2 * 2
    assert sorted(text for text in actions if text.startswith("(fly")) == [
        "(fly a0 h0 h0)", "(fly a0 h0 h1)", "(fly a0 h1 h0)", "(fly a0 h1 h1)",
    ]  # fmt: skip


def test_equality_and_what_must_not_hold_are_seen_to() -> None:
    domain, problem = world(GRIPPER, BALLS)
    moves = [str(action) for action in ground(domain, problem) if action.name == "move"]
    assert moves == ["(move kitchen hall)", "(move hall kitchen)"]
    assert valid_plan(domain, problem, ["(move hall hall)"]).reason == (
        "step 1: (move hall hall) needs (at-robby hall), which does not hold"
    )
    assert valid_plan(domain, problem, ["(move kitchen kitchen)"]).reason == (
        "step 1: (move kitchen kitchen) needs (not (= kitchen kitchen)), which does not hold"
    )
    twice = ["(pick b1 kitchen left)", "(pick b2 kitchen left)"]
    assert valid_plan(domain, problem, twice).reason == (
        "step 2: (pick b2 kitchen left) needs (not (full left)), which does not hold"
    )
    there = [
        "(pick b1 kitchen left)", "(pick b2 kitchen right)", "(move kitchen hall)",
        "(drop b1 hall left)", "(drop b2 hall right)",
    ]  # fmt: skip
    assert valid_plan(domain, problem, there).reason == (
        "after 5 steps the goal (not (at-robby hall)) does not hold"
    )


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        ("(drive a0 h1 l1 c1)", "a0 is of type airplane, and drive takes truck there"),
        ("(fly a0 h1 l1)", "l1 is of type location, and fly takes airport there"),
        ("(load p0 t0 c0)", "c0 is of type city, and load takes place there"),
        ("(load t1 t0 l1)", "t1 is of type truck, and load takes package there"),
    ],
)
def test_an_action_on_an_object_of_the_wrong_type_is_refused_and_says_why(
    tmp_path: Path, action: str, reason: str
) -> None:
    verdict = valid_plan(*world(LOGISTICS, PARCEL), [action])
    assert verdict.reason == f"step 1: {action} does not fit: {reason}"
    folder = in_folder(tmp_path, LOGISTICS, PARCEL)
    env = PddlFolder(path=str(folder), whole=True, mode="act")
    env.reset(seed=0)
    before = env.state
    assert env.step(action)[0].startswith(f"cannot {action}: {reason}\nstate: ")
    assert (env.state, env.illegal()) == (before, 1.0)


def test_where_a_choice_is_asked_for_either_may_stand_and_nothing_else() -> None:
    domain, problem = world(FERRY, SWAP)
    assert valid_plan(domain, problem, ["(board boat north)"]).reason == (
        "step 1: (board boat north) does not fit: "
        "boat is of type ferry, and board takes car or lorry there"
    )
    assert valid_plan(domain, problem, ["(board c north)", "(sail north south)"]).step == 2


def test_what_is_of_either_type_stands_only_where_both_may() -> None:
    """A thing that is a car or a boat floats for certain only where all of both do."""
    text = """
    (define (domain d) (:types car boat - vehicle)
      (:predicates (gone ?x - vehicle) (afloat ?x - boat))
      (:action go :parameters (?x - vehicle) :effect (gone ?x))
      (:action float :parameters (?x - boat) :effect (afloat ?x)))
    """
    domain = read_domain(text)
    problem = read_problem(
        "(define (problem p) (:domain d) (:objects x - (either car boat))"
        " (:init) (:goal (gone x)))",
        domain,
    )
    assert valid_plan(domain, problem, ["(go x)"]).valid
    assert valid_plan(domain, problem, ["(float x)"]).reason == (
        "step 1: (float x) does not fit: x is of type boat or car, and float takes boat there"
    )
    assert [str(action) for action in ground(domain, problem)] == ["(go x)"]


def test_types_may_have_several_above_them_and_object_is_above_all() -> None:
    text = """
    (define (domain d) (:types amphibian - car amphibian - boat car boat - vehicle house)
      (:predicates (done ?x - object))
      (:action drive :parameters (?x - car) :effect (done ?x))
      (:action sail :parameters (?x - boat) :effect (done ?x))
      (:action see :parameters (?x - object) :effect (done ?x))
      (:action paint :parameters (?x) :effect (done ?x)))
    """
    domain = read_domain(text)
    problem = read_problem(
        "(define (problem p) (:domain d) (:objects a - amphibian h - house b - boat u)"
        " (:init) (:goal (done a)))",
        domain,
    )
    assert [str(action) for action in ground(domain, problem)] == [
        "(drive a)", "(sail a)", "(sail b)",
        "(see a)", "(see h)", "(see b)", "(see u)",
        "(paint a)", "(paint h)", "(paint b)", "(paint u)",
    ]  # fmt: skip


def test_the_prompt_names_the_types_that_actions_take(tmp_path: Path) -> None:
    assert usage(read_domain(FERRY)) == (
        "Actions, with the types of their objects:\n"
        "(board v p) v: car or lorry; p: port\n"
        "(debark v p) v: car or lorry; p: port\n"
        "(sail from to) from: port; to: port"
    )
    (task,) = PddlFolder.load(in_folder(tmp_path, FERRY, SWAP) / "domain.pddl")
    assert task.prompt.endswith(usage(read_domain(FERRY)))
    assert cast_of(world(GRIPPER, BALLS)[1]) == (
        "gripper: left right\nroom: kitchen hall\nball: b1 b2 b3"
    )


def test_knowing_nothing_draws_objects_of_the_right_types(tmp_path: Path) -> None:
    env = PddlFolder(path=str(in_folder(tmp_path, LOGISTICS, PARCEL)), whole=True, mode="act")
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    told = [env.step(env.floor(rng))[0] for _ in range(20)]
    assert not [text for text in told if "is of type" in text]


def test_a_typed_folder_keeps_the_promises_of_an_environment(tmp_path: Path) -> None:
    (tmp_path / "domain.pddl").write_text(GRIPPER)
    for number, goal in enumerate(["(at b1 hall)", "(at b2 hall)", "(at b3 kitchen)"]):
        problem = BALLS.replace("(at b1 hall) (at b2 hall)", goal)
        (tmp_path / f"p{number}.pddl").write_text(problem)

    def factory(**options: Any) -> PddlFolder:
        return PddlFolder(path=str(tmp_path), whole=True, **options)

    findings = {f.name: f for f in check_env(factory, num_seeds=3).findings}
    splits = findings.pop("train and eval are disjoint")
    assert all(f.ok is not False for f in findings.values()), findings
    assert splits.ok is False  # whole asks for it


NAMES = ("left", "right", "kitchen", "hall", "b1", "b2", "b3", "nobody")
STEPS = st.one_of(
    st.tuples(st.just("move"), *[st.sampled_from(NAMES)] * 2),
    st.tuples(st.sampled_from(("pick", "drop")), *[st.sampled_from(NAMES)] * 3),
    # Steps of good plans come more often than chance would have it, so that many go far.
    st.sampled_from(
        [
            ("pick", "b1", "kitchen", "left"), ("pick", "b2", "kitchen", "right"),
            ("move", "kitchen", "hall"), ("drop", "b1", "hall", "left"),
            ("drop", "b2", "hall", "right"), ("move", "hall", "kitchen"),
        ]
    ),
)  # fmt: skip
GOOD = (
    "(pick b1 kitchen left)", "(pick b2 kitchen right)", "(move kitchen hall)",
    "(drop b1 hall left)", "(drop b2 hall right)", "(move hall kitchen)",
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    plan=st.one_of(
        st.lists(STEPS.map(lambda step: f"({' '.join(step)})"), max_size=8),
        st.tuples(st.integers(0, 6), STEPS).map(
            lambda cut: [*GOOD[: cut[0]], f"({' '.join(cut[1])})", *GOOD[cut[0] :]]
        ),
        st.permutations(GOOD),
    )
)
def test_types_say_what_unary_predicates_say(plan: list[str]) -> None:
    typed = valid_plan(*world(GRIPPER, BALLS), plan)
    plain = valid_plan(*world(PLAIN_GRIPPER, PLAIN_BALLS), plan)
    assert (typed.valid, typed.step) == (plain.valid, plain.step)


def test_both_ways_to_write_it_have_the_same_plan() -> None:
    assert valid_plan(*world(GRIPPER, BALLS), GOOD).valid
    assert valid_plan(*world(PLAIN_GRIPPER, PLAIN_BALLS), GOOD).valid


def test_what_is_supported_may_be_announced_in_either_file() -> None:
    announced = f"(:requirements {' '.join(SUPPORTED)})"
    domain = read_domain(FERRY.replace("(:requirements :typing :negative-preconditions)", ""))
    problem = read_problem(SWAP.replace("(:objects", f"{announced} (:objects"), domain)
    assert problem == world(FERRY, SWAP)[1]


def test_a_file_of_planbench_with_types_tells_them_beside_the_statement(tmp_path: Path) -> None:
    plan = [str(action) for action in shortest_plan(*world(FERRY, SWAP)) or ()]
    (tmp_path / "ferry_domain.pddl").write_text(FERRY)
    row = {
        "id": "swap",
        "pddl": SWAP,
        "statement": "Bring each to the other side.",
        "gold_plan": plan,
        "gold_plan_text": plan,
        "n_steps": len(plan),
    }
    file = tmp_path / "ferry.jsonl"
    file.write_text(json.dumps(row))
    (task,) = PlanBench.load(file)
    assert task.prompt == (
        "Bring each to the other side.\n\nferry: boat\ncar: c\nlorry: l\nport: north south\n\n"
        + usage(read_domain(FERRY))
    )
