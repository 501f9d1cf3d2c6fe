"""Crew: an environment whose agent leads others, and engines that play each of them by script."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import numpy as np
from jumping import run_for

from forethought.agents.budget import Limits
from forethought.agents.engines.engine import Completion, EngineUnavailable, Sampling
from forethought.agents.engines.prices import Price
from forethought.agents.engines.scripted import ScriptedEngine
from forethought.agents.loop import run_episode
from forethought.agents.record.events import End, Event, Message
from forethought.agents.record.log import EventLog
from forethought.agents.record.stop import Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.templates.template import ByteTemplate
from forethought.envs import Env, Task, reward, tool
from forethought.envs.calls import render_call
from forethought.envs.granted import MIND_TOOLS, plan

WIDE = Limits(context=1 << 20, tokens=1 << 20, reply_tokens=2000)
Line = str | float
"""A reply, or seconds to think before the next one."""


class Crew(Env):
    """Answer "42", alone or with others."""

    grants = (*MIND_TOOLS, plan)

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        number = int(rng.integers(1 << 30))
        prompt = "What is the answer?"
        return Task(id=f"crew-{number}", prompt=prompt, answer="42", data={"number": number})

    def max_steps(self) -> int:
        return 60

    @tool
    async def rest(self, seconds: float) -> str:
        """do nothing"""
        await anyio.sleep(seconds)
        return "rested"

    @tool
    def echo(self, text: str) -> str:
        """say it again"""
        return text

    @tool
    def crash(self) -> str:
        """a bug"""
        raise ZeroDivisionError("nobody thought of this")

    @reward
    def right(self) -> float:
        return float(self.submitted is not None and self.submitted.answer == "42")


class Cast:
    """Plays the main agent and those whose task is `part NAME`; `aside` is for side calls.

    "FAIL" is a provider that is gone.
    """

    def __init__(self, **scripts: Sequence[Line]) -> None:
        self.scripts = {name: list(lines) for name, lines in scripts.items()}
        self.template = ByteTemplate()
        self.context_window = 1 << 30
        self.version = 0
        self.prompts: dict[str, list[str]] = {name: [] for name in self.scripts}

    async def generate(self, prompt: Sequence[int], sampling: Sampling) -> Completion:
        text = self.template.decode(list(prompt))
        name = self._who(text) if sampling.purpose == "act" else "aside"
        self.prompts[name].append(text)
        line = self.scripts[name].pop(0)
        if isinstance(line, float):
            reply = self.scripts[name].pop(0)
            await anyio.sleep(line)
        else:
            reply = line
        if reply == "FAIL":
            raise EngineUnavailable("the model is gone")
        assert isinstance(reply, str)
        return await ScriptedEngine([reply]).generate(prompt, sampling)

    async def aclose(self) -> None:
        pass

    def _who(self, text: str) -> str:
        places = {name: text.rfind(f"\npart {name}") for name in self.scripts}
        name = max(places, key=lambda each: places[each])
        return name if places[name] >= 0 else "main"


def call(name: str, **arguments: object) -> str:
    """A tool call as a model writes it."""
    return render_call(name, arguments)  # type: ignore[arg-type]


def spawn(*names: str, wait: bool = False, **options: object) -> str:
    """The call that gives each its part."""
    return call("spawn", tasks=[f"part {name}" for name in names], wait=wait, **options)


def stage(
    cast: Cast,
    *,
    env: Env | None = None,
    limits: Limits = WIDE,
    minds: dict[str, Cast] | None = None,
    prices: dict[str, Price] | None = None,
    model_name: str = "",
    effort: int | None = None,
    log: EventLog | None = None,
) -> Trajectory:
    """Run one episode that the cast plays, by a clock that jumps."""

    async def main() -> Trajectory:
        return await run_episode(
            env or Crew(),
            cast,
            id="e",
            log=log or EventLog(None),
            limits=limits,
            seed=1,
            minds=minds,
            prices=prices,
            model_name=model_name,
            effort=effort,
        )

    return run_for(env, main)


def perform(limits: Limits = WIDE, **scripts: Sequence[Line]) -> Trajectory:
    """Run one episode of these scripts."""
    return stage(Cast(**scripts), limits=limits)


def results(trajectory: Trajectory, agent: str = "0") -> list[Message]:
    """What an agent's tool calls gave."""
    return [m for m in trajectory.messages(agent) if m.call_id is not None]


def ends(trajectory: Trajectory) -> dict[str, Stop]:
    """How each agent ended, in the order they did."""
    return {e.agent: e.stop for e in trajectory.events if isinstance(e, End)}


def kinds(trajectory: Trajectory, *types: type[Event]) -> list[Event]:
    """Events of some kinds."""
    return [event for event in trajectory.events if isinstance(event, types)]
