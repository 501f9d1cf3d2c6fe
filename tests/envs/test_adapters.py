"""Environments of other libraries, played for real where they are installed."""

from __future__ import annotations

import importlib.util
import random
import threading
from collections.abc import Callable
from functools import partial

import anyio
import gymnasium
import pytest

from forethought.envs import make
from forethought.envs.adapters.game import Game, GameEnv, Reply
from forethought.envs.adapters.gymnasium_text import GymnasiumText
from forethought.envs.adapters.library import library
from forethought.envs.adapters.reasoning import ReasoningGym
from forethought.envs.adapters.shared_random import SharedRandom
from forethought.envs.adapters.textworld_game import TextWorld
from forethought.envs.adapters.thread import OneThread
from forethought.envs.base import Env
from forethought.envs.check import check_env
from forethought.envs.task import Task


def needs(module: str) -> pytest.MarkDecorator:
    is_missing = importlib.util.find_spec(module) is None
    return pytest.mark.skipif(is_missing, reason=f"{module} is not installed")


class Echo(gymnasium.Env[str, str]):
    """A Gymnasium environment that speaks text: say what it says, `rounds` times."""

    observation_space = gymnasium.spaces.Text(10)
    action_space = gymnasium.spaces.Text(10)
    threads: set[int]

    def reset(
        self, *, seed: int | None = None, options: object = None
    ) -> tuple[str, dict[str, object]]:  # type: ignore[override]
        super().reset(seed=seed)
        self.threads = {threading.get_ident()}
        self.word = f"word{self.np_random.integers(1000)}"
        self.num_said = 0
        return self.word, {}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, object]]:
        self.threads.add(threading.get_ident())
        assert len(self.threads) == 1
        self.num_said += 1
        return self.word, 0.5 * (action == self.word), self.num_said == 2, False, {}


class Cut(Echo):
    """It cuts its episodes off."""

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, object]]:
        return self.word, 0.25, False, True, {}


gymnasium.register("EchoText-v0", entry_point=Echo, disable_env_checker=True)
gymnasium.register("CutText-v0", entry_point=Cut, disable_env_checker=True)


def end_of(
    env: Env, policy: Callable[[str], str], *, seed: int = 0
) -> tuple[list[str], float | None]:
    """Observations and score of one episode."""
    observation, _ = env.reset(seed=seed)
    seen = [observation]
    while True:
        observation, _, terminated, truncated, info = env.step(policy(observation))
        seen.append(observation)
        if terminated or truncated:
            env.close()
            return seen, info["score"]


def test_a_gymnasium_environment_that_speaks_text_is_played_from_one_thread() -> None:
    env = GymnasiumText(game="EchoText-v0")
    seen, score = end_of(env, lambda word: f"plan: say it\n{word}")
    assert score == 1.0
    assert len(set(seen)) == 1
    assert end_of(env, lambda word: "no")[1] == 0.0
    assert end_of(env, lambda word: word, seed=1)[0] != seen


def test_an_episode_that_was_cut_off_there_is_truncated_here() -> None:
    env = GymnasiumText(game="CutText-v0")
    env.reset(seed=0)
    assert env.step("x")[1:4] == (0.25, False, True)
    env.close()


def test_numbers_are_the_actions_of_a_discrete_space() -> None:
    env = GymnasiumText(game="FrozenLake-v1")
    assert env.reset(seed=0)[0] == "0\n(actions: 0 to 3)"
    for action in ("4", "-1", "left", "²", ""):
        assert env.step(action)[0] == "An action is a number from 0 to 3."
    assert env.step("1")[0].endswith("(actions: 0 to 3)")
    env.close()


@pytest.mark.parametrize(
    ("game", "message"),
    [
        ("Nowhere-v0", "Gymnasium cannot make 'Nowhere-v0'"),
        ("no_such_module:X-v0", "Gymnasium cannot make"),
        ("Pendulum-v1", "neither text nor Discrete; wrap it first"),
    ],
)
def test_what_has_no_text_form_is_refused(game: str, message: str) -> None:
    env = GymnasiumText(game=game)
    with pytest.raises(ValueError, match=message):
        env.reset(seed=0)
    env.close()


def test_a_task_of_another_game_is_refused() -> None:
    other = Task(id="x", prompt="x", data={"game": "EchoText-v0", "seed": 1})
    env = GymnasiumText(game="CutText-v0")
    with pytest.raises(ValueError, match="task 'x' is none of CutText-v0"):
        env.reset(options={"task": other})


