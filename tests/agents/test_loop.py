"""What one episode records, turn by turn, and how it ends."""

from __future__ import annotations

import logging

import anyio
import pytest
from desk import Desk, Ungradable, call, play
from jumping import run_jumping

from forethought.agents.budget import Limits
from forethought.agents.engines.engine import Completion, EngineUnavailable, Sampling
from forethought.agents.engines.scripted import ScriptedEngine
from forethought.agents.loop import run_episode, system_prompt
from forethought.agents.record.events import (
    Call,
    End,
    Limit,
    Message,
    PlanEvent,
    Reward,
    Start,
    ToolEvent,
)
from forethought.agents.record.log import EventLog, LogUnwritable
from forethought.agents.record.stop import STOP_CAUSE, Cause, Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.templates.template import ByteTemplate
from forethought.envs import Env, Task

WIDE = Limits(context=1 << 20, tokens=1 << 20, reply_tokens=1024)


def kinds(trajectory: Trajectory) -> list[str]:
    return [event.kind for event in trajectory.events]


def tool_messages(trajectory: Trajectory) -> list[Message]:
    return [event for event in trajectory.messages() if event.call_id is not None]


def test_an_episode_is_recorded_in_the_order_it_happened() -> None:
    trajectory = play(call("echo", text="hi"), "42")
    assert kinds(trajectory) == [
        *("start", "message", "message"),
        *("call", "message", "tool", "message"),
        *("call", "message", "message"),
        *("reward", "end"),
    ]
    assert trajectory.stop is Stop.SUBMITTED
    assert trajectory.reward == 1.0
    assert trajectory.end is not None
    assert (trajectory.end.answer, trajectory.end.turns) == ("42", 2)
    assert trajectory.end.tokens == trajectory.num_sampled
    assert [m.origin for m in trajectory.messages()] == [
        *("harness", "task", "policy", "env", "policy", "env")
    ]


def test_the_prompt_of_a_turn_is_everything_before_it_and_nothing_is_rendered_twice() -> None:
    template = ByteTemplate()
    first, second = call("echo", text="hi"), "42"
    env = Desk()
    rules = system_prompt(env)
    (segment,) = play(first, second, env=env).segments()
    assert list(segment.ids) == [
        *template.render("system", rules),
        *template.render("user", "What is the answer?"),
        *template.render("assistant", first),
        *template.render("tool", "hi"),
        *template.render("assistant", second),
    ]
    spans = [template.decode(list(segment.ids[s.start : s.end])) for s in segment.spans]
    assert spans == [first, second]


def test_a_reply_that_was_cut_is_closed_in_the_next_prompt() -> None:
    limits = Limits(context=1 << 20, tokens=1 << 20, reply_tokens=20)
    trajectory = play(call("echo", text="hi"), limits=limits)
    first, second = trajectory.calls[:2]
    assert first.finish == "length"
    assert len(first.completion) == 20
    assert second.prompt[0] == 257
    assert len(trajectory.segments()) == 1


def test_the_system_message_lists_the_tools_in_one_line_each() -> None:
    rules = system_prompt(Desk())
    assert "echo(text: string, times?: integer): say it again" in rules.splitlines()
    assert '<tool_call>{"name": ..., "arguments": {...}}</tool_call>' in rules


def test_an_environment_without_rules_and_tools_gets_no_system_message() -> None:
    trajectory = play("5", env=Env(), task=Task(id="t", prompt="2+3?"))
    assert [m.role for m in trajectory.messages()] == ["user", "assistant", "user"]


def test_a_run_reproduces_and_the_siblings_of_a_group_differ() -> None:
    class Recorder(ScriptedEngine):
        seeds: list[int | None]

        async def generate(self, prompt: object, sampling: Sampling) -> Completion:
            self.seeds.append(sampling.seed)
            return await super().generate((), sampling)

    def seeds_of(id: str) -> list[int | None]:
        engine = Recorder([call("echo", text="hi"), "42"])
        engine.seeds = []
        with EventLog(None) as log:
            anyio.run(lambda: run_episode(Desk(), engine, id=id, log=log, limits=WIDE, seed=7))
        return engine.seeds

    assert seeds_of("a") == seeds_of("a")
    assert len({*seeds_of("a"), *seeds_of("b")}) == 4


