"""The promise that who names several answers at once has not given the right one."""

from __future__ import annotations

import re

from forethought.envs.base import Env
from forethought.envs.check.luck import most
from forethought.envs.check.promise import Broken, NothingToCheck
from forethought.envs.check.subject import Check, Subject
from forethought.envs.play import Episode, Policy, play
from forethought.envs.task import Task


async def _hedging(subject: Subject) -> str:
    experts = {seed: await subject.expert(seed) for seed in subject.seeds}
    answers = {_answer(episode.task) for episode in experts.values()} - {""}
    hedges = {seed: _hedged(episode, answers) for seed, episode in experts.items()}
    tried = {seed: actions for seed, actions in hedges.items() if actions}
    if not tried:
        raise NothingToCheck("no expert ends with an answer that stands in its task")
    scores = [
        (await play(subject.make, seed, _going_on(actions))).score
        for seed, actions in tried.items()
    ]
    won = scores.count(1.0)
    if won / len(tried) > most(subject.card.floor, len(tried)):
        raise Broken(
            f"{won} of {len(tried)} episodes score 1 for the answer among wrong ones "
            f"({_end(next(iter(tried.values())))}); compare the whole answer, or take the last one "
            "named"
        )
    return f"the answer among wrong ones scores 1 in {won} of {len(tried)} episodes"


HEDGING: dict[str, Check] = {"hedging does not win": _hedging}


def _answer(task: Task) -> str:
    """The answer in words; empty where it has another form."""
    is_plain = isinstance(task.answer, str | int | float)
    return str(task.answer).strip() if is_plain else ""


def _hedged(episode: Episode, answers: set[str]) -> list[str]:
    """The expert's actions with wrong answers before and after the right one in the last.

    Empty where the last action does not say the answer, or there is no other one to name.
    """
    answer, last = _answer(episode.task), episode.actions[-1]
    others = sorted(answers - {answer})
    said = list(re.finditer(rf"(?<![\w.]){re.escape(answer)}(?![\w.])", last)) if answer else []
    if not said or not others:
        return []
    begin, end = said[-1].span()
    several = f"{others[0]}, {answer}, {others[-1]}"
    return [*episode.actions[:-1], last[:begin] + several + last[end:]]


def _going_on(actions: list[str]) -> Policy:
    """One action after the other, and then the last again and again."""

    def act(env: Env) -> str:
        return actions[min(env.num_steps, len(actions) - 1)]

    return act


def _end(actions: list[str]) -> str:
    return repr(actions[-1][-60:])
