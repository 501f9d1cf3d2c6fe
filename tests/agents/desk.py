"""Desk: a small environment for the tests of the agent loop, with a tool for every occasion."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import numpy as np
from jumping import run_for

from forethought.agents.budget import Limits
from forethought.agents.engines.engine import Completion, Sampling
from forethought.agents.engines.scripted import ScriptedEngine
from forethought.agents.loop import run_episode
from forethought.agents.record.log import EventLog
from forethought.agents.record.trajectory import Trajectory
from forethought.envs import Context, Env, Task, reward, tool
from forethought.envs.calls import render_call
from forethought.envs.context import PlanItem, Reduction
from forethought.sandbox import SandboxUnavailable


class Desk(Env):
    """Answer "42"; the tools are for what happens on the way."""

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        number = int(rng.integers(1 << 30))
        prompt = "What is the answer?"
        return Task(id=f"desk-{number}", prompt=prompt, answer="42", data={"number": number})

    def max_steps(self) -> int:
        return 40

    def oracle(self) -> str:
        return "42"

    def child_oracle(self, child: Env) -> str:
        return "from the child"

    def floor(self, rng: np.random.Generator) -> str:
        return str(rng.integers(1000))

    @tool
    def echo(self, text: str, times: int = 1) -> str:
        """say it again"""
        return text * times

    @tool
    async def wait(self, seconds: float) -> str:
        """wait"""
        await anyio.sleep(seconds)
        return "waited"

    @tool
    def plan(self, steps: list[str], context: Context) -> str:
        """write the plan"""
        context.plan.items[:] = [PlanItem(text=step) for step in steps]
        return "noted"

    @tool
    def crash(self) -> str:
        """a bug"""
        raise ZeroDivisionError("nobody thought of this")

    @tool
    def unplug(self) -> str:
        """the sandbox goes away"""
        raise SandboxUnavailable("the container is gone")

    @tool
    async def spawn(self, tasks: list[str], context: Context) -> str:
        """hand out parts"""
        assert context.minds is not None
        return "\n".join(each.text for each in await context.minds.spawn(tasks, context=context))

    @tool
    async def ask(self, prompts: list[str], n: int, reduce: Reduction, context: Context) -> str:
        """ask in parallel"""
        assert context.minds is not None
        return "\n".join(await context.minds.ask(prompts, n=n, reduce=reduce, context=context))

    @reward
    def right(self) -> float:
        return float(self.submitted is not None and self.submitted.answer == "42")


class Ungradable(Desk):
    """A desk whose grader has a bug."""

    @reward
    def right(self) -> float:
        raise KeyError("no such column")


def call(name: str, **arguments: object) -> str:
    """A tool call as a model writes it."""
    return render_call(name, arguments)  # type: ignore[arg-type]


class TwoScripts:
    """One script for acting, one for everything beside the conversation."""

    def __init__(self, acts: Sequence[str], asides: Sequence[str]) -> None:
        self.acts, self.asides = ScriptedEngine(acts), ScriptedEngine(asides)
        self.template, self.context_window, self.version = self.acts.template, 1 << 30, 0

    async def generate(self, prompt: Sequence[int], sampling: Sampling) -> Completion:
        script = self.acts if sampling.purpose == "act" else self.asides
        return await script.generate(prompt, sampling)

    async def aclose(self) -> None:
        pass


def play(
    *replies: str,
    asides: Sequence[str] = ("aside",),
    env: Env | None = None,
    limits: Limits | None = None,
    log: EventLog | None = None,
    **options: object,
) -> Trajectory:
    """Run one episode of a scripted engine, by a clock that jumps."""

    async def main() -> Trajectory:
        return await run_episode(
            env or Desk(),
            TwoScripts(replies, asides),
            id="e",
            log=log or EventLog(None),
            limits=limits or Limits(context=1 << 20, tokens=1 << 20, reply_tokens=1024),
            seed=1,
            **options,  # type: ignore[arg-type]
        )

    return run_for(env, main)
