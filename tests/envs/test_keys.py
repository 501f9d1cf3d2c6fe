import numpy as np
import pytest

from forethought.envs import Task
from forethought.envs.check import check_env
from forethought.envs.suite.worlds.keys import Keys, task_of
from forethought.envs.suite.worlds.locks import HALL, Castle, Door, draw

CASTLE = Castle(
    doors={
        "r0": Door(key="k0", stands_in=HALL, holds=("k1",)),
        "r1": Door(key="k0", stands_in=HALL, holds=("k9",)),
        "r2": Door(key="k1", stands_in="r0", holds=()),
    },
    in_hall=("k0",),
    vault="r2",
)
"""The vault r2 needs k1 from r0; the decoy r1 takes the only k0."""


def started(castle: Castle = CASTLE) -> Keys:
    env = Keys()
    env.reset(options={"task": task_of(castle)})
    return env


def test_the_prompt_tells_all_and_the_plan_goes_backwards() -> None:
    env = started()
    assert env.task.prompt == (
        "hall: holds k0\n"
        "r0: k0, in hall, holds k1\n"
        "r1: k0, in hall, holds k9\n"
        "r2: k1, in r0, holds nothing\n"
        "vault: r2"
    )
    assert env.oracle() == "plan: r2 needs k1, in r0; r0 needs k0, in hall\nopen r0"
    assert env.task.horizon == 2


def test_the_vault_opens_after_what_it_needs() -> None:
    env = started()
    assert env.step("open r0")[:3] == ("your keys: k1", 0.0, False)
    observation, reward, over, _, info = env.step("open r2")
    assert (observation, reward, over) == ("the vault is open", 1.0, True)
    assert info["metrics"] == {"dead_end": 0.0, "repeated_mistakes": 0.0}


@pytest.mark.parametrize(
    ("action", "problem"),
    [
        ("open r2", "its door stands in r0, which is locked"),
        ("open r7", "no such room"),
        ("open r0\nopen r0", "it is open"),
        ("open r1\nopen r0", "you have no k0"),
    ],
)
def test_a_door_that_cannot_be_opened_is_told(action: str, problem: str) -> None:
    observation, *_ = started().step(action)
    room = action.split()[-1]
    assert observation.startswith(f"cannot open {room}: {problem}\nyour keys: ")


def test_a_key_broken_in_a_decoy_is_a_dead_end() -> None:
    env = started()
    env.step("open r1")
    assert (env.dead_end(), env.oracle()) == (1.0, "no way left")
    for _ in range(6):
        *_, reward, over, truncated, info = env.step("open r0")
    assert (reward, over, truncated) == (0.0, False, True)
    assert info["metrics"] == {"dead_end": 1.0, "repeated_mistakes": 5 / 7}


@pytest.mark.parametrize("horizon", [1, 2, 5, 9])
def test_all_needed_doors_are_needed_and_no_other(horizon: int) -> None:
    for seed in range(5):
        castle = draw(np.random.default_rng(seed), horizon=horizon)
        assert len(castle.needed()) == fewest_doors(castle) == horizon


def fewest_doors(castle: Castle) -> int:
    """By trying every set of doors, breadth-first."""
    layer, count = {frozenset[str]()}, 0
    while not any(castle.vault in opened for opened in layer):
        layer = {
            opened | {room}
            for opened in layer
            for room in castle.doors
            if not castle.why_not(room, opened)
        }
        count += 1
        assert layer, "the vault cannot be opened"
    return count


def test_dead_end_is_exactly_where_the_vault_is_out_of_reach() -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(20):
        env = started(draw(rng, horizon=4))
        for _ in range(2):
            env.step(env.floor(rng))
        reach = reachable(env.castle, frozenset(env.opened))
        assert env.dead_end() == float(not reach)
        seen.add(reach)
    assert seen == {True, False}


def reachable(castle: Castle, opened: frozenset[str]) -> bool:
    """Whether some order of doors opens the vault."""
    if castle.vault in opened:
        return True
    return any(
        reachable(castle, opened | {room})
        for room in castle.doors
        if not castle.why_not(room, opened)
    )


def test_a_castle_whose_vault_cannot_be_opened_is_refused() -> None:
    doors = {"r0": Door(key="k0", stands_in=HALL, holds=("k0",))}
    castle = Castle(doors=doors, in_hall=(), vault="r0")
    with pytest.raises(ValueError, match="r0 cannot be opened: you have no k0"):
        started(castle)
    task = started().task
    elsewhere = task.model_copy(update={"data": {**task.data, "vault": "r9"}})
    with pytest.raises(ValueError, match="r9 cannot be opened: no such room"):
        Keys().reset(options={"task": elsewhere})


def test_a_task_without_a_castle_is_refused() -> None:
    with pytest.raises(ValueError, match="task 'x' is no keys task"):
        Keys().reset(options={"task": Task(id="x", prompt="open")})


def test_it_keeps_the_promises_of_an_environment() -> None:
    report = check_env(Keys, num_seeds=4)
    assert report.ok, str(report)