class Slow:
    """A game whose every move takes a while, and that knows whether it was ended."""

    ended = 0

    def __init__(self, gate: threading.Event) -> None:
        self._gate = gate

    def begin(self, seed: int, *, horizon: int) -> Reply:
        return Reply(text="go")

    def act(self, action: str) -> Reply:
        self._gate.wait(20)
        return Reply(text="went", terminated=True)

    def end(self) -> None:
        Slow.ended += 1


def test_a_step_that_blocks_can_be_cancelled_and_is_waited_for_at_the_end() -> None:
    gate = threading.Event()

    class SlowEnv(GameEnv):
        def open_game(self) -> Game:
            return Slow(gate)

    async def scene() -> None:
        env = SlowEnv(game="slow")
        await env.areset(seed=0)
        before = Slow.ended
        with anyio.move_on_after(0.05) as scope:
            await env.astep("go")
        assert scope.cancelled_caught
        gate.set()
        await env.aclose()
        await env.aclose()
        assert Slow.ended == before + 1

    anyio.run(scene)


def test_calls_come_from_one_thread_in_their_order() -> None:
    async def scene() -> None:
        thread = OneThread("test")
        idents = [await thread.run(threading.get_ident) for _ in range(3)]
        assert len(set(idents)) == 1
        assert idents[0] != threading.get_ident()
        await thread.close()
        await thread.close()

    anyio.run(scene)


def test_two_games_that_draw_from_the_process_do_not_disturb_each_other_or_us() -> None:
    draw = partial(random.randint, 0, 1 << 30)
    alone = SharedRandom(1)
    expected = [alone.run(draw) for _ in range(3)]
    random.seed(5)
    ours = [random.random() for _ in range(2)]
    random.seed(5)
    one, other = SharedRandom(1), SharedRandom(2)
    found = []
    mixed = [random.random()]
    for _ in range(3):
        found.append(one.run(draw))
        other.run(draw)
        other.run(lambda: random.seed(9))
    mixed.append(random.random())
    assert (found, mixed) == (expected, ours)


def test_a_library_that_is_missing_is_asked_for_in_one_line() -> None:
    with pytest.raises(
        ValueError, match=r"this needs nobody_has_it; run: pip install 'forethought\[nowhere\]'"
    ):
        library("nobody_has_it", install="forethought[nowhere]")
    with pytest.raises(ValueError, match=r"run: pip install 'gone==1\.0'"):
        library("nobody_has_it.inside", install="gone==1.0")


@needs("reasoning_gym")
def test_reasoning_gym_is_strict_unless_asked_otherwise() -> None:
    env = ReasoningGym(dataset="chain_sum")
    answer = ""

    def told(_: str) -> str:
        return f"{env.task.answer}"

    def wrapped(_: str) -> str:
        return f"I think it is {env.task.answer} or so"

    assert end_of(env, told)[1] == 1.0
    assert end_of(env, wrapped)[1] == 0.0
    own = ReasoningGym(dataset="chain_sum", scorer="own")
    env = own
    score = end_of(own, wrapped)[1]
    assert score is not None
    assert 0 < score < 1
    assert answer == ""
    with pytest.raises(ValueError, match="reasoning-gym has no dataset 'nothing'"):
        ReasoningGym(dataset="nothing").reset(seed=0)


@needs("textworld")
@pytest.mark.slow
def test_the_walkthrough_wins_a_text_world() -> None:
    env = TextWorld(horizon=3, rooms=2)
    seen, score = end_of(env, lambda _: env.oracle(), seed=3)
    assert score == 1.0
    assert len(seen) == 4
    env.reset(seed=3)
    for _ in range(2):
        env.step(env.oracle())
    assert env.total < 1.0
    env.close()


@pytest.mark.parametrize(
    "env_id",
    [
        "gymnasium-v0",
        pytest.param("reasoning-gym-v0", marks=needs("reasoning_gym")),
        pytest.param("textarena-v0", marks=needs("textarena")),
        pytest.param("gem-v0", marks=needs("gem")),
        pytest.param("textworld-v0", marks=[needs("textworld"), pytest.mark.slow]),
    ],
)
def test_adapted_environments_keep_our_promises(env_id: str) -> None:
    make(env_id).close()
    report = check_env(env_id, num_seeds=2)
    broken = [finding for finding in report.findings if finding.ok is False]
    assert not broken, str(report)
