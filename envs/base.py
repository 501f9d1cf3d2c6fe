"""Env: a Gymnasium environment that speaks text, with async twins and tools.

Write one by subclassing: `make_task` draws an instance, methods marked `@tool` are what the agent
may call, methods marked `@reward` score the end. Everything else has a default.

    class Sum(Env):
        \"\"\"Add two numbers.\"\"\"

        def make_task(self, rng, *, horizon):
            a, b = (int(x) for x in rng.integers(1, 10**horizon, size=2))
            return Task(id=f"{a}+{b}", prompt=f"{a}+{b}=?", answer=str(a + b), horizon=horizon)

        @reward
        def right(self) -> float:
            return float(self.submitted is not None and self.submitted.answer == self.task.answer)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import anyio
import gymnasium
import numpy as np

from forethought.envs.calls import Action
from forethought.envs.context import Context
from forethought.envs.lazy import LazySandbox
from forethought.envs.portal import run_sync
from forethought.envs.spaces import Text
from forethought.envs.task import Split, Task, Trait, split_of
from forethought.envs.tools import Tool, ToolResult, as_tool, is_tool, run_calls
from forethought.sandbox import Sandbox, open_sandbox

Info = dict[str, Any]
Step = tuple[str, float, bool, bool, Info]
Function = TypeVar("Function", bound=Callable[..., object])

_MAX_DRAWS = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """What a reader must know about an environment before using it."""

    traits: tuple[Trait, ...]
    horizon_unit: str
    horizons: tuple[int, int] = (1, 8)
    """Smallest and largest horizon that it can make."""
    usual_horizons: tuple[int, ...] = ()
    """What is drawn from when no horizon is asked for; empty is the four smallest."""
    licence: str = "Apache-2.0"
    needs_sandbox: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """The agent's final answer, and how sure it says it is (0 to 1)."""

    answer: str
    confidence: float | None = None


def reward(function: Function) -> Function:
    """Mark a method as part of the reward; the rewards of an environment are averaged.

    It returns a number in [0, 1], or None for "could not be scored", which is never taken as 0.
    """
    function.__forethought_score__ = "reward"  # type: ignore[attr-defined]
    return function


def metric(function: Function) -> Function:
    """Mark a method as a number to report beside the reward; it is not trained on."""
    function.__forethought_score__ = "metric"  # type: ignore[attr-defined]
    return function


