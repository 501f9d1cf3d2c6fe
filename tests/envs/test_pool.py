import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

sys.path.insert(0, str(Path(__file__).parents[1] / "agents"))

from jumping import run_jumping

from forethought.envs import Env, Task, reward
from forethought.envs.pool import AsyncPool, Received
from forethought.envs.suite.planning.blocksworld import Blocksworld


class Sleeper(Env):
    """Sleeps for as many milliseconds as it is told; "fail" fails, "end" ends."""

    num_open = 0

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        number = int(rng.integers(1 << 20))
        return Task(id=str(number), prompt=f"number {number}", horizon=horizon)

    async def begin(self) -> str:
        type(self).num_open += 1
        self.resources.callback(self.leave)
        return self.task.prompt

    def leave(self) -> None:
        type(self).num_open -= 1

    async def reply(self, text: str) -> str:
        if text == "fail":
            raise ZeroDivisionError("a bug")
        if text == "end":
            return self.submit(text)
        await asyncio.sleep(int(text) / 1000)
        return f"slept {text}"

    @reward
    def ended(self) -> float:
        return float(self.submitted is not None)


def with_pool(
    use: Callable[[AsyncPool], Awaitable[None]], *, num_envs: int = 4, **options: Any
) -> None:
    async def main() -> None:
        pool = AsyncPool(Sleeper, num_envs=num_envs, **options)
        await pool.areset(dict.fromkeys(range(num_envs), 0))
        try:
            await use(pool)
        finally:
            await pool.aclose()
            await pool.aclose()
        assert Sleeper.num_open == 0

    Sleeper.num_open = 0
    run_jumping(main)


def indices(received: list[Received]) -> list[int]:
    return [item.index for item in received]


def test_make_vec_gives_a_pool_that_resets_and_steps() -> None:
    envs = gymnasium.make_vec("forethought/blocksworld-v0", num_envs=64, horizon=2)
    assert isinstance(envs, AsyncPool)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.DISABLED
    observations, infos = envs.reset(seed=3)
    assert observations in envs.observation_space
    alone = gymnasium.make("forethought/blocksworld-v0", horizon=2)
    assert observations[5] == alone.reset(seed=8)[0]
    assert infos["horizon"].tolist() == [2] * 64
    experts = [env for env in envs.envs if isinstance(env, Blocksworld)]
    for last in (False, True):
        observations, rewards, terminated, truncated, infos = envs.step(
            [env.oracle() for env in experts]
        )
        assert rewards.tolist() == [float(last)] * 64
        assert terminated.tolist() == [last] * 64
        assert not truncated.any()
    assert infos["score"].tolist() == [1.0] * 64
    envs.close()
    assert envs.closed


def test_a_finished_environment_is_skipped_until_it_is_reset() -> None:
    envs = AsyncPool(Sleeper, num_envs=3)
    envs.reset(seed=0)
    envs.step(["0", "end", "0"])
    observations, rewards, terminated, _, infos = envs.step(["1", "fail", "1"])
    assert observations == ("slept 1", "Answer received.", "slept 1")
    assert rewards.tolist() == [0.0, 0.0, 0.0]
    assert terminated.tolist() == [False, True, False]
    assert infos["_results"].tolist() == [True, False, True]
    observations, _ = envs.reset(seed=7, options={"reset_mask": np.array([False, True, False])})
    assert observations[0] == observations[2] == "slept 1"
    assert observations[1].startswith("number")
    assert envs.is_finished.tolist() == [False, False, False]
    envs.close()


def test_seeds_and_tasks_can_be_given_one_by_one() -> None:
    envs = AsyncPool(Sleeper, num_envs=3)
    same, _ = envs.reset(seed=[5, 5, 6])
    assert same[0] == same[1] != same[2]
    task = Task(id="t", prompt="mine")
    observations, infos = envs.reset(seed=5, options={"tasks": [None, task, None]})
    assert observations[0] == same[0]
    assert observations[1] == "mine"
    assert infos["task"][1] == "t"
    envs.close()


@pytest.mark.parametrize(
    ("reset", "message"),
    [
        ({"seed": [1]}, "seed holds 1 items for 2 environments"),
        ({"options": {"tasks": []}}, "tasks holds 0 items for 2 environments"),
        ({"options": {"reset_mask": [True] * 3}}, "reset_mask holds 3 items for 2"),
        ({"options": {"mask": []}}, r"unknown options \['mask'\]; there are: reset_mask, tasks"),
    ],
    ids=["seed", "tasks", "mask", "unknown"],
)
def test_a_reset_that_does_not_fit_is_refused(reset: dict[str, Any], message: str) -> None:
    envs = AsyncPool(Sleeper, num_envs=2)
    with pytest.raises(ValueError, match=message):
        envs.reset(**reset)


