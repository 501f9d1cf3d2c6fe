"""The promise that the card's smallest and largest horizons can be made, read and solved."""

from __future__ import annotations

import inspect

from forethought.envs.base import Env
from forethought.envs.check.promise import Broken, NothingToCheck
from forethought.envs.check.subject import Check, Subject
from forethought.envs.play import Episode, nothing, oracle, play


async def _horizons(subject: Subject) -> str:
    ends = subject.card.horizons
    for horizon in sorted(set(ends)):
        _require_as_stated(await _played(subject, horizon), horizon, subject)
    told = "the expert wins at both" if subject.has_oracle else "both begin"
    return f"{ends[0]} and {ends[1]} {subject.card.horizon_unit}: {told}"


HORIZONS: dict[str, Check] = {"horizons are what the card says": _horizons}


async def _played(subject: Subject, horizon: int) -> Episode:
    """The expert's episode, or one in which nothing is done."""
    kind = subject.kind
    if subject.is_function or kind is None:
        raise NothingToCheck("it is made by a function, which may take no horizon; check its class")
    if kind._draw is not Env._draw:
        raise NothingToCheck("its tasks come with the horizons that they have")
    if "horizon" not in inspect.signature(kind).parameters:
        raise NothingToCheck("its __init__ takes no horizon")

    def make(**options: object) -> Env:
        return subject.make(horizon=horizon, **options)

    return await play(make, subject.seeds[0], oracle if subject.has_oracle else nothing)


def _require_as_stated(episode: Episode, horizon: int, subject: Subject) -> None:
    """Raises Broken for an episode that is not as the card says."""
    length, most = len(episode.observations[0]), subject.card.prompt_chars
    if episode.task.horizon != horizon:
        raise Broken(
            f"asked for horizon {horizon}, make_task says {episode.task.horizon}; leave it out "
            "of the task, or narrow horizons on the card"
        )
    if length > most:
        raise Broken(
            f"at horizon {horizon} the prompt has {length} characters; at most {most} are stated: "
            "shorten it, narrow horizons, or state prompt_chars on the card"
        )
    if subject.has_oracle and episode.score != 1:
        raise Broken(
            f"at horizon {horizon} the expert scores {episode.score}; mend it, or narrow horizons "
            "on the card"
        )
