"""Episodes in progress are kept, restored and forked, with the files of their sandbox."""

from __future__ import annotations

import numpy as np
import pytest
from errand import Errand

from forethought.envs import Env, Task, make, reward, tool
from forethought.envs.calls import render_call
from forethought.envs.check import Finding, check_env
from forethought.envs.suite.planning.blocksworld import Blocksworld


class Dice(Env):
    """Throw until you have seen enough, then say the sum."""

    state_fields = ("thrown",)

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        return Task(id="dice", prompt=f"Throw {int(rng.integers(1 << 30))}.")

    async def begin(self) -> str:
        self.thrown: list[int] = []
        return self.task.prompt

    @tool
    def throw(self) -> str:
        """throw a die"""
        self.thrown.append(int(self.np_random.integers(1 << 30)))
        return str(self.thrown)

    @reward
    def right(self) -> float:
        answer = self.submitted.answer if self.submitted else ""
        return float(bool(self.thrown) and answer == str(sum(self.thrown)))

    def oracle(self) -> str:
        return THROW if len(self.thrown) < 4 else str(sum(self.thrown))


class Forgetful(Dice):
    """Does not say that its list of throws changes."""

    state_fields = ()


class Tidy(Errand):
    """An errand that can be forked."""

    state_fields = ()


THROW = render_call("throw", {})


def fork_finding(env: type[Env]) -> Finding:
    (found,) = [f for f in check_env(env).findings if f.name == "forks are identical"]
    return found


def test_forks_go_on_alike_and_leave_each_other_alone() -> None:
    env = Dice()
    env.reset(seed=3)
    env.step(THROW)
    first, second = env.fork(2)
    texts = [each.step(THROW)[0] for each in (first, second, env)]
    assert len(set(texts)) == 1
    assert len(env.thrown) == 2
    first.step(THROW)
    assert [len(each.thrown) for each in (first, second, env)] == [3, 2, 2]
    assert first.step(str(sum(first.thrown)))[1:3] == (1.0, True)
    assert (first.over, second.over, env.over) == (True, False, False)
    assert env.task is not None
    assert second.task == env.task


def test_a_snapshot_is_restored_as_often_as_wanted_in_any_environment_of_its_kind() -> None:
    env = Dice()
    env.reset(seed=3)
    env.step(THROW)
    kept = env.snapshot()
    seen = [env.step(THROW)[0]]
    env.step("a wrong answer")
    for each in (env, Dice(), env):
        each.restore(kept)
        assert (each.num_steps, each.over, each.submitted) == (1, False, None)
        seen.append(each.step(THROW)[0])
    assert len(set(seen)) == 1


def test_a_fork_begins_with_the_files_and_the_plan_and_then_has_its_own() -> None:
    def write(text: str) -> str:
        return render_call("write_file", {"path": "hello.txt", "text": text})

    read = render_call("read_file", {"path": "hello.txt"})
    env = Tidy()
    env.reset(seed=0)
    env.step(write("from the original") + render_call("plan", {"items": ["one", "two"]}))
    (fork,) = env.fork(1)
    assert str(fork.context.plan) == "[~] one\n[ ] two"
    fork.step(render_call("plan", {"done": [1]}))
    assert str(env.context.plan) == "[~] one\n[ ] two"
    assert fork.step(read)[0] == "from the original"
    fork.step(write("from the fork"))
    assert (env.step(read)[0], fork.step(read)[0]) == ("from the original", "from the fork")
    (grandchild,) = fork.fork(1)
    assert grandchild.step(read)[0] == "from the fork"
    for each in (env, fork, grandchild):
        each.close()


def test_a_fork_of_an_unused_sandbox_opens_one_only_when_it_uses_it() -> None:
    env = Tidy()
    env.reset(seed=0)
    (unused,) = env.fork(1)
    assert unused.snapshot().files is None
    assert env.opened == []
    env.step(render_call("write_file", {"path": "a", "text": "1"}))
    (idle,) = env.fork(1)
    assert idle.snapshot().files == env.snapshot().files
    assert unused.snapshot().files is None
    for each in (unused, idle, env):
        each.close()
    assert env.opened == ["open", "closed"]


def test_an_environment_says_whether_it_can_be_forked() -> None:
    built_in = ("blocksworld-v0", "hops-v0", "workbench-v0")
    assert [make(name).metadata["can_fork"] for name in built_in] == [True] * 3
    assert (Dice.metadata["can_fork"], Errand.metadata["can_fork"]) == (True, False)
    assert Env.metadata["can_fork"] is False
    env = Errand()
    env.reset(seed=0)
    with pytest.raises(ValueError, match="Errand cannot be forked: it does not name in `state_f"):
        env.fork(1)


def test_a_snapshot_of_nothing_or_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="Dice: there is nothing to keep before the first reset"):
        Dice().snapshot()
    env = Dice()
    env.reset(seed=0)
    with pytest.raises(ValueError, match="a snapshot of Dice cannot go on in Blocksworld"):
        Blocksworld().restore(env.snapshot())


def test_check_env_sees_state_that_was_not_named() -> None:
    assert fork_finding(Dice).ok is True
    forgetful = fork_finding(Forgetful)
    assert forgetful.ok is False
    assert "forked half-way: other observations" in forgetful.detail
    assert fork_finding(Errand) == Finding(
        name="forks are identical",
        ok=None,
        detail="it names no state_fields, so it cannot be forked",
    )
