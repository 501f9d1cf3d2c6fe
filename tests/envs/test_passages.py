import numpy as np
import pytest

from forethought.envs import Task
from forethought.envs.check import check_env
from forethought.envs.suite.worlds.corridors import Corridor, draw
from forethought.envs.suite.worlds.passages import Passages, task_of

DOORS = ("red", "blue", "green", "white", "black", "grey")
WAY = (
    Corridor(name="oak hall", doors=DOORS, right="red", notes=(("oak hall", "red"),)),
    Corridor(
        name="jade cell",
        doors=DOORS,
        right="blue",
        notes=(("jade cell", "blue"), ("tide yard", "grey"), ("moon attic", "red")),
    ),
    Corridor(name="tide yard", doors=DOORS, right="grey", notes=()),
)


def started(way: tuple[Corridor, ...] = WAY) -> Passages:
    env = Passages()
    env.reset(options={"task": task_of(way)})
    return env


def test_notes_are_shown_once_and_needed_later() -> None:
    env = started()
    doors = "doors: red, blue, green, white, black, grey"
    assert env.task.prompt == (
        f"oak hall; {doors}\nnote: in the oak hall take red\nrooms to pass: 3"
    )
    assert env.step("take red")[0] == (
        f"jade cell; {doors}\nnote: in the jade cell take blue\n"
        "note: in the tide yard take grey\nnote: in the moon attic take red"
    )
    assert env.step("take pink")[0] == "the pink door is not here; you are in the jade cell"
    assert env.step("take red")[0] == ("the red door is walled up behind; you are in the jade cell")
    assert env.step("take the blue door")[0] != f"tide yard; {doors}"
    assert env.step("take blue")[0] == f"tide yard; {doors}"
    assert env.oracle() == "take grey"


def test_the_way_out_is_worth_one_and_its_last_door_is_needed() -> None:
    env = started()
    env.step("take red")
    env.step("take blue")
    assert (env.out(), env.progress()) == (0.0, 2 / 3)
    observation, reward, over, *_ = env.step("take grey")
    assert (observation, reward, over) == ("you are out", 1.0, True)


def test_forgetting_shows_as_repeated_mistakes() -> None:
    env = started()
    env.step("take blue")
    env.step("take green")
    env.step("take blue")
    env.step("take red")
    *_, truncated, info = env.step("take red")
    assert truncated
    assert info["metrics"] == {"progress": 1 / 3, "repeated_mistakes": 1 / 5, "wrong_doors": 4.0}


def test_only_the_first_action_of_a_reply_is_taken() -> None:
    env = started()
    env.step("take red\ntake blue\ntake grey")
    assert env.index == 1


@pytest.mark.parametrize("horizon", [1, 7, 256])
def test_every_room_is_told_of_before_it_is_left(horizon: int) -> None:
    way = draw(np.random.default_rng(horizon), horizon=horizon)
    known: dict[str, str] = {}
    for room in way:
        known.update(room.notes)
        assert known[room.name] == room.right in room.doors
    assert len(way) == horizon == len({room.name for room in way})
    assert len(known) > horizon


def test_a_way_that_is_not_told_is_refused() -> None:
    untold = (Corridor(name="oak hall", doors=DOORS, right="red", notes=()),)
    with pytest.raises(ValueError, match="the oak hall needs 6 doors, the right one among them"):
        started(untold)


def test_a_task_without_a_way_is_refused() -> None:
    with pytest.raises(ValueError, match="task 'x' is no passages task"):
        Passages().reset(options={"task": Task(id="x", prompt="go")})
    with pytest.raises(ValueError, match="task 'x' has no rooms"):
        Passages().reset(options={"task": Task(id="x", prompt="go", data={"way": []})})


def test_it_keeps_the_promises_of_an_environment() -> None:
    report = check_env(Passages, num_seeds=4)
    assert report.ok, str(report)
