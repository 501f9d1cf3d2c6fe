"""Sub-agents and parallel calls: isolation, budgets, reductions, failures."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from desk import Desk, TwoScripts, call, play
from jumping import run_jumping

from forethought.agents.budget import Budget, Limits, shares
from forethought.agents.engines.engine import (
    Completion,
    ContextOverflow,
    EngineUnavailable,
    Sampling,
)
from forethought.agents.engines.expert import ExpertEngine
from forethought.agents.engines.scripted import ScriptedEngine
from forethought.agents.loop import run_episode
from forethought.agents.record.events import Call, End, Message, Start, Vote
from forethought.agents.record.log import EventLog
from forethought.agents.record.stop import Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.templates.template import ByteTemplate
from forethought.envs import Env

WIDE = Limits(context=1 << 20, tokens=100_000, reply_tokens=2000)


class Cast:
    """An engine whose agents are told apart by their task, as a model tells them apart."""

    def __init__(self, **scripts: Sequence[str]) -> None:
        self.scripts = {name: list(replies) for name, replies in scripts.items()}
        self.template = ByteTemplate()
        self.context_window = 1 << 30
        self.version = 0

    async def generate(self, prompt: Sequence[int], sampling: Sampling) -> Completion:
        text = self.template.decode(list(prompt))
        name = next((n for n in self.scripts if f"user\npart {n}" in text), "main")
        reply = self.scripts[name].pop(0)
        if reply == "FAIL":
            raise EngineUnavailable("the model is gone")
        return await ScriptedEngine([reply]).generate(prompt, sampling)

    async def aclose(self) -> None:
        pass


def cast(limits: Limits = WIDE, **scripts: Sequence[str]) -> Trajectory:
    async def main() -> Trajectory:
        return await run_episode(
            Desk(), Cast(**scripts), id="e", log=EventLog(None), limits=limits, seed=1
        )

    return run_jumping(main)


def results(trajectory: Trajectory, agent: str = "0") -> list[Message]:
    return [m for m in trajectory.messages(agent) if m.call_id is not None]


def ends(trajectory: Trajectory) -> dict[str, Stop]:
    return {e.agent: e.stop for e in trajectory.events if isinstance(e, End)}


SPAWN_TWO = call("spawn", tasks=["part left", "part right"])


def test_sub_agents_work_in_contexts_of_their_own_and_report_in_order() -> None:
    trajectory = cast(
        left=[call("wait", seconds=0.05), "the left result"],
        right=["the right result"],
        main=[SPAWN_TWO, "42"],
    )
    assert trajectory.reward == 1.0
    assert results(trajectory)[0].text == "the left result\nthe right result"
    assert trajectory.agents == ["0", "0.0", "0.1"]
    assert [m.text for m in trajectory.messages("0.1") if m.origin == "task"] == ["part right"]
    starts = [event for event in trajectory.events if isinstance(event, Start)]
    assert [start.parent_call for start in starts] == [None, "0.0", "0.0"]
    assert {segment.agent for segment in trajectory.segments()} == {"0", "0.0", "0.1"}


def test_a_report_is_what_a_sub_agent_says_and_not_what_it_thought() -> None:
    trajectory = cast(
        left=["<think>It may be 6.\nNo.</think>\nseven"],
        right=["plan: look\nseven"],
        main=[SPAWN_TWO, "42"],
    )
    assert results(trajectory)[0].text == "seven\nseven"


def test_sub_agents_run_at_the_same_time() -> None:
    waits = [call("wait", seconds=0.2), "done"]
    trajectory = cast(left=list(waits), right=list(waits), main=[SPAWN_TWO, "42"])
    assert trajectory.end is not None
    assert trajectory.end.t == pytest.approx(0.2)


def test_children_get_equal_shares_and_what_they_leave_comes_back() -> None:
    trajectory = cast(left=["a"], right=["b"], main=[SPAWN_TWO, "42"])
    first = trajectory.calls[0]
    left = WIDE.tokens - len(first.completion)
    starts = [event for event in trajectory.events if isinstance(event, Start)][1:]
    assert [(s.turns, s.tokens) for s in starts] == [((32 - 1) // 3, left // 3)] * 2
    assert trajectory.end is not None
    assert trajectory.end.tokens == trajectory.num_sampled
    assert trajectory.end.turns == 4


def test_a_sub_agent_that_runs_out_is_reported_in_words_and_its_sibling_is_kept() -> None:
    # 5 turns: one is spent, (5 - 1) // 3 = 1 for each child.
    limits = Limits(turns=5, context=1 << 20, tokens=100_000)
    trajectory = cast(
        limits,
        left=[call("echo", text="still busy"), "never said"],
        right=["the right result"],
        main=[SPAWN_TWO, "42"],
    )
    assert ends(trajectory) == {
        "0.0": Stop.TURN_LIMIT,
        "0.1": Stop.SUBMITTED,
        "0": Stop.SUBMITTED,
    }
    assert results(trajectory)[0].text == (
        "(no answer: the sub-agent ended by turn limit)\nthe right result"
    )


@pytest.mark.parametrize(
    ("failing", "stop"),
    [("FAIL", Stop.PROVIDER_ERROR), (call("crash"), Stop.HARNESS_ERROR)],
    ids=["provider", "bug"],
)
def test_a_sub_agent_lost_to_infrastructure_loses_the_episode_after_its_siblings_end(
    failing: str, stop: Stop
) -> None:
    trajectory = cast(
        left=[failing],
        right=[call("wait", seconds=0.05), "the right result"],
        main=[SPAWN_TWO, "42"],
    )
    assert ends(trajectory) == {"0.0": stop, "0.1": Stop.SUBMITTED, "0": stop}
    assert trajectory.reward is None


def test_sub_agents_cannot_spawn_below_the_deepest_level() -> None:
    deeper = call("spawn", tasks=["part right"])
    limits = Limits(depth=1, context=1 << 20, tokens=100_000)
    trajectory = cast(
        limits, left=[deeper, "gave up"], main=[call("spawn", tasks=["part left"]), "42"]
    )
    (refused,) = results(trajectory, "0.0")
    assert refused.error == "tool"
    assert "sub-agents at depth 1 may not spawn" in refused.text
    assert trajectory.agents == ["0", "0.0"]


def test_sub_agents_of_sub_agents_are_named_by_their_path() -> None:
    trajectory = cast(
        left=[call("spawn", tasks=["part right"]), "left with right"],
        right=["deep"],
        main=[call("spawn", tasks=["part left"]), "42"],
    )
    assert trajectory.agents == ["0", "0.0", "0.0.0"]
    assert trajectory.end is not None
    assert trajectory.end.turns == 5


def test_turns_that_do_not_suffice_to_share_are_not_called_used_up() -> None:
    few = Limits(context=1 << 20, tokens=1 << 20, reply_tokens=2000, turns=2)
    trajectory = cast(few, left=["x"], main=[call("spawn", tasks=["part left"]), "42"])
    told = "spawn: the turn budget leaves too little: 1 of 2 spent; 1 cannot be shared by you "
    assert results(trajectory)[0].text == f"{told}and 1 more"


def test_a_budget_of_nothing_is_no_budget() -> None:
    with pytest.raises(ValueError, match="a budget is a number of tokens above 0, not 0"):
        shares(Budget(turns=9, tokens=9, children=9), 1, tokens=0)


def test_where_nobody_may_spawn_the_agent_is_told_so() -> None:
    alone = Limits(context=1 << 20, tokens=1 << 20, reply_tokens=2000, depth=0)
    trajectory = cast(alone, left=["x"], main=[call("spawn", tasks=["part left"]), "42"])
    assert results(trajectory)[0].text == "spawn: no sub-agents may be spawned here; do it yourself"


def test_a_batch_that_the_budget_does_not_cover_starts_no_one() -> None:
    limits = Limits(children=1, context=1 << 20, tokens=100_000)
    trajectory = cast(limits, main=[SPAWN_TWO, "42"])
    assert trajectory.agents == ["0"]
    assert results(trajectory)[0].error == "budget"
    assert "the sub-agent budget leaves too little: 0 of 1 spent" in results(trajectory)[0].text
    assert trajectory.reward == 1.0


def test_cancelling_the_parent_ends_every_sub_agent_on_record() -> None:
    waits = [call("wait", seconds=30)]
    limits = Limits(seconds=0.2, context=1 << 20, tokens=100_000)
    trajectory = cast(limits, left=list(waits), right=list(waits), main=[SPAWN_TWO])
    assert ends(trajectory) == dict.fromkeys(("0", "0.0", "0.1"), Stop.TIME_LIMIT)
    for agent in trajectory.agents:
        assert [m.error for m in results(trajectory, agent)] == ["cancelled"]


def test_a_majority_of_parallel_answers_is_chosen_and_the_votes_are_recorded() -> None:
    asides = ["Paris", "London", "paris."]
    question = call("ask", prompts=["Capital?"], n=3, reduce="majority")
    trajectory = play(question, "42", asides=asides)
    (vote,) = [event for event in trajectory.events if isinstance(event, Vote)]
    assert (vote.reduce, vote.answers, vote.chosen) == ("majority", tuple(asides), "Paris")
    assert vote.call_id == "0.0"
    assert results(trajectory)[0].text == "Paris"
    calls = [event for event in trajectory.calls if event.purpose == "sub_call"]
    assert vote.calls == tuple(c.id for c in calls)
    assert len({c.thread for c in calls}) == 3
    assert all(c.trainable and c.message is None for c in calls)


@pytest.mark.parametrize(
    ("reduce", "asides", "chosen", "purposes"),
    [
        ("first", ["a"], "a", ["sub_call"]),
        ("all", ["a", "b"], "1. a\n2. b", ["sub_call"] * 2),
        ("best_of", ["a", "b", "I pick 2"], "b", ["sub_call"] * 2 + ["judge"]),
        ("best_of", ["a", "b", "hm"], "a", ["sub_call"] * 2 + ["judge"]),
        ("merge", ["a", "b", "<think>x</think>ab"], "ab", ["sub_call"] * 3),
    ],
    ids=["first", "all", "best_of", "best_of without a verdict", "merge"],
)
def test_parallel_answers_are_reduced(
    reduce: str, asides: list[str], chosen: str, purposes: list[str]
) -> None:
    trajectory = play(call("ask", prompts=["?"], n=2, reduce=reduce), "42", asides=asides)
    assert results(trajectory)[0].text == chosen
    assert [c.purpose for c in trajectory.calls if c.purpose != "act"] == purposes
    (vote,) = [event for event in trajectory.events if isinstance(event, Vote)]
    assert len(vote.calls) == len(purposes)


def test_several_prompts_get_an_answer_each_in_order() -> None:
    question = call("ask", prompts=["one?", "two?"], n=1, reduce="all")
    trajectory = play(question, "42", asides=["1!", "2!"])
    assert results(trajectory)[0].text == "1!\n2!"


@pytest.mark.parametrize("n", [0, 65])
def test_a_number_of_calls_that_cannot_be_made_is_told_to_the_agent(n: int) -> None:
    trajectory = play(call("ask", prompts=["?"], n=n, reduce="all"), "42")
    assert results(trajectory)[0].error == "tool"
    assert f"1 prompts with {n} calls each" in results(trajectory)[0].text


def test_parallel_calls_are_paid_for_by_the_agent_that_asks() -> None:
    question = call("ask", prompts=["?"], n=8, reduce="all")
    limits = Limits(tokens=len(question) + 1 + 40, reply_tokens=200, context=1 << 20)
    trajectory = play(question, "42", asides=["twenty characters..."], limits=limits)
    lengths = [len(c.completion) for c in trajectory.calls if c.purpose == "sub_call"]
    assert lengths == [5] * 8
    assert trajectory.stop is Stop.TOKEN_LIMIT
    assert trajectory.num_sampled == limits.tokens


ASK_FOUR = call("ask", prompts=["?"], n=4, reduce="all")
SPAWN_ONE = call("spawn", tasks=["part left"])


@pytest.mark.parametrize(
    ("calls", "errors"),
    [
        ([ASK_FOUR, ASK_FOUR], [None, "budget"]),
        ([ASK_FOUR, SPAWN_ONE], [None, "budget"]),
        ([SPAWN_ONE, ASK_FOUR], [None, None]),
    ],
    ids=["two asks", "ask beside spawn", "spawn leaves half"],
)
def test_calls_that_run_together_share_the_tokens_that_are_left(
    calls: list[str], errors: list[str | None]
) -> None:
    # 81 tokens: the first ask holds 4 times 20 of them; one is too little for anything.
    reply = "".join(calls)
    limits = Limits(tokens=len(reply) + 1 + 81, reply_tokens=1000, context=1 << 20)
    trajectory = play(reply, "42", asides=["ok"], limits=limits)
    assert trajectory.stop is Stop.SUBMITTED
    assert [message.error for message in results(trajectory)] == errors
    assert all(
        "budget leaves too little" in m.text for m in results(trajectory) if m.error == "budget"
    )
    assert trajectory.num_sampled <= limits.tokens


def test_a_model_that_fails_a_parallel_call_loses_the_episode() -> None:
    class Flaky(TwoScripts):
        async def generate(self, prompt: Sequence[int], sampling: Sampling) -> Completion:
            if sampling.purpose != "act":
                raise EngineUnavailable("gone")
            return await super().generate(prompt, sampling)

    async def main() -> Trajectory:
        engine = Flaky([call("ask", prompts=["?"], n=2, reduce="all")], ["-"])
        return await run_episode(Desk(), engine, id="e", log=EventLog(None), limits=WIDE)

    trajectory = run_jumping(main)
    assert trajectory.stop is Stop.PROVIDER_ERROR
    assert [m.error for m in results(trajectory)] == ["cancelled"]


def test_a_provider_that_is_gone_weighs_more_than_a_question_that_is_too_long() -> None:
    class Mixed(TwoScripts):
        async def generate(self, prompt: Sequence[int], sampling: Sampling) -> Completion:
            if sampling.purpose == "act":
                return await super().generate(prompt, sampling)
            if "long?" in self.acts.template.decode(list(prompt)):
                raise ContextOverflow("too long")
            raise EngineUnavailable("gone")

    async def main() -> Trajectory:
        engine = Mixed([call("ask", prompts=["long?", "short?"], n=1, reduce="all")], ["-"])
        return await run_episode(Desk(), engine, id="e", log=EventLog(None), limits=WIDE)

    assert run_jumping(main).stop is Stop.PROVIDER_ERROR


def test_an_expert_acts_for_each_sub_agent_and_says_nothing_beside_the_conversation() -> None:
    class Expert(Desk):
        def oracle(self) -> str:
            ask = call("ask", prompts=["?"], n=1, reduce="all")
            moves = [call("spawn", tasks=["part left"]), ask]
            return moves[self.num_steps] if self.num_steps < 2 else "42"

    def engine_for(env: Env) -> ExpertEngine:
        return ExpertEngine(env.oracle)

    async def main() -> Trajectory:
        env = Expert()
        return await run_episode(
            env, engine_for(env), id="e", log=EventLog(None), limits=WIDE, engine_for=engine_for
        )

    trajectory = run_jumping(main)
    assert trajectory.reward == 1.0
    assert results(trajectory)[0].text == "from the child"
    untrained = [
        event for event in trajectory.events if isinstance(event, Call) and not event.trainable
    ]
    assert [c.purpose for c in untrained] == ["sub_call"]
