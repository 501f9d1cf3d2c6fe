"""Random trees of agents that spawn, wait, cancel, fail and run out: nothing is ever overdrawn."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence

import anyio
from crew import Crew, call
from hypothesis import given, settings
from hypothesis import strategies as st
from jumping import run_jumping

from forethought.agents.agent import Agent
from forethought.agents.budget import Budget, Limits
from forethought.agents.engines.engine import (
    Completion,
    ContextOverflow,
    EngineUnavailable,
    Sampling,
)
from forethought.agents.engines.prices import PICO, Price, picounits
from forethought.agents.engines.scripted import ScriptedEngine
from forethought.agents.episode import Episode
from forethought.agents.loop import run_agent
from forethought.agents.record.events import Call, End, Event, Start, ToolEvent
from forethought.agents.record.log import EventLog
from forethought.agents.record.stop import STOP_CAUSE, Cause
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.templates.template import ByteTemplate

PRICES = {"": Price(prompt=0.5, completion=2.0), "big": Price(prompt=7.0, completion=11.0)}


class Whim:
    """Does anything that an agent can do, at random, after a moment or never."""

    def __init__(self, seed: int, *, failures: float) -> None:
        self.rng = random.Random(seed)
        self.failures = failures
        self.template = ByteTemplate()
        self.context_window = 1 << 30
        self.version = 0

    async def generate(self, prompt: Sequence[int], sampling: Sampling) -> Completion:
        await anyio.sleep(self.rng.choice((0, 0, 0.001, 0.01)))
        if self.rng.random() < self.failures:
            raise self.rng.choice((EngineUnavailable("gone"), ContextOverflow("too long")))
        text = self._action() if sampling.purpose == "act" else self.rng.choice("ab")
        return await ScriptedEngine([text]).generate(prompt, sampling)

    async def aclose(self) -> None:
        pass

    def _action(self) -> str:
        rng = self.rng
        names = rng.sample(["0.0", "0.1", "0.2", "0.0.0"], rng.randint(0, 2))
        wait, fork = rng.random() < 0.4, rng.random() < 0.3
        budget = rng.choice((None, None, 50, 400))
        actions = [
            call("spawn", tasks=["x"] * rng.randint(1, 3), wait=wait, fork=fork, budget=budget),
            call("spawn", tasks=["x", "y"], wait=False),
            call("wait", names=names, mode=rng.choice(("all", "any")), timeout_s=0.02),
            call("wait"),
            call("cancel", names=names),
            call("ask", prompts=["?"], n=rng.randint(1, 4), reduce="merge"),
            call("ask", prompts=["?", "!"], n=2, mind=rng.choice(("", "big")), deadline_s=0.004),
            call("echo", text="x" * rng.randint(0, 50)),
            call("rest", seconds=0.005),
            call("crash") if rng.random() < self.failures else "<tool_call>{broken",
            "<plan>" + "p" * 30 + "</plan>\n" + call("echo", text="planned"),
            "an answer",
        ]
        return "".join(rng.sample(actions, rng.choice((1, 1, 1, 2))))


class Watch(EventLog):
    """Looks at the first budget whenever something is recorded."""

    def __init__(self) -> None:
        super().__init__(None)
        self.root: Budget | None = None

    def record_all(self, episode: str, events: Sequence[Event]) -> None:
        assert self.root is not None
        root = self.root
        left = (root.turns_left, root.tokens_left, root.children_left, root.money_left)
        assert min(left) >= 0, root


def live(seed: int, limits: Limits, *, failures: float, cancel_after_s: float | None) -> Budget:
    """Run one tree of agents; returns the main agent's budget after checking the record."""
    log = Watch()
    engine = Whim(seed, failures=failures)
    budget = log.root = Budget(
        turns=limits.turns,
        tokens=limits.tokens,
        children=limits.children,
        money=picounits(limits.money),
    )

    async def main() -> list[Event]:
        episode = Episode(
            id="e",
            log=log,
            limits=limits,
            compressor=None,
            engine_for=lambda _: engine,
            minds={"big": engine},
            prices=PRICES,
            seed=seed,
        )
        with anyio.move_on_after(cancel_after_s):
            await run_agent(Agent(path="0", episode=episode, env=Crew(), budget=budget))
        return episode.events

    check(run_jumping(main), limits)
    return budget