def test_actions_must_be_as_many_as_environments() -> None:
    envs = AsyncPool(Sleeper, num_envs=2)
    envs.reset(seed=0)
    with pytest.raises(ValueError, match="actions holds 1 items for 2 environments"):
        envs.step(["0"])
    envs.close()


def test_no_environment_is_no_pool() -> None:
    with pytest.raises(ValueError, match="num_envs is at least 1, not 0"):
        AsyncPool(Sleeper, num_envs=0)


def test_an_environment_that_was_never_reset_is_not_stepped() -> None:
    envs = AsyncPool(Sleeper, num_envs=2)
    assert envs.is_finished.tolist() == [True, True]
    assert envs.step(["fail", "fail"])[0] == ("", "")


def test_whoever_answers_first_is_received_first() -> None:
    async def use(pool: AsyncPool) -> None:
        pool.asend({0: "60", 1: "1", 2: "30"})
        assert indices(await pool.arecv()) == [1]
        pool.asend({1: "1", 3: "1"})
        assert sorted(indices(await pool.arecv(2))) == [1, 3]
        assert indices(await pool.arecv(2)) == [2, 0]
        assert await pool.arecv() == []

    with_pool(use)


def test_thousands_wait_together() -> None:
    async def use(pool: AsyncPool) -> None:
        began = anyio.current_time()
        pool.asend(dict.fromkeys(range(2000), "200"))
        received = await pool.arecv(2000)
        assert anyio.current_time() - began == pytest.approx(0.2)
        assert sorted(indices(received)) == list(range(2000))
        assert {item.observation for item in received} == {"slept 200"}

    with_pool(use, num_envs=2000)


def test_a_missed_deadline_ends_the_episode_unscored_and_closes_it() -> None:
    async def use(pool: AsyncPool) -> None:
        pool.asend({0: "10000", 1: "10000", 2: "0"}, deadlines_s={1: 0.05})
        assert indices(await pool.arecv()) == [2]
        (late,) = await pool.arecv()
        assert (late.index, late.terminated, late.truncated) == (1, False, True)
        assert late.info == {"deadline_s": 0.05, "score": None}
        assert Sleeper.num_open == 3
        (late,) = await pool.arecv()
        assert (late.index, late.info["deadline_s"]) == (0, 0.2)
        with pytest.raises(ValueError, match="environment 1 has ended; reset it first"):
            pool.asend({1: "0"})
        await pool.areset({1: 0})
        pool.asend({1: "0"})
        assert indices(await pool.arecv()) == [1]

    with_pool(use, deadline_s=0.2)


def test_an_environment_cannot_be_sent_to_before_it_was_received() -> None:
    async def use(pool: AsyncPool) -> None:
        pool.asend({0: "0"})
        with pytest.raises(ValueError, match="environment 0 has an answer to be received first"):
            pool.asend({1: "0", 0: "0"})
        with pytest.raises(ValueError, match="environment 0 has an answer to be received first"):
            await pool.areset({0: 1})
        with pytest.raises(ValueError, match="no environment 4; there are 0 to 3"):
            pool.asend({4: "0"})
        assert indices(await pool.arecv(4)) == [0]

    with_pool(use)


def test_an_error_rises_with_the_environment_named_and_loses_no_answer() -> None:
    async def use(pool: AsyncPool) -> None:
        pool.asend({0: "0", 1: "fail", 2: "20"})
        seen, errors = [], []
        while len(seen) + len(errors) < 3:
            try:
                seen.extend(indices(await pool.arecv(3)))
            except ZeroDivisionError as error:
                errors.append(error.__notes__)
        assert seen == [0, 2]
        assert errors == [["in environment 1 of the pool"]]

    with_pool(use)


def test_an_error_rises_from_a_step_of_all_after_all_have_stepped() -> None:
    envs = AsyncPool(Sleeper, num_envs=3)
    envs.reset(seed=0)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        envs.step(["0", "fail", "10"])
    assert envs.step(["0", "0", "0"])[0] == ("slept 0",) * 3
    envs.close()


def test_closing_cancels_what_runs() -> None:
    async def use(pool: AsyncPool) -> None:
        pool.asend({0: "100000"})
        await asyncio.sleep(0)
        assert Sleeper.num_open == 4

    with_pool(use)
