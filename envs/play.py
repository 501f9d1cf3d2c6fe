"""Episodes played by a policy without a model, recorded so that they can be compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from copy import deepcopy
from dataclasses import dataclass, field

import anyio.lowlevel
import numpy as np

from forethought.envs.base import Env
from forethought.envs.task import Task

Policy = Callable[[Env], str]
Factory = Callable[..., Env]


@dataclass(kw_only=True, slots=True)
class Episode:
    """What was done and what came back."""

    task: Task
    observations: list[str]
    actions: list[str] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    score: float | None = None
    """None when the episode could not be scored."""
    is_over: bool = False


async def play(factory: Factory, seed: int, policy: Policy) -> Episode:
    """One episode from its seed to its end."""
    return (await play_in_turn(factory, [seed], [policy]))[0]


async def play_in_turn(
    factory: Factory, seeds: Sequence[int], policies: Sequence[Policy]
) -> list[Episode]:
    """Several episodes at once, one step of each in turn, every environment closed at the end."""
    async with AsyncExitStack() as stack:
        envs = [factory() for _ in seeds]
        for env in envs:
            stack.push_async_callback(env.aclose)
        episodes = []
        for env, seed in zip(envs, seeds, strict=True):
            prompt, _ = await env.areset(seed=seed)
            episodes.append(Episode(task=env.task, observations=[prompt]))
        while not all(episode.is_over for episode in episodes):
            for env, episode, policy in zip(envs, episodes, policies, strict=True):
                if not episode.is_over:
                    await _step(env, episode, policy)
        return episodes


async def play_forked(factory: Factory, seed: int, actions: Sequence[str]) -> list[Episode]:
    """The same actions half-way, then on in each of four, one after the other.

    Those are two forks, a new environment that a snapshot is restored in, and the original.
    """
    async with AsyncExitStack() as stack:
        env = factory()
        stack.push_async_callback(env.aclose)
        prompt, _ = await env.areset(seed=seed)
        begun = Episode(task=env.task, observations=[prompt])
        for _ in range(len(actions) // 2):
            await _step(env, begun, recorded(actions))
        twins = [*await env.afork(2), factory()]
        for twin in twins:
            stack.push_async_callback(twin.aclose)
        await twins[-1].arestore(await env.asnapshot())
        episodes = []
        for each in (*twins, env):
            episode = deepcopy(begun)
            while not episode.is_over:
                await _step(each, episode, recorded(actions))
            episodes.append(episode)
        return episodes


async def play_part(factory: Factory, seed: int, actions: Sequence[str]) -> float | None:
    """The score of the state that these actions lead to, whether or not they end the episode."""
    env = factory()
    try:
        await env.areset(seed=seed)
        for action in actions:
            await env.astep(action)
        return (await env.ascore())[0]
    finally:
        await env.aclose()


def oracle(env: Env) -> str:
    """The expert's action."""
    return env.oracle()


def nothing(env: Env) -> str:
    """An empty action."""
    return ""


def saying(text: str) -> Policy:
    """The same text over and over."""
    return lambda env: text


def floor(seed: int) -> Policy:
    """The environment's own know-nothing policy, with a stream of its own."""
    rng = np.random.default_rng(seed)
    return lambda env: env.floor(rng)


def recorded(actions: Sequence[str]) -> Policy:
    """The actions of an earlier episode."""
    return lambda env: actions[env.num_steps]


async def _step(env: Env, episode: Episode, policy: Policy) -> None:
    # an episode without end can be given up, even if none of its steps waits
    await anyio.lowlevel.checkpoint()
    action = policy(env)
    observation, reward, terminated, truncated, info = await env.astep(action)
    episode.actions.append(action)
    episode.observations.append(observation)
    episode.rewards.append(reward)
    episode.is_over = terminated or truncated
    if episode.is_over:
        episode.score = info["score"]