def check(events: Sequence[Event], limits: Limits) -> None:
    """At every event, what each agent spent and granted is within what it was granted."""
    starts: dict[str, Start] = {}
    own: defaultdict[str, int] = defaultdict(int)
    paid: defaultdict[str, float] = defaultdict(float)
    ends: dict[str, End] = {}
    for event in events:
        assert event.agent not in ends, "nothing of an agent follows its end"
        if isinstance(event, Start):
            starts[event.agent] = event
        elif isinstance(event, Call):
            own[event.agent] += len(event.completion)
            paid[event.agent] += event.cost
        elif isinstance(event, End):
            ends[event.agent] = event
        for agent, start in starts.items():
            below = [name for name in starts if name.rpartition(".")[0] == agent]
            tokens = sum(ends[n].tokens if n in ends else starts[n].tokens for n in below)
            assert own[agent] + tokens <= start.tokens
            money = sum(ends[n].cost if n in ends else starts[n].money or 0.0 for n in below)
            assert paid[agent] + money <= (start.money or 0.0) + 1e-12
    assert set(starts) == set(ends)
    assert len(starts) - 1 <= limits.children
    assert max(name.count(".") for name in starts) <= limits.depth
    tools = Counter((e.agent, e.call_id) for e in events if isinstance(e, ToolEvent))
    assert set(tools.values()) <= {1}
    trajectory = Trajectory("e", list(events))
    spans = [span.call for segment in trajectory.segments() for span in segment.spans]
    ours = [c.id for c in trajectory.calls if not c.model and c.finish != "cancelled"]
    assert sorted(spans) == sorted(ours)
    assert trajectory.num_drifts == 0
    assert trajectory.num_critical_calls <= len(trajectory.calls)
    main = ends["0"]
    assert main.tokens == trajectory.num_sampled
    assert round(main.cost * PICO) == round(sum(c.cost for c in trajectory.calls) * PICO)
    if STOP_CAUSE[main.stop] is Cause.POLICY:
        lost = {end.stop for end in ends.values() if STOP_CAUSE[end.stop] is Cause.INFRA}
        assert not lost, "an episode that lost a sub-agent to the world is lost itself"


@settings(max_examples=150)
@given(
    seed=st.integers(0, 1 << 30),
    turns=st.integers(1, 30),
    tokens=st.integers(1, 6000),
    money=st.sampled_from([0.0, 0.002, 0.01, 0.05, 1.0]),
    failures=st.sampled_from([0.0, 0.0, 0.03]),
    plan_tokens=st.sampled_from([None, 12]),
    seconds=st.sampled_from([0.05, 5.0]),
    cancel_after_s=st.sampled_from([None, None, 0.03]),
)
def test_in_any_tree_of_agents_no_more_is_spent_than_granted_and_nothing_stays_reserved(
    seed: int,
    turns: int,
    tokens: int,
    money: float,
    failures: float,
    plan_tokens: int | None,
    seconds: float,
    cancel_after_s: float | None,
) -> None:
    limits = Limits(
        turns=turns,
        tokens=tokens,
        reply_tokens=200,
        plan_tokens=plan_tokens,
        context=1 << 20,
        money=money,
        seconds=seconds,
        depth=2,
        children=8,
        fan_out=4,
    )
    budget = live(seed, limits, failures=failures, cancel_after_s=cancel_after_s)
    assert (budget.reserved_turns, budget.reserved_tokens) == (0, 0)
    assert (budget.reserved_children, budget.reserved_money) == (0, 0)
    assert budget.spent_turns <= limits.turns
    assert budget.spent_tokens <= limits.tokens
    assert budget.spent_money <= picounits(limits.money)
