from typing import Any

import pytest

from forethought.envs.check import check_env
from forethought.envs.registry import make
from forethought.envs.suite.planning.blocksworld import Blocksworld
from forethought.envs.suite.worlds.misled import Misled, NoWayBack

ENVS = ["blocksworld-v0", "boxes-v0", "ferry-v0", "journey-v0", "keys-v0", "passages-v0"]


def played(env: Misled, seed: int) -> tuple[int, float, dict[str, float | None]]:
    """Steps, reward and metrics of the expert."""
    env.reset(seed=seed)
    for step in range(1, 100):
        _, reward, over, truncated, info = env.step(env.oracle())
        if over or truncated:
            return step, reward, info["metrics"]
    raise AssertionError("the episode never ended")


@pytest.mark.parametrize("env_id", ENVS)
def test_the_expert_recovers_from_mistakes_that_cost_it_steps(env_id: str) -> None:
    for seed in range(2):
        env = Misled(env=env_id, horizon=4)
        steps, reward, metrics = played(env, seed)
        assert (reward, metrics["recovered"]) == (1.0, 1.0)
        assert env._misled is not None
        whole = make(env_id, horizon=4)
        whole.reset(options={"task": env.task})
        fewest = 1
        while not whole.step(whole.oracle())[2]:
            fewest += 1
        assert steps + len(env._misled[1]) > fewest


def test_the_first_observation_tells_what_was_done_and_what_came_of_it() -> None:
    env = Misled(horizon=4, mistakes=2)
    observation, _ = env.reset(seed=0)
    told = [line for line in observation.splitlines() if line.startswith("> ")]
    assert env._misled is not None
    assert told == [f"> {action}" for action in env._misled[1]]
    assert observation.startswith(f"{env.task.prompt}\n\nSo far:\n> ")
    plain = make("blocksworld-v0", horizon=4)
    plain.reset(options={"task": env.task})
    for line in told:
        last, *_ = plain.step(line.removeprefix("> "))
    assert observation.endswith(last)


def test_doing_nothing_does_not_recover() -> None:
    env = Misled(horizon=2)
    env.reset(seed=0)
    truncated = False
    while not truncated:
        _, reward, _, truncated, info = env.step("")
    assert (reward, info["metrics"]["recovered"]) == (0.0, 0.0)


def test_a_fork_goes_on_where_it_was_taken() -> None:
    env = Misled(horizon=6)
    env.reset(seed=1)
    env.step(env.oracle())
    (twin,) = env.fork(1)
    observation, *_ = env.step(env.oracle())
    assert twin.step(twin.oracle())[0] == observation
    twin.step("pick-up a")
    assert twin.inner_state != env.inner_state


def test_a_task_that_allows_no_mistake_is_refused_and_never_drawn() -> None:
    env = Misled(env="blocksworld-v0", horizon=2, options={"mode": "plan"})
    with pytest.raises(NoWayBack, match="has no mistake that can be made good"):
        env.reset(options={"task": Blocksworld().make_task(env.np_random, horizon=2)})
    with pytest.raises(RuntimeError, match="none of 50 instances of 'blocksworld-v0'"):
        env.reset(seed=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mistakes": 0}, "mistakes is 1 or more, not 0"),
        ({"env": "workbench-v0"}, "'workbench-v0' cannot be misled: it needs a sandbox"),
        ({"env": "blokcsworld-v0"}, "did you mean 'forethought/blocksworld-v0'"),
        ({"options": {"horizon": 3}}, "horizon is given to misled-v0 itself"),
        ({"horizon": 999}, "horizon 999 is outside 1..256"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Misled(**options)


@pytest.mark.parametrize("env_id", ["passages-v0", "ferry-v0"])
def test_it_keeps_the_promises_of_an_environment(env_id: str) -> None:
    def factory(**split: Any) -> Misled:
        return Misled(env=env_id, horizon=8, **split)

    report = check_env(factory, num_seeds=2)
    assert report.ok, str(report)
