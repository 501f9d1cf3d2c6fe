"""Promises about episodes: they can be replayed, forked, and played beside others."""

from __future__ import annotations

import asyncio
import warnings
from math import inf

from gymnasium.utils.env_checker import check_env as check_gymnasium

from forethought.envs.check.promise import Broken, NothingToCheck
from forethought.envs.check.subject import Check, Subject
from forethought.envs.play import Episode, play, play_forked, play_in_turn, recorded


async def _replay(subject: Subject) -> str:
    firsts = [(seed, await subject.floor(seed)) for seed in subject.seeds[:3]]
    if subject.has_oracle:
        firsts += [(seed, await subject.expert(seed)) for seed in subject.seeds[:2]]
    for seed, first in firsts:
        second = await play(subject.make, seed, recorded(first.actions))
        _compare(
            f"seed {seed} with the same actions",
            first,
            second,
            advice="observations and rewards may depend on seed and actions alone",
        )
    return "same seed and actions give the same observations and rewards"


async def _forks(subject: Subject) -> str:
    if not subject.make().metadata["can_fork"]:
        raise NothingToCheck("it names no state_fields, so it cannot be forked")
    for seed in subject.seeds[:2]:
        for whole in await subject.both(seed):
            for episode in await play_forked(subject.make, seed, whole.actions):
                _compare(
                    f"seed {seed}, forked half-way",
                    whole,
                    episode,
                    advice="name in state_fields every attribute that steps change",
                )
    return "two forks, a restored snapshot and the original all go on as without a fork"


async def _isolation(subject: Subject) -> str:
    pair = subject.seeds[:2]
    alone = [episode for seed in pair for episode in await subject.both(seed)]
    seeds = [seed for seed in pair for _ in await subject.both(seed)]
    together = await play_in_turn(
        subject.make, seeds, [recorded(episode.actions) for episode in alone]
    )
    for seed, one, other in zip(seeds, alone, together, strict=True):
        _compare(
            f"seed {seed} beside another instance",
            one,
            other,
            advice="keep state in self, not in the class, the module or a file",
        )
    return f"{len(alone)} at once, step by step in turn, go as they go alone"


async def _spaces(subject: Subject) -> str:
    env = subject.make()
    num_texts = 0
    for seed in subject.seeds[:2]:
        for episode in await subject.both(seed):
            for space, texts in (
                (env.observation_space, episode.observations),
                (env.action_space, episode.actions),
            ):
                strange = [text for text in texts if not space.contains(text)]
                if strange:
                    raise Broken(
                        f"{str(strange[0])[:40]!r} is not in {space}; it is text, as long as it "
                        "allows, that agents read and write"
                    )
                num_texts += len(texts)
            if episode.score is not None and not -inf < episode.score <= 1:
                raise Broken(
                    f"seed {seed} scores {episode.score:g}; a reward is a number up to 1, or None "
                    "where it could not be told"
                )
    return f"{num_texts} observations and actions are in their spaces, and no score is above 1"


async def _gymnasium(subject: Subject) -> str:
    def check() -> None:
        env = subject.make()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_gymnasium(env, skip_render_check=True)
        env.close()

    await asyncio.to_thread(check)
    return "gymnasium.utils.env_checker finds nothing"


EPISODES: dict[str, Check] = {
    "replay is identical": _replay,
    "forks are identical": _forks,
    "instances are isolated": _isolation,
    "texts and scores are in range": _spaces,
    "Gymnasium agrees": _gymnasium,
}


def _compare(what: str, first: Episode, second: Episode, *, advice: str) -> None:
    if first.observations != second.observations:
        raise Broken(f"{what}: other observations; {advice}")
    if (first.rewards, first.score) != (second.rewards, second.score):
        raise Broken(f"{what}: other rewards; {advice}")