def test_calls_that_cannot_be_read_are_fed_back_and_three_in_a_row_end_the_episode() -> None:
    broken = "<tool_call>{oops</tool_call>"
    trajectory = play(broken, broken, call("echo", text="!"), broken + " ", broken, broken)
    assert trajectory.stop is Stop.FORMAT_ERRORS
    assert trajectory.reward == 0.0
    assert [m.error for m in tool_messages(trajectory)] == ["parse", "parse", None, *["parse"] * 3]
    assert tool_messages(trajectory)[0].text.startswith("Could not read this tool call: not valid")


def test_one_readable_call_beside_a_broken_one_is_no_format_error() -> None:
    both = call("echo", text="x") + "<tool_call>{oops</tool_call>"
    trajectory = play(*[both + " " * n for n in range(4)], "42")
    assert trajectory.stop is Stop.SUBMITTED


def test_doing_the_same_and_seeing_the_same_four_times_is_being_stuck() -> None:
    trajectory = play(call("echo", text="hi"))
    assert trajectory.stop is Stop.STUCK
    assert len(trajectory.calls) == 4
    assert trajectory.reward == 0.0


def test_the_environments_own_limit_cuts_off_with_a_score() -> None:
    replies = [call("echo", text=str(number)) for number in range(50)]
    trajectory = play(*replies, limits=Limits(turns=100, context=1 << 20, tokens=1 << 20))
    assert trajectory.stop is Stop.ENV_LIMIT
    assert len(trajectory.calls) == 40
    assert trajectory.reward == 0.0


@pytest.mark.parametrize(
    ("limits", "stop", "what"),
    [
        (Limits(turns=3, context=1 << 20, tokens=1 << 20), Stop.TURN_LIMIT, "turn"),
        (Limits(tokens=300, context=1 << 20), Stop.TOKEN_LIMIT, "token"),
        (Limits(seconds=0.3, context=1 << 20, tokens=1 << 20), Stop.TIME_LIMIT, "second"),
    ],
    ids=["turns", "tokens", "seconds"],
)
def test_a_limit_ends_the_episode_with_a_score(limits: Limits, stop: Stop, what: str) -> None:
    replies = [call("wait", seconds=0.01 * (n + 1)) for n in range(40)]
    trajectory = play(*replies, limits=limits)
    assert trajectory.stop is stop
    assert trajectory.reward == 0.0
    assert [e.what for e in trajectory.events if isinstance(e, Limit)] == [what]
    assert trajectory.num_sampled <= limits.tokens


def test_a_tool_that_outlives_the_time_limit_gets_a_cancelled_result() -> None:
    limits = Limits(seconds=0.05, context=1 << 20)
    trajectory = play(call("wait", seconds=30), limits=limits)
    assert trajectory.stop is Stop.TIME_LIMIT
    assert [(m.call_id, m.error) for m in tool_messages(trajectory)] == [("0.0", "cancelled")]


@pytest.mark.parametrize(
    ("tool", "stop", "error"),
    [
        ("crash", Stop.HARNESS_ERROR, "ZeroDivisionError: nobody thought of this"),
        ("unplug", Stop.SANDBOX_ERROR, "SandboxUnavailable: the container is gone"),
    ],
)
@pytest.mark.parametrize("beside", ["", call("echo", text="x")], ids=["alone", "in parallel"])
def test_a_failure_of_the_world_is_missing_data(
    tool: str, stop: Stop, error: str, beside: str
) -> None:
    trajectory = play(beside + call(tool))
    assert trajectory.end is not None
    assert (trajectory.stop, trajectory.end.error) == (stop, error)
    assert STOP_CAUSE[stop] is Cause.INFRA
    assert trajectory.reward is None
    assert not any(isinstance(event, Reward) for event in trajectory.events)
    assert all(message.error == "cancelled" for message in tool_messages(trajectory))


def test_a_grader_that_fails_says_nothing_about_the_agent() -> None:
    trajectory = play("42", env=Ungradable())
    assert trajectory.end is not None
    assert trajectory.stop is Stop.GRADER_ERROR
    assert trajectory.end.answer == "42"
    assert trajectory.end.error is not None
    assert "no such column" in trajectory.end.error
    assert trajectory.reward is None


def test_a_model_that_does_not_answer_is_missing_data() -> None:
    class Silent(ScriptedEngine):
        async def generate(self, prompt: object, sampling: Sampling) -> Completion:
            raise EngineUnavailable("nobody there")

    with EventLog(None) as log:
        trajectory = anyio.run(
            lambda: run_episode(Desk(), Silent(["-"]), id="e", log=log, limits=WIDE)
        )
    assert trajectory.stop is Stop.PROVIDER_ERROR
    assert trajectory.reward is None


