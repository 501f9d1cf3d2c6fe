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
from typing import Any, ClassVar, Self

import anyio
import gymnasium
import numpy as np

from forethought.envs.calls import Action, Parse
from forethought.envs.canary import Canary
from forethought.envs.card import Card
from forethought.envs.context import Context
from forethought.envs.lazy import LazySandbox
from forethought.envs.lines import without_plan
from forethought.envs.needs import DOCKER, SANDBOX, Need
from forethought.envs.portal import run_sync
from forethought.envs.protocols import HERMES, TAGS, ToolProtocol
from forethought.envs.scoring import PROXY, Submission, checked, score_kind
from forethought.envs.snapshot import NO_TASK, Snapshot, fork, put, take
from forethought.envs.spaces import Text, as_text
from forethought.envs.task import Split, Task, split_of
from forethought.envs.tools import Tool, ToolResult, as_tool, is_tool, run_calls
from forethought.sandbox import Sandbox, as_snapshot, open_sandbox

Info = dict[str, Any]
Step = tuple[str, float, bool, bool, Info]

_MAX_DRAWS = 2000


class Env(gymnasium.Env[str, Action | str]):
    """Base of all environments; see the module docstring for how to write one."""

    metadata: ClassVar[dict[str, Any]] = {  # type: ignore[misc]
        "render_modes": [],
        "can_fork": False,
    }
    card: ClassVar[Card] = Card(traits=("skills",), horizon_unit="steps")
    instructions: str = ""
    """Rules that hold for every task; the agent loop puts them into the system message."""
    protocol: ToolProtocol = TAGS
    """How the model that acts here writes its tool calls; models set it."""
    observation_space: Text
    action_space: Text
    tool_names: ClassVar[tuple[str, ...]] = ()
    """Methods marked @tool, found by the class; those in `grants` come on top."""
    scorers: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Methods that score, found by the class, each with its kind."""

    def __init_subclass__(cls) -> None:
        """Find the marked methods once, not in every instance."""
        super().__init_subclass__()
        members = {name: getattr(cls, name) for name in dir(cls) if not name.startswith("__")}
        cls.tool_names = tuple(name for name, member in members.items() if is_tool(member))
        cls.scorers = tuple(
            (name, kind) for name, member in members.items() if (kind := score_kind(member))
        )
        cls.metadata = {**cls.metadata, "can_fork": cls.state_fields is not None}

    grants: ClassVar[tuple[Callable[..., object], ...]] = ()
    """Tools granted beside the methods marked @tool; see `forethought.envs.granted`."""
    state_fields: ClassVar[tuple[str, ...] | None] = None
    """Attributes that steps change and `begin` does not restore; None: it cannot be forked."""

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
        self.task = NO_TASK
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

    def starting_files(self) -> Mapping[str, bytes] | None:
        """What `self.task` puts into the working directory of its sandbox, by path."""
        return None

    async def begin(self) -> str:
        """Set the state up for `self.task`; returns what the agent reads first."""
        return self.task.prompt

    async def reply(self, text: str) -> str:
        """React to an action that holds no tool call; by default it is the final answer.

        Its plan and thoughts are no part of that.
        """
        return self.submit(without_plan(text))

    def max_steps(self) -> int:
        """Steps after which the episode is truncated: four times the horizon and eight."""
        return 4 * self.task.horizon + 8

    def oracle(self) -> str:
        """The expert's next action in the present state, plan text included."""
        raise NotImplementedError(f"{type(self).__name__} has no oracle")

    @classmethod
    def has_oracle(cls) -> bool:
        """Whether it has an expert to learn from and to check it with."""
        return cls.oracle is not Env.oracle

    @classmethod
    def needs(cls) -> tuple[Need, ...]:
        """What has to be on this machine, by default what the card says."""
        sandbox = (SANDBOX,) if cls.card.needs_sandbox and DOCKER not in cls.card.needs else ()
        return (*sandbox, *cls.card.needs)

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

    @property
    def parse(self) -> Parse:
        """Reads the calls of a reply. Where there are no tools only a tag is one, and refused.

        Other text may then be an answer that looks like a call, such as JSON or a list.
        """
        return self.protocol.parse if self.tools else HERMES.parse

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
        observation = await self.prepare(
            options["task"] if options.get("task") is not None else self._draw(seed),
            options.get("context") or Context(rng=np.random.default_rng(seed)),
        )
        return observation, {"task": self.task.id, "horizon": self.task.horizon, **self.info}

    async def astep(self, action: Action | str) -> Step:
        """Take one action: run its tool calls, or let the environment react to its text.

        Returns the observation, the reward (the score at the end, 0.0 before and when it could not
        be scored), terminated, truncated, and info with `results` (one ToolResult a call) and, at
        the end, `score` (None = unscored), `rewards` and `metrics` by name.
        """
        taken = action
        if isinstance(taken, str):
            taken = Action.of(taken, turn=self.num_steps, parse=self.parse)
        elif not isinstance(taken, Action):
            raise TypeError(f"an action is text or an Action, not {taken!r:.80}")
        self.num_steps += 1
        self.info = {}
        results: list[ToolResult] = []
        if taken.calls:
            results = await run_calls(taken.calls, self.tools, self.context)
            observation = "\n".join(result.text for result in results)
        else:
            observation = as_text(f"{type(self).__name__}.reply", await self.reply(taken.text))
        truncated = not self.over and self.num_steps >= self.max_steps()
        info: Info = {"results": tuple(results), **self.info}
        score: float | None = None
        if self.over or truncated:
            score, rewards, metrics = await self.ascore()
            info.update(score=score, rewards=rewards, metrics=metrics)
        return observation, score or 0.0, self.over, truncated, info

    async def ascore(self) -> tuple[float | None, dict[str, float | None], dict[str, float | None]]:
        """Score the present state: the mean reward (None if any is), rewards, metrics by name.

        Raises ValueError for a score that is NaN or infinite.
        """
        scores: dict[str, dict[str, float | None]] = {"reward": {}, "metric": {}}
        for name, kind in self.scorers:
            value = getattr(self, name)()
            known_as, shown = (PROXY + name, "metric") if kind == "proxy" else (name, kind)
            value = await value if inspect.isawaitable(value) else value
            scores[shown][known_as] = checked(f"{type(self).__name__}.{name}", value)
        values = list(scores["reward"].values())
        known = [value for value in values if value is not None]
        score = sum(known) / len(known) if known and len(known) == len(values) else None
        return score, scores["reward"], scores["metric"]

    async def aclose(self) -> None:
        """Release what the episode holds; safe to call twice and under cancellation."""
        with anyio.CancelScope(shield=True):
            await self.resources.aclose()

    async def asnapshot(self) -> Snapshot:
        """The present state, for `arestore`; see `forethought.envs.snapshot` for what it holds.

        Raises ValueError where `metadata["can_fork"]` is false.
        """
        return await take(self)

    async def arestore(self, snapshot: Snapshot) -> None:
        """Go on where a snapshot of such an environment was taken, as often as wanted."""
        await put(self, snapshot)

    async def afork(self, n: int) -> list[Self]:
        """`n` new environments in the present state, each with a sandbox and files of its own."""
        return await fork(self, n)

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

    def snapshot(self) -> Snapshot:
        """`asnapshot`, waited for."""
        return run_sync(self.asnapshot())

    def restore(self, snapshot: Snapshot) -> None:
        """`arestore`, waited for."""
        run_sync(self.arestore(snapshot))

    def fork(self, n: int) -> list[Self]:
        """`afork`, waited for."""
        return run_sync(self.afork(n))

    # How it works.

    async def prepare(self, task: Task, context: Context, *, files: bytes | None = None) -> str:
        """Give up the episode there was and begin one; `files` are there in its sandbox."""
        await self.resources.aclose()
        self.resources = AsyncExitStack()
        self.submitted, self.over, self.num_steps, self.info = None, False, 0, {}
        self.task, self.context = task, context
        if files is None and (started := self.starting_files()) is not None:
            files = as_snapshot(started)
        answer = "" if task.answer is None else str(task.answer)
        context.canary = Canary(answer=answer, question=task.prompt)
        if (self.card.needs_sandbox or files is not None) and context.sandbox is None:
            sandbox = LazySandbox(self.open_sandbox, files=files)
            self.resources.push_async_callback(sandbox.close)
            context.sandbox = sandbox
        return as_text(f"{type(self).__name__}.begin", await self.begin())

    def _draw(self, seed: int | None) -> Task:
        for _ in range(_MAX_DRAWS):
            horizon = self._horizon()
            task = self.make_task(self.np_random, horizon=horizon)
            if not isinstance(task, Task):
                raise TypeError(f"{type(self).__name__}.make_task gives {task!r:.80}, not a Task")
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
        found = [as_tool(getattr(self, name)) for name in self.tool_names]
        found.extend(as_tool(function) for function in self.grants)
        return {item.name: item for item in found}
