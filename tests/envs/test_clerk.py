"""The workbench's expert, alone and with sub-agents."""

from __future__ import annotations

import pytest
from bench import rolled, started

import forethought.envs as envs
from forethought.agents.record.stop import Stop
from forethought.envs.base import Step
from forethought.envs.calls import Action
from forethought.envs.suite.long import clerk
from forethought.envs.suite.long.workbench import Workbench
from forethought.sandbox import backends


@pytest.mark.parametrize("horizon", [1, 2, 3, 4, 7])
def test_the_expert_is_right_alone(horizon: int) -> None:
    for trajectory in rolled(horizon=horizon):
        assert (trajectory.reward, trajectory.stop) == (1.0, Stop.SUBMITTED)
        assert trajectory.metrics["recall"] == 1.0
        assert trajectory.metrics["documents_opened"] == 2 * horizon


@pytest.mark.parametrize(("horizon", "children"), [(4, 2), (6, 2)])
def test_the_expert_is_right_with_sub_agents_who_share_its_sandbox(
    horizon: int, children: int
) -> None:
    for trajectory in rolled(horizon=horizon, oracle_children=children):
        assert (trajectory.reward, trajectory.stop) == (1.0, Stop.SUBMITTED)
        assert trajectory.agents == ["0", *(f"0.{n}" for n in range(children))]
        assert trajectory.metrics["recall"] == 1.0


def test_the_expert_plans_first_and_uses_many_tools() -> None:
    env = started(num_rows=4)
    used: list[str] = []
    turns = clerk.alone(env.archive, at_a_time=3)
    for turn in turns:
        assert env.oracle() == turn
        used.extend(call.name for call in Action.of(turn).calls)
        env.step(turn)
    assert env.over
    assert turns[0].startswith("plan: script; 2 x (open pages, search codes, open logs, add rows)")
    assert set(used) == {"plan", "bash", "write_file", "open", "search", "read_file", "submit"}
    assert [item.status for item in env.context.plan.items] == ["done", "done", "doing", "open"]
    env.close()


def test_the_experts_replies_are_short_at_the_usual_horizons() -> None:
    for seed in range(20):
        env = Workbench(horizon=4, backend="local")
        env.reset(seed=seed)
        turns = [
            *clerk.alone(env.archive, at_a_time=3),
            *clerk.leading(env.archive, num_parts=2),
        ]
        assert max(len(turn) for turn in turns) < 512


def test_random_actions_are_never_right() -> None:
    for trajectory in rolled(horizon=1, num=10, model="floor"):
        assert trajectory.reward == 0.0


def test_an_experts_sub_agent_knows_only_its_own_parts() -> None:
    env = started(num_rows=4, oracle_children=2)
    prompts = clerk.part_prompts(env.archive, 2)
    assert clerk.helping(env.archive, prompts[1], num_parts=2, at_a_time=3)[-1] == (
        "part2.csv has 2 rows."
    )
    with pytest.raises(ValueError, match="only the parts that it hands out itself"):
        clerk.helping(env.archive, "Do something.", num_parts=2, at_a_time=3)


def test_there_are_no_more_parts_than_rows() -> None:
    env = started(num_rows=2)
    assert len(clerk.part_prompts(env.archive, 5)) == 2


def solved_in(backend: str) -> Step:
    env = envs.make("workbench-v0", backend=backend, horizon=2)
    env.reset(seed=1)
    step = env.step(env.oracle())
    while not env.over:
        step = env.step(env.oracle())
    env.close()
    return step


@pytest.mark.docker
def test_the_expert_is_right_in_a_container() -> None:
    assert solved_in("docker")[1] == 1.0


def test_the_expert_is_right_under_bubblewrap() -> None:
    status = next(each for each in backends() if each.name == "bwrap")
    if not status.usable:
        pytest.skip(f"bwrap: {status.reason}")
    assert solved_in("bwrap")[1] == 1.0
