"""PlanBench and folders of PDDL: the simulator's word is the score."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from real import data

from forethought.envs import Task
from forethought.envs.base import Step
from forethought.envs.check import check_env
from forethought.envs.datasets.dataset import DataMissing
from forethought.envs.datasets.pddl_folder import PddlFolder
from forethought.envs.datasets.planbench import PlanBench
from forethought.envs.datasets.plans import Planning

FILES = {"blocksworld": 500, "blocksworld_3": 100, "logistics": 97}
DOMAIN = """
(define (domain blocksworld-4ops)
  (:requirements :strips)
  (:predicates (clear ?x) (ontable ?x) (handempty) (holding ?x) (on ?x ?y))
  (:action pick-up :parameters (?ob)
    :precondition (and (clear ?ob) (ontable ?ob) (handempty))
    :effect (and (holding ?ob) (not (clear ?ob)) (not (ontable ?ob)) (not (handempty))))
  (:action put-down :parameters (?ob)
    :precondition (holding ?ob)
    :effect (and (clear ?ob) (handempty) (ontable ?ob) (not (holding ?ob))))
  (:action stack :parameters (?ob ?underob)
    :precondition (and (clear ?underob) (holding ?ob))
    :effect (and (handempty) (clear ?ob) (on ?ob ?underob)
                 (not (clear ?underob)) (not (holding ?ob)))))