class Env(gymnasium.Env[str, Action | str]):
    """Base of all environments; see the module docstring for how to write one."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}  # type: ignore[misc]
    card: ClassVar[Card] = Card(traits=("skills",), horizon_unit="steps")
    instructions: str = ""
    """Rules that hold for every task; the agent loop puts them into the system message."""
    observation_space: Text
    action_space: Text
    _tool_names: ClassVar[tuple[str, ...]] = ()
    _scorers: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Methods that score, each with its kind."""

    def __init_subclass__(cls) -> None:
        """Find the marked methods once, not in every instance."""
        super().__init_subclass__()
        members = {name: getattr(cls, name) for name in dir(cls) if not name.startswith("__")}
        cls._tool_names = tuple(name for name, member in members.items() if is_tool(member))
        cls._scorers = tuple(
            (name, vars(member)["__forethought_score__"])
            for name, member in members.items()
            if inspect.isfunction(member) and "__forethought_score__" in vars(member)
        )

    grants: ClassVar[tuple[Callable[..., object], ...]] = ()
    """Tools granted beside the methods marked @tool; see `forethought.envs.granted`."""

    def __init__(self, *, horizon: int | None = None, split: Split = "train") -> None:
        low, high = self.card.horizons
        if horizon is not None and not low <= horizon <= high:
            raise ValueError(
                f"{type(self).__name__}: horizon {horizon} is outside {low}..{high} "
                f"({self.card.horizon_unit})"
            )
        if split not in ("train", "eval"):
            raise ValueError(f"split is 'train' or 'eval', not {split!r}")
        self.horizon = horizon
        self.split: Split = split
        self.observation_space = Text()
        self.action_space = Text()
        self.render_mode = None
        self.tools: Mapping[str, Tool] = self._collect_tools()
        self.context = Context(rng=np.random.default_rng(0))
        self.task = Task(id="none", prompt="")
        self.submitted: Submission | None = None
        self.over = False
        self.num_steps = 0
        self.info: Info = {}
        """Fields that the present step adds to its info; emptied before each step."""
        self.resources = AsyncExitStack()
        """What the episode holds (a sandbox); released by `aclose`."""

    # What an author writes.

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """Draw one instance of the given horizon; all randomness from `rng`.

        A task that does not say its horizon has the one asked for.
        """
        raise NotImplementedError(f"{type(self).__name__} makes no tasks of its own; pass a task")

    async def begin(self) -> str:
        """Set the state up for `self.task`; returns what the agent reads first."""
        return self.task.prompt

    async def reply(self, text: str) -> str:
        """React to an action that holds no tool call; by default it is the final answer."""
        return self.submit(text.strip())

    def max_steps(self) -> int:
        """Steps after which the episode is truncated."""
        return 4 * self.task.horizon + 8

    def oracle(self) -> str:
        """The expert's next action in the present state, plan text included."""
        raise NotImplementedError(f"{type(self).__name__} has no oracle")

    @classmethod
    def has_oracle(cls) -> bool:
        """Whether it has an expert to learn from and to check it with."""
        return cls.oracle is not Env.oracle

    def child_oracle(self, child: Env) -> str:
        """The expert's next action for a sub-agent that acts in `child`."""
        raise NotImplementedError(f"{type(self).__name__} has no oracle for sub-agents")

    def floor(self, rng: np.random.Generator) -> str:
        """The next action of a policy that knows nothing."""
        return self.action_space.sample()

    def open_sandbox(self) -> AbstractAsyncContextManager[Sandbox]:
        """How the sandbox of an episode is opened, if its card says `needs_sandbox`."""
        return open_sandbox()

    # What an author uses.

    def submit(self, answer: str, confidence: float | None = None) -> str:
        """Record the final answer and end the episode; returns what the agent reads.

        An environment that overrides it with @tool lets the agent call it. Raises ValueError for a
        confidence outside 0..1.
        """
        if confidence is not None and not 0 <= confidence <= 1:
            raise ValueError(f"confidence is between 0 and 1, not {confidence:g}")
        self.submitted = Submission(answer=answer, confidence=confidence)
        self.over = True
        return "Answer received."

    # The async face, which the agent loop uses.

    async def areset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, Info]:
        """Start an episode.

        Options: `task` (a Task, instead of one drawn from the seed), `context` (what tools get).
        """
        super().reset(seed=seed)
        options = options or {}
        unknown = set(options) - {"task", "context"}
        if unknown:
            raise ValueError(f"unknown reset options {sorted(unknown)}; there are: task, context")
        await self.resources.aclose()
        self.resources = AsyncExitStack()
        self.submitted, self.over, self.num_steps, self.info = None, False, 0, {}
        self.task = options["task"] if options.get("task") is not None else self._draw(seed)
        self.context = options.get("context") or Context(rng=np.random.default_rng(seed))
        if self.card.needs_sandbox and self.context.sandbox is None:
            sandbox = LazySandbox(self.open_sandbox)
            self.resources.push_async_callback(sandbox.close)
            self.context.sandbox = sandbox
        observation = await self.begin()
        return observation, {"task": self.task.id, "horizon": self.task.horizon, **self.info}

    async def astep(self, action: Action | str) -> Step:
        """Take one action: run its tool calls, or let the environment react to its text.

        Returns the observation, the reward (the score at the end, 0.0 before and when it could not
        be scored), terminated, truncated, and info with `results` (one ToolResult a call) and, at
        the end, `score` (None = unscored), `rewards` and `metrics` by name.
        """
        taken = Action.of(action, turn=self.num_steps) if isinstance(action, str) else action
        self.num_steps += 1
        self.info = {}
        results: list[ToolResult] = []
        if taken.calls:
            results = await run_calls(taken.calls, self.tools, self.context)
            observation = "\n".join(result.text for result in results)
        else:
            observation = await self.reply(taken.text)
        truncated = not self.over and self.num_steps >= self.max_steps()
        info: Info = {"results": tuple(results), **self.info}
        score: float | None = None
        if self.over or truncated:
            score, rewards, metrics = await self.ascore()
            info.update(score=score, rewards=rewards, metrics=metrics)
        return observation, score or 0.0, self.over, truncated, info

    async def ascore(self) -> tuple[float | None, dict[str, float | None], dict[str, float | None]]:
        """Score the present state: the mean reward (None if any is), rewards, metrics by name."""
        scores: dict[str, dict[str, float | None]] = {"reward": {}, "metric": {}}
        for name, kind in self._scorers:
            value = getattr(self, name)()
            scores[kind][name] = await value if inspect.isawaitable(value) else value
        values = list(scores["reward"].values())
        known = [value for value in values if value is not None]
        score = sum(known) / len(known) if known and len(known) == len(values) else None
        return score, scores["reward"], scores["metric"]

    async def aclose(self) -> None:
        """Release what the episode holds; safe to call twice and under cancellation."""
        with anyio.CancelScope(shield=True):
            await self.resources.aclose()

    # The sync face, for plain Gymnasium code.

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, Info]:
        """`areset`, waited for."""
        return run_sync(self.areset(seed=seed, options=options))

    def step(self, action: Action | str) -> Step:
        """`astep`, waited for."""
        return run_sync(self.astep(action))

    def close(self) -> None:
        """`aclose`, waited for."""
        run_sync(self.aclose())

    # How it works.

    def _draw(self, seed: int | None) -> Task:
        for _ in range(_MAX_DRAWS):
            horizon = self._horizon()
            task = self.make_task(self.np_random, horizon=horizon)
            if split_of(task) == self.split:
                drawn = {"split": self.split, "seed": seed}
                unsaid = {} if "horizon" in task.model_fields_set else {"horizon": horizon}
                return task.model_copy(update=drawn | unsaid)
        raise RuntimeError(
            f"{type(self).__name__}: no instance of horizon {task.horizon} in split "
            f"{self.split!r} after {_MAX_DRAWS} draws; make_task should vary more"
        )

    def _horizon(self) -> int:
        if self.horizon is not None:
            return self.horizon
        low, high = self.card.horizons
        usual = self.card.usual_horizons or tuple(range(low, min(high, low + 3) + 1))
        return usual[int(self.np_random.integers(len(usual)))]

    def _collect_tools(self) -> dict[str, Tool]:
        found = [as_tool(getattr(self, name)) for name in self._tool_names]
        found.extend(as_tool(function) for function in self.grants)
        return {item.name: item for item in found}
