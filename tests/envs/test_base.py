import asyncio
import warnings
from typing import Any, ClassVar

import anyio
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as check_gymnasium

from forethought.envs import Action, Card, Context, Env, Task, metric, reward, tool
from forethought.envs.calls import render_call
from forethought.envs.task import split_of


class Sum(Env):
    """Add two numbers, with a calculator that may be asked."""

    card: ClassVar[Card] = Card(traits=("skills",), horizon_unit="digits", horizons=(1, 9))

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        a, b = (int(number) for number in rng.integers(1, 10**horizon, size=2))
        return Task(id=f"{a}+{b}", prompt=f"{a}+{b}=?", answer=str(a + b), horizon=horizon)

    @tool
    def calculate(self, a: int, b: int) -> str:
        """add two numbers"""
        self.info["asked"] = True
        return str(a + b)

    @reward
    def right(self) -> float:
        return float(self.submitted is not None and self.submitted.answer == self.task.answer)

    @metric
    def confidence(self) -> float | None:
        return self.submitted.confidence if self.submitted else None

    def oracle(self) -> str:
        return str(self.task.answer)


class Unscored(Sum):
    """One of its two rewards cannot be known."""

    @reward
    async def judged(self) -> float | None:
        return None


def test_an_environment_of_twenty_lines_plays_an_episode() -> None:
    env = Sum(horizon=2)
    prompt, info = env.reset(seed=0)
    assert prompt == env.task.prompt
    assert info == {"task": env.task.id, "horizon": 2}
    observation, score, terminated, truncated, info = env.step(f" {env.oracle()}\n")
    assert (observation, score, terminated, truncated) == ("Answer received.", 1.0, True, False)
    assert info == {
        "results": (),
        "score": 1.0,
        "rewards": {"right": 1.0},
        "metrics": {"confidence": None},
    }


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_score_that_no_mean_survives_is_refused(value: float) -> None:
    class Undefined(Sum):
        @reward
        def right(self) -> float:
            return value

    env = Undefined()
    env.reset(seed=0)
    with pytest.raises(ValueError, match=rf"Undefined\.right gives {value}; give a num"):
        env.step("1")


@pytest.mark.parametrize("value", ["yes", "0.5", [1.0]], ids=["text", "digits", "list"])
def test_a_score_that_is_no_number_is_refused_by_name(value: Any) -> None:
    class Wordy(Sum):
        @reward
        def right(self) -> float:
            return value  # type: ignore[no-any-return]

    env = Wordy()
    env.reset(seed=0)
    with pytest.raises(TypeError, match=r"Wordy\.right gives .*; give a number, or None"):
        env.step("1")


def test_a_score_of_any_kind_of_number_is_a_plain_one() -> None:
    class Counted(Sum):
        @reward
        def right(self) -> Any:
            return np.bool_(True)

        @metric
        def size(self) -> Any:
            return np.float32(0.5)

    env = Counted()
    env.reset(seed=0)
    *_, info = env.step("1")
    assert (info["rewards"], info["metrics"]["size"]) == ({"right": 1.0}, 0.5)
    assert {type(info["rewards"]["right"]), type(info["metrics"]["size"])} == {float}


@pytest.mark.parametrize("method", ["begin", "reply"])
def test_what_is_no_text_is_named_where_it_is_given(method: str) -> None:
    class Mute(Sum):
        pass

    async def nothing(self: Mute, text: str = "") -> Any:
        return None

    setattr(Mute, method, nothing)

    def play() -> None:
        env = Mute()
        env.reset(seed=0)
        env.step("1")

    with pytest.raises(TypeError, match=rf"Mute\.{method} gives None; what an agent reads is text"):
        play()


def test_an_action_is_text() -> None:
    env = Sum()
    env.reset(seed=0)
    with pytest.raises(TypeError, match="an action is text or an Action, not 7"):
        env.step(7)  # type: ignore[arg-type]


def test_a_wrong_answer_scores_zero() -> None:
    env = Sum()
    env.reset(seed=0)
    assert env.step("no idea")[1:3] == (0.0, True)


def test_a_tool_call_is_a_step_and_adds_to_its_info_only() -> None:
    env = Sum()
    env.reset(seed=0)
    call = render_call("calculate", {"a": 2, "b": 3})
    observation, score, terminated, _, info = env.step(call)
    assert (observation, score, terminated) == ("5", 0.0, False)
    assert [(result.name, result.text) for result in info["results"]] == [("calculate", "5")]
    assert info["asked"] is True
    *_, info = env.step(Action.of("4"))
    assert "asked" not in info


def test_a_failed_call_is_a_result_and_not_an_error() -> None:
    env = Sum()
    env.reset(seed=0)
    observation, _, terminated, _, info = env.step(render_call("calculate", {"a": "two"}))
    assert observation.startswith("calculate: a: Input should be a valid integer")
    assert (terminated, info["results"][0].error) == (False, "bad_arguments")


def test_the_last_step_is_truncated_and_scored() -> None:
    env = Sum(horizon=1)
    env.reset(seed=0)
    call = render_call("calculate", {"a": 1, "b": 1})
    for _ in range(env.max_steps() - 1):
        *_, truncated, info = env.step(call)
        assert not truncated
        assert "score" not in info
    *_, terminated, truncated, info = env.step(call)
    assert (terminated, truncated, info["score"]) == (False, True, 0.0)


