"""Misled: any environment, begun after mistakes, so that what is learnt is to recover.

An expert's episode teaches what to do when all went well. Here its first actions are already made,
and some of them were wrong; what was done and what came of it stands in the first observation. The
reward is that of the environment beneath. Beside its metrics: `recovered`.

A mistake is an action after which the expert needs no fewer steps than before, and still wins: one
that leads away where there is such, else one that does nothing. It is a move of the expert's own
plan at the wrong time, or one of the know-nothing policy. Instances without a mistake that can be
made good are drawn again.

Source: error-injected histories as in SCoRe's and Reflexion's second attempts (arXiv 2409.12917,
2303.11366), here inside one episode; the horizon is that of the environment beneath.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np

from forethought.envs.base import Env, Info, Step
from forethought.envs.calls import Action
from forethought.envs.card import Card
from forethought.envs.context import Context
from forethought.envs.lines import without_plan
from forethought.envs.registry import make
from forethought.envs.scoring import metric
from forethought.envs.task import Split, Task

_MAX_DRAWS = 50
_NUM_EACH = 4
"""Actions of the expert, and of the know-nothing policy, that are tried as a mistake."""
_MOST_RIGHT = 8
"""Right actions before a mistake, so that what happened can be read."""
_TIMES_AS_LONG = 4
"""What happened up to a mistake, beside a prompt of the environment beneath."""
_KEPT = ("submitted", "over", "num_steps")


class NoWayBack(ValueError):
    """An instance has no mistake that can be made good."""


class Misled(Env):
    """`mistakes` wrong actions among the first ones in the environment `env`; see the module.

    `options` are those of `env`, which has an expert, can be forked and needs no sandbox.
    """

    card = Card(
        traits=("strategy",),
        horizon_unit="as beneath",
        horizons=(1, 256),
        floor=0.015,
        prompt_chars=_TIMES_AS_LONG * 8000,
        source="error-injected histories (compare SCoRe, arXiv 2409.12917)",
    )
    state_fields = ("inner_state",)

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        env: str = "blocksworld-v0",
        mistakes: int = 1,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if mistakes < 1:
            raise ValueError(f"mistakes is 1 or more, not {mistakes}; else use {env!r} itself")
        twice = sorted({"horizon", "split"} & set(options or {}))
        if twice:
            raise ValueError(f"{twice[0]} is given to misled-v0 itself, not among the options")
        self.env = env
        self.options = dict(options or {}) | {"horizon": horizon, "split": split}
        self.inner = make(env, **self.options)
        if not self.inner.has_oracle() or self.inner.state_fields is None:
            raise ValueError(f"{env!r} cannot be misled: it needs an oracle and state_fields")
        if self.inner.card.needs_sandbox:
            raise ValueError(f"{env!r} cannot be misled: it needs a sandbox, whose files remain")
        told = _TIMES_AS_LONG * mistakes * self.inner.card.prompt_chars
        self.card = replace(self.inner.card, prompt_chars=told)  # type: ignore[misc]
        super().__init__(horizon=horizon, split=split)
        self.instructions, self.tools = self.inner.instructions, self.inner.tools
        self.mistakes = mistakes
        self._misled: tuple[Task, tuple[str, ...]] | None = None
        """The task and the actions that were made in it beforehand."""

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """A task of the environment beneath."""
        return self.inner.make_task(rng, horizon=horizon)

    async def areset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, Info]:
        """Start an episode; see `Env.areset`. Instances that allow no mistake are drawn again.

        Raises NoWayBack for such a task among the options, RuntimeError where all draws are such.
        """
        given = dict(options or {})
        if given.get("task") is not None:
            return await super().areset(seed=seed, options=given)
        gymnasium.Env.reset(self, seed=seed)
        for _ in range(_MAX_DRAWS):
            context = given.get("context") or Context(rng=np.random.default_rng(seed))
            drawn = given | {"task": self._draw(seed), "context": context}
            try:
                return await super().areset(options=drawn)
            except NoWayBack:
                continue
        raise RuntimeError(
            f"none of {_MAX_DRAWS} instances of {self.env!r} has {self.mistakes} mistakes that can "
            "be made good; try fewer, or another horizon"
        )

    async def begin(self) -> str:
        """Make the first actions, mistakes among them; returns all that happened."""
        if self._misled is None or self._misled[0] != self.task:
            self._misled = (self.task, await self._draw_actions())
        self.inner = make(self.env, **self.options)
        self.tools = self.inner.tools
        told = [await self.inner.prepare(self.task, self.context), "", "So far:"]
        for action in self._misled[1]:
            observation, *_ = await self.inner.astep(action)
            told += [f"> {line}" for line in action.splitlines()] + [observation]
        self.inner.num_steps = 0
        return "\n".join(told)

    async def astep(self, action: Action | str) -> Step:
        """A step of the environment beneath."""
        self.inner.protocol = self.protocol
        observation, _, over, truncated, info = await self.inner.astep(action)
        self.over, self.num_steps = self.inner.over, self.inner.num_steps
        self.submitted = self.inner.submitted
        if over or truncated:
            info["metrics"] = info["metrics"] | {"recovered": await self.recovered()}
        return observation, info.get("score") or 0.0, over, truncated, info

    async def ascore(self) -> tuple[float | None, dict[str, float | None], dict[str, float | None]]:
        """The score beneath, and `recovered` among the metrics."""
        score, rewards, metrics = await self.inner.ascore()
        return score, rewards, metrics | {"recovered": await self.recovered()}

    @metric
    async def recovered(self) -> float | None:
        """1 if the mistakes cost nothing in the end; None if it could not be scored."""
        score, _, _ = await self.inner.ascore()
        return None if score is None else float(score == 1)

    def max_steps(self) -> int:
        """As many as the environment beneath gives to an episode from its start."""
        return self.inner.max_steps()

    def oracle(self) -> str:
        """The expert's next action from where the mistakes have led."""
        return self.inner.oracle()

    def floor(self, rng: np.random.Generator) -> str:
        """The next action of the environment's own know-nothing policy."""
        return self.inner.floor(rng)

    @property
    def inner_state(self) -> dict[str, Any]:
        """What steps change in the environment beneath."""
        return {name: getattr(self.inner, name) for name in self._inner_fields()}

    @inner_state.setter
    def inner_state(self, state: dict[str, Any]) -> None:
        for name in self._inner_fields():
            setattr(self.inner, name, state[name])

    def _inner_fields(self) -> tuple[str, ...]:
        return (*_KEPT, *(self.inner.state_fields or ()))

    async def _draw_actions(self) -> tuple[str, ...]:
        """Actions to begin with, the last one a mistake. Raises NoWayBack."""
        digest = hashlib.sha256(self.task.model_dump_json(include={"prompt", "data"}).encode())
        rng = np.random.default_rng(list(digest.digest()))
        scout = make(self.env, **self.options)
        await scout.prepare(self.task, Context(rng=np.random.default_rng(0)))
        actions: list[str] = []
        try:
            for _ in range(self.mistakes):
                ahead = await _expert_actions(scout)
                if not ahead:
                    raise NoWayBack(f"task {self.task.id!r}: the expert does not solve it")
                num_right = min(int(rng.integers((len(ahead) + 1) // 2)), _MOST_RIGHT)
                for action in ahead[:num_right]:
                    await _take(scout, action)
                actions += ahead[:num_right]
                actions.append(await self._draw_mistake(scout, ahead[num_right:], rng))
                await _take(scout, actions[-1])
        finally:
            await scout.aclose()
        return tuple(without_plan(action) for action in actions)

    async def _draw_mistake(
        self, scout: Env, ahead: Sequence[str], rng: np.random.Generator
    ) -> str:
        """A mistake in the state of `scout`, where the expert would go on with `ahead`."""
        later = [ahead[1:][int(pick)] for pick in rng.permutation(len(ahead) - 1)[:_NUM_EACH]]
        ideas = later + [scout.floor(rng) for _ in range(_NUM_EACH)]
        idle = None
        for action in dict.fromkeys(without_plan(idea) for idea in ideas):
            cost = await _cost_after(scout, action)
            if cost is not None and cost > len(ahead):
                return action
            if cost == len(ahead):
                idle = action
        if idle is None:
            raise NoWayBack(f"task {self.task.id!r} has no mistake that can be made good")
        return idle


async def _expert_actions(env: Env) -> list[str]:
    """What the expert does from here to success; empty if it does not succeed."""
    (twin,) = await env.afork(1)
    try:
        return await _played_out(twin)
    finally:
        await twin.aclose()


async def _cost_after(env: Env, action: str) -> int | None:
    """Steps that the expert needs after an action; None if it ends the episode or all hope."""
    (twin,) = await env.afork(1)
    try:
        return len(await _played_out(twin)) or None if await _take(twin, action) else None
    finally:
        await twin.aclose()


async def _played_out(env: Env) -> list[str]:
    """The expert's actions to the end of the episode; empty if it does not succeed."""
    actions: list[str] = []
    while True:
        actions.append(env.oracle())
        _, _, over, truncated, info = await env.astep(actions[-1])
        if over or truncated:
            return actions if info["score"] == 1 else []


async def _take(env: Env, action: str) -> bool:
    """Take an action as if the episode began with it; whether it goes on."""
    _, _, over, truncated, _ = await env.astep(action)
    env.num_steps = 0
    return not (over or truncated)