def test_an_environment_that_cannot_begin_has_a_start_and_an_end() -> None:
    class Broken(Desk):
        async def begin(self) -> str:
            raise ConnectionError("no engine")

    trajectory = play("42", env=Broken())
    assert kinds(trajectory) == ["start", "end"]
    assert trajectory.stop is Stop.SANDBOX_ERROR


def test_a_cancelled_episode_records_its_end_closes_its_environment_and_raises() -> None:
    closed: list[str] = []

    class Closing(Desk):
        async def aclose(self) -> None:
            await anyio.sleep(0)
            closed.append("closed")

    events: list[object] = []

    class Watched(EventLog):
        def record_all(self, episode: str, found: object) -> None:
            events.extend(found)  # type: ignore[call-overload]

    async def main() -> bool:
        with anyio.move_on_after(0.05) as scope:
            await run_episode(
                Closing(),
                ScriptedEngine([call("echo", text="x") + call("wait", seconds=30)]),
                id="e",
                log=Watched(None),
                limits=WIDE,
            )
        return scope.cancelled_caught

    assert run_jumping(main)
    assert closed == ["closed"]
    ends = [event for event in events if isinstance(event, End)]
    assert [end.stop for end in ends] == [Stop.CANCELLED]
    answers = [e.call_id for e in events if isinstance(e, Message) and e.role == "tool"]
    assert answers == ["0.0", "0.1"]


def test_a_log_that_cannot_be_written_ends_the_run() -> None:
    class Full(EventLog):
        def record_all(self, episode: str, events: object) -> None:
            raise LogUnwritable(28, "no space left", "log.jsonl")

    with pytest.raises(LogUnwritable, match="no space left"):
        play("42", log=Full(None))


def test_an_environment_that_fails_to_close_keeps_its_episode(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Sticky(Desk):
        async def aclose(self) -> None:
            raise ConnectionError("container already gone")

    with caplog.at_level(logging.WARNING):
        assert play("42", env=Sticky()).reward == 1.0
    assert "container already gone" in caplog.text


def test_a_plan_is_recorded_when_it_changes() -> None:
    steps = call("plan", steps=["look", "answer"])
    trajectory = play(steps, steps + " ", call("plan", steps=["answer"]), "42")
    plans = [event.items for event in trajectory.events if isinstance(event, PlanEvent)]
    assert plans == [("look", "answer"), ("answer",)]


def test_each_call_of_an_action_has_one_event_and_one_result_in_declared_order() -> None:
    slow_first = call("wait", seconds=0.02) + call("echo", text="quick") + call("nothing")
    trajectory = play(slow_first, "42")
    tools = [event for event in trajectory.events if isinstance(event, ToolEvent)]
    assert [(event.call_id, event.name) for event in tools] == [
        ("0.0", "wait"),
        ("0.1", "echo"),
        ("0.2", "nothing"),
    ]
    assert [m.text for m in tool_messages(trajectory)][:2] == ["waited", "quick"]
    assert [m.error for m in tool_messages(trajectory)] == [None, None, "unknown_tool"]


def test_thoughts_and_plans_are_counted_apart() -> None:
    (act,) = play("<plan>go</plan><think>hm</think>42").calls
    assert (act.plan_tokens, act.think_tokens, act.answer_tokens) == (15, 17, 3)


def test_the_start_says_what_is_run() -> None:
    trajectory = play("42", group="g", model_name="m", task=Task(id="mine", prompt="?"))
    start = trajectory.start
    assert isinstance(start, Start)
    assert (start.env, start.task.id, start.group, start.model) == ("Desk", "mine", "g", "m")
    assert (start.seed, start.turns, start.tokens) == (1, 32, 1 << 20)


def test_a_draw_without_logprobs_is_not_trained_on() -> None:
    class Opaque(ScriptedEngine):
        async def generate(self, prompt: object, sampling: Sampling) -> Completion:
            sampled = await super().generate((), sampling)
            return Completion(ids=sampled.ids, logprobs=None, finish=sampled.finish)

    with EventLog(None) as log:
        trajectory = anyio.run(
            lambda: run_episode(Desk(), Opaque(["42"]), id="e", log=log, limits=WIDE)
        )
    assert [event.trainable for event in trajectory.events if isinstance(event, Call)] == [False]
