"""AsyncPool: thousands of environments on one event loop, as a Gymnasium vector environment.

Steps of different environments run together; what waits (a model, a sandbox, a web page) costs
nothing meanwhile. There are two faces; use one of them on any one pool, since an environment's
resources belong to the loop that opened them:

- `reset` / `step` / `close`, Gymnasium's: all together, waited for. Nothing is reset by itself; a
  finished environment is skipped (reward 0, last observation, flags as they were) until a `reset`
  whose option `reset_mask` holds its index.
- `areset` / `asend` / `arecv` / `aclose`: send actions to some, receive whoever is ready first.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias, TypeVar

import anyio
import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from forethought.envs.base import Env, Info, Step
from forethought.envs.calls import Action
from forethought.envs.portal import run_sync
from forethought.envs.registry import make
from forethought.sandbox import Holder, holding

Observations: TypeAlias = tuple[str, ...]
Item = TypeVar("Item")
Actions: TypeAlias = Sequence[Action | str]
Flags: TypeAlias = NDArray[np.bool_]
Steps: TypeAlias = tuple[Observations, NDArray[np.float64], Flags, Flags, Info]


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """What one environment answered."""

    index: int
    observation: str
    reward: float = 0.0
    terminated: bool = False
    truncated: bool = False
    info: Info = field(default_factory=dict)
    """As `Env.astep` gives it; after a missed deadline `{"deadline_s": limit, "score": None}`."""


class AsyncPool(VectorEnv[Observations, Actions, NDArray[Any]]):
    """`num_envs` environments made by `make_env`, stepping concurrently on one loop.

    `deadline_s` bounds each step; an environment that misses it is cancelled, closed and counts
    as truncated and unscored. None waits for ever.
    """

    metadata = {"autoreset_mode": AutoresetMode.DISABLED, "render_modes": []}  # noqa: RUF012

    def __init__(
        self, make_env: Callable[[], Env], *, num_envs: int = 1, deadline_s: float | None = None
    ) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs is at least 1, not {num_envs}")
        self.num_envs = num_envs
        self.deadline_s = deadline_s
        self.envs = tuple(make_env() for _ in range(num_envs))
        self._holders = tuple(Holder() for _ in range(num_envs))
        self.single_observation_space = self.envs[0].observation_space
        self.single_action_space = self.envs[0].action_space
        self.observation_space = gymnasium.spaces.Tuple((self.single_observation_space,) * num_envs)
        self.action_space = gymnasium.spaces.Tuple((self.single_action_space,) * num_envs)
        self._latest = [
            Received(index=index, observation="", truncated=True) for index in range(num_envs)
        ]
        self._running: dict[int, asyncio.Task[None]] = {}
        self._ready: deque[tuple[int, Received | Exception]] = deque()
        self._wake = asyncio.Event()

    @property
    def is_finished(self) -> Flags:
        """Which environments have ended, or were never reset."""
        return np.array([item.terminated or item.truncated for item in self._latest])

    # The async face.

    async def areset(
        self,
        seeds: Mapping[int, int | None],
        *,
        options: Mapping[int, Mapping[str, Any]] | None = None,
    ) -> list[Received]:
        """Start an episode in each environment that is a key of `seeds`, all together."""
        self._check_free(seeds)
        chosen = options or {}
        return await self._together(
            {index: self._reset(index, seed, chosen.get(index)) for index, seed in seeds.items()}
        )

    def asend(
        self, actions: Mapping[int, Action | str], *, deadlines_s: Mapping[int, float] | None = None
    ) -> None:
        """Begin a step in each environment that is a key; `arecv` gives the answers.

        Must be called on a running loop. Raises ValueError, before anything has begun, for an
        environment that has ended or has not been received since it was last sent to.
        """
        self._check_free(actions)
        for index in actions:
            if self._latest[index].terminated or self._latest[index].truncated:
                raise ValueError(f"environment {index} has ended; reset it first")
        loop = asyncio.get_running_loop()
        limits = deadlines_s or {}
        for index, action in actions.items():
            work = self._answer(index, action, limits.get(index, self.deadline_s))
            self._running[index] = loop.create_task(work)

    async def arecv(self, at_least: int = 1) -> list[Received]:
        """Answers in the order they came, as soon as there are `at_least`, or as many as run.

        What an environment itself raises rises here, with a note saying which one it was; the
        answers of the others stay to be received.
        """
        while len(self._ready) < min(at_least, len(self._running)):
            self._wake.clear()
            await self._wake.wait()
        received: list[Received] = []
        while self._ready:
            index, answer = self._ready[0]
            if isinstance(answer, Exception) and received:
                break
            self._ready.popleft()
            del self._running[index]
            if isinstance(answer, Exception):
                raise answer
            self._latest[index] = answer
            received.append(answer)
        return received

    async def aclose(self) -> None:
        """Cancel what runs and close every environment; safe to call twice."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._running.clear()
        self._ready.clear()
        await asyncio.gather(*(env.aclose() for env in self.envs))
        self.closed = True

    # The sync face.

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observations, Info]:
        """Start an episode in every environment; environment i gets `seed` + i, or `seed[i]`.

        Options: `reset_mask` (only these), `tasks` (one Task or None an environment).
        """
        super().reset(seed=seed if isinstance(seed, int) else None)
        options = options or {}
        unknown = set(options) - {"reset_mask", "tasks"}
        if unknown:
            raise ValueError(f"unknown options {sorted(unknown)}; there are: reset_mask, tasks")
        mask = self._each("reset_mask", options.get("reset_mask", (True,) * self.num_envs))
        tasks = self._each("tasks", options.get("tasks", (None,) * self.num_envs))
        if seed is None or isinstance(seed, int):
            seed = [None if seed is None else seed + index for index in range(self.num_envs)]
        seeds = self._each("seed", seed)
        chosen = [index for index in range(self.num_envs) if mask[index]]
        received = run_sync(
            self.areset(
                {index: seeds[index] for index in chosen},
                options={index: {"task": tasks[index]} for index in chosen},
            )
        )
        return self._observations(), self._infos(received)

    def step(self, actions: Actions) -> Steps:
        """One action for each environment; those for finished environments are not looked at."""
        each = self._each("actions", actions)
        going = [int(index) for index in np.flatnonzero(~self.is_finished)]
        received = run_sync(
            self._together(
                {index: self._step(index, each[index], self.deadline_s) for index in going}
            )
        )
        rewards = np.zeros(self.num_envs)
        rewards[going] = [item.reward for item in received]
        terminated = np.array([item.terminated for item in self._latest])
        truncated = np.array([item.truncated for item in self._latest])
        return self._observations(), rewards, terminated, truncated, self._infos(received)

    def close_extras(self, **kwargs: Any) -> None:
        """Called by `close`, once."""
        run_sync(self.aclose())

    # How it works.

    async def _reset(
        self, index: int, seed: int | None, options: Mapping[str, Any] | None
    ) -> Received:
        with holding(self._holders[index]):
            observation, info = await self.envs[index].areset(seed=seed, options=options)
        return Received(index=index, observation=observation, info=info)

    async def _answer(self, index: int, action: Action | str, limit_s: float | None) -> None:
        """Take a step and put what comes of it where `arecv` finds it."""
        answer: Received | Exception
        try:
            answer = await self._step(index, action, limit_s)
        except Exception as error:  # noqa: BLE001 - it rises in arecv
            error.add_note(f"in environment {index} of the pool")
            answer = error
        self._ready.append((index, answer))
        self._wake.set()

    async def _step(self, index: int, action: Action | str, limit_s: float | None) -> Received:
        env = self.envs[index]
        with holding(self._holders[index]):
            if limit_s is None:
                return _received(index, await env.astep(action))
            with anyio.move_on_after(limit_s):
                return _received(index, await env.astep(action))
        await env.aclose()
        late: Info = {"deadline_s": limit_s, "score": None}
        latest = self._latest[index].observation
        return Received(index=index, observation=latest, truncated=True, info=late)

    async def _together(self, work: Mapping[int, Coroutine[Any, Any, Received]]) -> list[Received]:
        """Run all to their end, then raise the first error, if any."""
        outcomes = await asyncio.gather(*work.values(), return_exceptions=True)
        received = [outcome for outcome in outcomes if isinstance(outcome, Received)]
        for item in received:
            self._latest[item.index] = item
        for index, outcome in zip(work, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                outcome.add_note(f"in environment {index} of the pool")
                raise outcome
        return received

    def _check_free(self, indices: Iterable[int]) -> None:
        for index in indices:
            if not 0 <= index < self.num_envs:
                raise ValueError(f"no environment {index}; there are 0 to {self.num_envs - 1}")
            if index in self._running:
                raise ValueError(f"environment {index} has an answer to be received first")

    def _each(self, name: str, items: Sequence[Item]) -> Sequence[Item]:
        if len(items) != self.num_envs:
            raise ValueError(f"{name} holds {len(items)} items for {self.num_envs} environments")
        return items

    def _observations(self) -> Observations:
        return tuple(item.observation for item in self._latest)

    def _infos(self, received: Iterable[Received]) -> Info:
        """Gymnasium's form: an array a key, and under `_key` whose entries are meant."""
        infos: Info = {}
        for item in received:
            infos = self._add_info(infos, item.info, item.index)
        return infos


def _received(index: int, step: Step) -> Received:
    observation, reward, terminated, truncated, info = step
    return Received(
        index=index,
        observation=observation,
        reward=reward,
        terminated=terminated,
        truncated=truncated,
        info=info,
    )


def __getattr__(name: str) -> Callable[..., AsyncPool]:
    """A maker of pools for the environment id `name`.

    Gymnasium does not tell a vector entry point which environment it is asked for, and an entry
    point must be text for specs to be saved as JSON; so the id stands in the entry point:
    `forethought.envs.pool:forethought/blocksworld-v0`.
    """
    if "/" not in name:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def make_pool(
        *, num_envs: int = 1, deadline_s: float | None = None, **options: Any
    ) -> AsyncPool:
        return AsyncPool(partial(make, name, **options), num_envs=num_envs, deadline_s=deadline_s)

    return make_pool