"""
INIT = "(handempty) (ontable a) (ontable b) (ontable c) (clear a) (clear b) (clear c)"


def problem(goal: str) -> str:
    return f"(define (problem p) (:objects a b c) (:init {INIT}) (:goal (and {goal})))"


def row(top: str, middle: str, below: str = "") -> dict[str, Any]:
    plan = [f"(pick-up {top})", f"(stack {top} {middle})"]
    goal = f"(on {top} {middle})"
    if below:
        plan = [f"(pick-up {middle})", f"(stack {middle} {below})", *plan]
        goal += f" (on {middle} {below})"
    return {
        "id": f"{top}{middle}{below}",
        "pddl": problem(goal),
        "statement": f"My goal is to have {top} on {middle} {below}.",
        "gold_plan": plan,
        "gold_plan_text": plan,
        "n_steps": len(plan),
    }


ROWS = [row("a", "b")]
TOWERS = [row(*names) for names in permutations("abc")]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "towers_domain.pddl").write_text(DOMAIN)
    (tmp_path / "towers_intro.txt").write_text("I am playing with blocks.\n")
    path = tmp_path / "towers.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in ROWS))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "domain.pddl").write_text(DOMAIN)
    for number, goal in enumerate(["(on a b)", "(on b c)", "(on c a)", "(on a c) (on b a)"]):
        (tmp_path / f"p{number}.pddl").write_text(problem(goal))
    return tmp_path


def played(env: Planning, *replies: str) -> Step:
    for reply in replies:
        step = env.step(reply)
    env.close()
    return step


def begun(file: Path, **options: Any) -> PlanBench:
    env = PlanBench(path=str(file), **options)
    env.reset(options={"task": next(iter(PlanBench.load(file)))})
    return env


@pytest.mark.parametrize("mode", ["plan", "act"])
def test_planbench_keeps_the_promises_of_an_environment(file: Path, mode: Any) -> None:
    file.write_text("".join(json.dumps(each) + "\n" for each in TOWERS))

    def factory(**options: Any) -> PlanBench:
        return PlanBench(path=str(file), mode=mode, whole=True, **options)

    broken = [finding.name for finding in check_env(factory, num_seeds=4).broken]
    assert broken == ["train and eval are disjoint"]  # whole asks for it


def test_the_prompt_tells_the_rules_the_problem_and_how_actions_are_written(file: Path) -> None:
    assert begun(file).task.prompt == (
        "I am playing with blocks.\n\nMy goal is to have a on b .\n\n"
        "Actions: (pick-up ob) (put-down ob) (stack ob underob)"
    )


@pytest.mark.parametrize(
    ("reply", "score", "illegal"),
    [
        ("(pick-up a)\n(stack a b)", 1.0, 0),
        ("plan: first this, then that\n1. pick-up red\n2. (stack red blue).", 1.0, 0),
        ("I would take the red block.\n- PICK-UP A\n- stack a b", 1.0, 0),
        ("(pick-up a)", 0.0, 0),
        ("(stack a b)", 0.0, 1),
        ("(pick-up a)\n(stack a b)\n(stack a b)", 0.0, 1),
        ("(pick-up a)\n(stack a b)\n(pick-up a)", 0.0, 1),
        ("(pick-up b)\n(stack b a)", 0.0, 0),
        ("(pick-up d)", 0.0, 1),
        ("(pick-up a b)", 0.0, 1),
    ],
    ids=[
        "gold",
        "other words",
        "prose around it",
        "last step missing",
        "first step missing",
        "a step twice",
        "beyond the goal",
        "another goal",
        "no such block",
        "too many blocks",
    ],
)
def test_a_plan_is_worth_what_the_simulator_says(
    file: Path, reply: str, score: float, illegal: int
) -> None:
    _, reward, terminated, _, info = played(begun(file), reply)
    assert (reward, terminated, info["metrics"]["illegal"]) == (score, True, illegal)


def test_acting_turn_by_turn_tells_the_state_and_forgives_a_slip(file: Path) -> None:
    env = begun(file, mode="act")
    assert env.step("stack red blue")[0] == (
        "cannot (stack red blue): (holding red) does not hold\nstate: (clear red) (clear blue) "
        "(clear orange) (handempty) (ontable red) (ontable blue) (ontable orange)"
    )
    assert env.step("pick-up orange")[0].startswith("state: (clear red) (clear blue) (holding ora")
    assert env.oracle() == "(put-down orange)"
    observation, reward, over, _, info = played(env, "stack orange blue", "hm", "pick-up red")
    assert (observation[:7], reward, over) == ("state: ", 0.0, False)
    assert info["results"] == ()


def test_a_reply_without_an_action_is_told_so_and_two_more_may_follow(file: Path) -> None:
    env = begun(file)
    observation, _, terminated, _, info = env.step("I do not know.")
    assert observation == "No action found. There are: pick-up, put-down, stack"
    assert (terminated, info["format_error"]) == (False, True)
    assert played(env, "", "")[3]


def test_the_known_plan_is_said_first_in_the_words_of_the_prompt(file: Path) -> None:
    assert begun(file).oracle() == (
        "plan: pick-up red; stack red blue\n(pick-up red)\n(stack red blue)"
    )


BROKEN = {
    "no JSON": ("{", r"towers.jsonl:3: Invalid JSON"),
    "another field": (
        json.dumps(ROWS[0]).replace('"statement"', '"text"'),
        r":3: statement: Field required",
    ),
    "no PDDL": (json.dumps(ROWS[0]).replace("(define", "(defin"), r":3: not a PDDL problem"),
    "a plan that fails": (
        json.dumps(ROWS[0]).replace("(pick-up a)", "(pick-up b)"),
        r":3: its gold plan fails: step 2: ",
    ),
}


@pytest.mark.parametrize(("line", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_line_is_named(file: Path, line: str, message: str) -> None:
    file.write_text(f"{json.dumps(TOWERS[0])}\n\n{line}\n")
    with pytest.raises(ValueError, match=message):
        PlanBench(path=str(file)).tasks()


def test_a_domain_that_is_not_there_and_a_strange_name_are_refused(file: Path) -> None:
    domain = file.with_name("towers_domain.pddl")
    domain.write_text("(define (domain d)")
    with pytest.raises(ValueError, match=r"towers_domain\.pddl: PDDL: 1 parentheses are never"):
        PlanBench(path=str(file)).tasks()
    domain.unlink()
    with pytest.raises(DataMissing, match=r"no file .*towers_domain\.pddl"):
        PlanBench(path=str(file)).tasks()
    with pytest.raises(ValueError, match=r"domain is the name of a file, .* not '\.\./x'"):
        PlanBench(domain="../x")
    with pytest.raises(ValueError, match="mode is 'plan' or 'act', not 'both'"):
        PlanBench(mode="both")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="task 'x' holds no work: domain: Field required"):
        PlanBench().reset(options={"task": Task(id="x", prompt="?")})


def test_a_folder_of_pddl_is_an_environment_with_shortest_plans(folder: Path) -> None:
    tasks = {task.id: task for task in PddlFolder.load(folder / "domain.pddl")}
    assert {name: task.horizon for name, task in tasks.items()} == {
        "p0": 2,
        "p1": 2,
        "p2": 2,
        "p3": 4,
    }
    env = PddlFolder(path=str(folder), horizon=4, whole=True)
    env.reset(seed=0)
    assert played(env, env.oracle())[1] == 1.0


def test_a_plan_beside_a_problem_is_taken_if_it_works(folder: Path) -> None:
    (folder / "p0.plan").write_text("; cost 2\n(PICK-UP c)\n(stack c b)\n")
    with pytest.raises(ValueError, match=r"p0\.pddl: the plan in p0\.plan fails: after 2 steps"):
        PddlFolder(path=str(folder)).tasks()
    (folder / "p0.plan").write_text("(pick-up a)\n(stack a b) ; done\n")
    assert next(iter(PddlFolder.load(folder / "domain.pddl"))).horizon == 2


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("domain", "(define (domain d))", r"domain\.pddl: domain 'd' has no \(:action"),
        ("p0", "(define (problem p)", r"p0\.pddl: PDDL: 1 parentheses are never closed"),
        ("p0", problem("(clear a)"), r"p0\.pddl: its goal holds from the start"),
        ("p0", problem("(on a a)"), r"p0\.pddl: it has no plan"),
        ("p0", "\x00\x00", r"p0\.pddl: "),
    ],
    ids=["domain", "problem", "solved", "unsolvable", "binary"],
)
def test_broken_pddl_is_named(folder: Path, name: str, text: str, message: str) -> None:
    (folder / f"{name}.pddl").write_text(text)
    with pytest.raises(ValueError, match=message):
        PddlFolder(path=str(folder)).tasks()


@pytest.mark.parametrize("name", FILES)
def test_every_gold_plan_of_planbench_works_and_none_without_its_last_step(name: str) -> None:
    file = data("planbench") / f"{name}.jsonl"
    scores, cut = [], []
    for task in PlanBench.load(file):
        for scored, dropped in ((scores, 0), (cut, 1)):
            env = PlanBench(domain=name)
            env.reset(options={"task": task})
            lines = env.oracle().splitlines()
            scored.append(played(env, "\n".join(lines[: len(lines) - dropped]))[1])
    assert (scores, cut) == ([1.0] * FILES[name], [0.0] * FILES[name])