def test_what_could_not_be_scored_is_none_and_not_zero() -> None:
    env = Unscored()
    env.reset(seed=0)
    _, score, _, _, info = env.step(env.oracle())
    assert score == 0.0
    assert info["score"] is None
    assert info["rewards"] == {"right": 1.0, "judged": None}


@pytest.mark.parametrize("split", ["train", "eval"])
def test_tasks_are_of_the_split_asked_for(split: Any) -> None:
    env = Sum(split=split, horizon=3)
    for seed in range(20):
        env.reset(seed=seed)
        assert (env.task.split, split_of(env.task), env.task.seed) == (split, split, seed)


def test_a_task_that_does_not_say_its_horizon_has_the_one_asked_for() -> None:
    class Silent(Sum):
        def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
            number = str(rng.integers(10**horizon))
            return Task(id=number, prompt=number)

    class Outspoken(Sum):
        def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
            number = str(rng.integers(10**horizon))
            return Task(id=number, prompt=number, horizon=1)

    _, info = Silent(horizon=5).reset(seed=0)
    assert info["horizon"] == 5
    _, info = Outspoken(horizon=5).reset(seed=0)
    assert info["horizon"] == 1


def test_a_task_can_be_given_and_is_taken_as_it_is() -> None:
    env, task = Sum(), Task(id="t", prompt="1+1=?", answer="2")
    assert env.reset(options={"task": task})[0] == "1+1=?"
    assert env.task is task
    assert env.step("2")[1] == 1.0


def test_a_context_can_be_given() -> None:
    env, context = Sum(), Context(rng=np.random.default_rng(5))
    env.reset(seed=0, options={"context": context})
    assert env.context is context


def test_usual_horizons_are_drawn_when_none_is_asked_for() -> None:
    class Even(Sum):
        card = Card(traits=(), horizon_unit="digits", horizons=(1, 9), usual_horizons=(2, 6))

    def drawn(env: Env) -> set[int]:
        found = set()
        for seed in range(30):
            env.reset(seed=seed)
            found.add(env.task.horizon)
        return found

    assert drawn(Even()) == {2, 6}
    assert drawn(Sum()) == {1, 2, 3, 4}
    assert drawn(Sum(horizon=9)) == {9}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"horizon": 10}, r"Sum: horizon 10 is outside 1..9 \(digits\)"),
        ({"horizon": 0}, r"Sum: horizon 0 is outside 1..9 \(digits\)"),
        ({"split": "test"}, "split is 'train' or 'eval', not 'test'"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sum(**options)


def test_unknown_reset_options_are_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown reset options \['tsak'\]; there are: task"):
        Sum().reset(options={"tsak": None})


def test_an_environment_whose_tasks_never_vary_says_so_where_a_split_is_empty() -> None:
    class Same(Sum):
        def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
            return Task(id="t", prompt="1+1=?", answer="2", horizon=horizon)

    env = Same(
        split="train" if split_of(Task(id="t", prompt="1+1=?", answer="2")) == "eval" else "eval"
    )
    with pytest.raises(RuntimeError, match=r"no instance of horizon . in split .* should vary"):
        env.reset(seed=0)


def test_a_confidence_is_kept_and_checked() -> None:
    env = Sum()
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"confidence is between 0 and 1, not 1.5"):
        env.submit("4", confidence=1.5)
    assert not env.over
    env.submit("4", confidence=0.25)
    assert env.confidence() == 0.25


def test_what_an_episode_opened_is_closed_by_the_next_reset_and_by_closing() -> None:
    closed: list[int] = []

    class Opening(Sum):
        async def begin(self) -> str:
            self.resources.callback(closed.append, len(closed))
            return await super().begin()

    env = Opening()
    env.reset(seed=0)
    env.reset(seed=1)
    assert closed == [0]
    env.close()
    env.close()
    assert closed == [0, 1]


def test_closing_is_not_cut_short_by_cancellation() -> None:
    closed: list[str] = []

    async def slow() -> None:
        await asyncio.sleep(0.01)
        closed.append("closed")

    async def main() -> None:
        env = Sum()
        await env.areset(seed=0)
        env.resources.push_async_callback(slow)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await env.aclose()

    anyio.run(main)
    assert closed == ["closed"]


def test_an_environment_without_tasks_oracle_or_sense_says_what_it_lacks() -> None:
    env = Env()
    with pytest.raises(NotImplementedError, match="Env makes no tasks of its own; pass a task"):
        env.reset(seed=0)
    with pytest.raises(NotImplementedError, match="Env has no oracle"):
        env.oracle()


def test_gymnasium_finds_nothing_wrong() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_gymnasium(Sum(), skip_render_check=True)


def test_waiting_inside_the_shared_loop_is_refused_and_not_a_deadlock() -> None:
    class Nested(Sum):
        async def begin(self) -> str:
            return Sum().reset(seed=0)[0]

    with pytest.raises(RuntimeError, match="use areset, astep and aclose there"):
        Nested().reset(seed=0)


def test_plain_code_can_use_it_from_within_another_loop() -> None:
    async def main() -> str:
        return Sum().reset(seed=0)[0]

    assert anyio.run(main).endswith("=?")
