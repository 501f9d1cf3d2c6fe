"""What could not be scored is missing from the environment to the gradient, and never a 0."""

from __future__ import annotations

from pathlib import Path

import anyio
import numpy as np
import pytest

from forethought.agents.engines.models import OracleModel
from forethought.agents.record.log import read_log
from forethought.benchmarks.evaluate import evaluate
from forethought.benchmarks.plan import Plan
from forethought.envs import Card, Env, Task, proxy, register, reward
from forethought.envs.rewards import gated
from forethought.trainer.credit import credit


class Flaky(Env):
    """Its checker breaks on every third task."""

    card = Card(traits=("skills",), horizon_unit="words")

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        word = f"{rng.integers(10**6):06d}"
        return Task(id=word, prompt=f"Say {word}.", answer=word, horizon=horizon)

    @reward
    def form(self) -> float:
        return 1.0

    @reward
    def right(self) -> float | None:
        is_broken = int(self.task.id) % 3 == 0
        said = self.submitted is not None and self.submitted.answer == self.task.answer
        return gated(float(said), None if is_broken else True)

    @proxy
    def loud(self) -> float:
        return 1.0

    def oracle(self) -> str:
        return str(self.task.answer)


register("test/flaky-v0", Flaky)


@pytest.mark.parametrize("number", ["000003", "000002"], ids=["broken", "sound"])
def test_one_reward_that_is_unknown_makes_the_score_unknown(number: str) -> None:
    env = Flaky()
    env.reset(options={"task": Task(id=number, prompt="Say it.", answer="it")})
    _, value, over, _, info = env.step("it")
    env.close()
    is_known = number == "000002"
    assert over
    assert (value, info["score"]) == ((1.0, 1.0) if is_known else (0.0, None))
    assert info["rewards"] == {"form": 1.0, "right": 1.0 if is_known else None}


def test_unscored_episodes_are_in_no_mean_no_gap_and_no_gradient(tmp_path: Path) -> None:
    plan = Plan(env="test/flaky-v0", model="oracle", n=24, k=2)
    summary = anyio.run(lambda: evaluate(plan, OracleModel(), out=tmp_path / "run"))
    episodes = list(read_log(tmp_path / "run" / "episodes.jsonl").values())
    unscored = [item for item in episodes if item.reward is None]
    assert 0 < len(unscored) < len(episodes) == 48
    assert all(int(item.start.task.id) % 3 == 0 for item in unscored)
    assert (summary.n, summary.mean_reward) == (48 - len(unscored), 1.0)
    assert summary.coverage == pytest.approx(1 - len(unscored) / 48)
    assert summary.metrics["right"] == 1.0
    assert summary.proxy_gaps[0].n == summary.n
    found = credit([episodes], estimator="centred", overlong="keep", spread="episode")
    assert found.num_unscored == len(unscored)
