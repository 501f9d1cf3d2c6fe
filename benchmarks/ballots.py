"""Ballots: what more samples of one policy would be worth, told from those already on record.

A ballot is a set of answers to one question and which of them are right. From it follows, without
another run, how often one answer is right (mean), the one that most of fewer or more of them give
(majority), and at least one of them (oracle, pass@n: what a perfect choice would reach). Where the
answers were merged or judged, that choice stands beside them at the number it was made from. As a
rule oracle >= merge >= majority >= mean; a policy that is wrong more often than right breaks the
last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from statistics import fmean

import numpy as np
from pydantic import BaseModel, ConfigDict

from forethought.agents.delegate.votes import majority
from forethought.agents.record.events import Vote
from forethought.agents.record.trajectory import Trajectory
from forethought.benchmarks.stats import pass_at_k
from forethought.envs.rewards import exact_match, normalise

MAX_SUBSETS = 2000
"""Subsets of a ballot that are counted one by one; of more, so many are drawn."""
_CHOICES = ("merge", "best_of")


@dataclass(frozen=True, kw_only=True, slots=True)
class Ballot:
    """Answers to one question; None where a sample gave none, which is wrong and no vote."""

    answers: tuple[str | None, ...]
    right: tuple[bool, ...]
    decided: bool | None = None
    """Whether what a merger or judge made of all of them is right; None if none did."""

    def __post_init__(self) -> None:
        if len(self.answers) != len(self.right):
            raise ValueError(f"{len(self.answers)} answers but {len(self.right)} verdicts")


class AccuracyRow(BaseModel):
    """Accuracies with n answers a question."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int
    num_questions: int
    """Questions that have so many answers."""
    mean: float
    majority: float
    decided: float | None
    """By a merger or judge, over the questions where one chose between n answers."""
    num_decided: int
    oracle: float


def accuracy_by_n(ballots: Sequence[Ballot], *, seed: int = 0) -> tuple[AccuracyRow, ...]:
    """A row for n = 1, 2, 4 ... and the greatest n, over the ballots with at least n answers.

    Each value is the expectation over all subsets of n answers of a ballot, for the majority over
    `MAX_SUBSETS` of them drawn by `seed` where there are more.
    """
    sizes = {len(ballot.answers) for ballot in ballots}
    if not sizes or max(sizes) < 2:
        return ()
    decided = {len(ballot.answers) for ballot in ballots if ballot.decided is not None}
    powers = {2**i for i in range(max(sizes).bit_length()) if 2**i <= max(sizes)}
    rng = np.random.default_rng(seed)
    return tuple(_row(ballots, n, rng) for n in sorted(powers | {max(sizes)} | decided))


def sampled(episodes: Iterable[tuple[str, str | None, bool]]) -> list[Ballot]:
    """A ballot for each task from (task, final answer, success) of its episodes."""
    tasks: dict[str, list[tuple[str | None, bool]]] = {}
    for task, answer, success in episodes:
        tasks.setdefault(task, []).append((answer, success))
    return [
        Ballot(
            answers=tuple(answer for answer, _ in group), right=tuple(right for _, right in group)
        )
        for group in tasks.values()
    ]


def voted(trajectory: Trajectory) -> list[Ballot]:
    """The recorded votes whose outcome the agent gave as its answer to the task.

    A vote on a part of the task has no answer to be compared with. An answer is right if it is the
    task's, or if it is the one that the episode succeeded with. Empty where the task names no
    answer and the episode failed: then nobody knows which of them was right.
    """
    end, gold = trajectory.end, trajectory.start.task.answer
    reward = trajectory.reward
    if end is None or end.answer is None or reward is None:
        return []
    golds = [gold] if isinstance(gold, str) else []
    golds += [end.answer] if reward >= 1.0 - 1e-9 else []
    if not golds:
        return []
    final = normalise(end.answer)
    votes = (event for event in trajectory.events if isinstance(event, Vote))
    return [
        _of_vote(vote, golds)
        for vote in votes
        if vote.reduce != "all" and len(vote.answers) > 1 and normalise(vote.chosen) == final
    ]


def _of_vote(vote: Vote, golds: Sequence[str]) -> Ballot:
    is_decided = vote.reduce in _CHOICES
    return Ballot(
        answers=vote.answers,
        right=tuple(exact_match(answer, golds) == 1.0 for answer in vote.answers),
        decided=exact_match(vote.chosen, golds) == 1.0 if is_decided else None,
    )


def _row(ballots: Sequence[Ballot], n: int, rng: np.random.Generator) -> AccuracyRow:
    ready = [ballot for ballot in ballots if len(ballot.answers) >= n]
    chosen = [
        ballot.decided
        for ballot in ready
        if len(ballot.answers) == n and ballot.decided is not None
    ]
    return AccuracyRow(
        n=n,
        num_questions=len(ready),
        mean=fmean(fmean(ballot.right) for ballot in ready),
        majority=fmean(_majority(ballot, n, rng) for ballot in ready),
        decided=fmean(chosen) if chosen else None,
        num_decided=len(chosen),
        oracle=fmean(pass_at_k(len(b.right), sum(b.right), n) for b in ready),
    )


def _majority(ballot: Ballot, n: int, rng: np.random.Generator) -> float:
    """Share of the subsets of n answers whose majority is right."""
    size = len(ballot.answers)
    if comb(size, n) <= MAX_SUBSETS:
        subsets = list(combinations(range(size), n))
    else:
        draws = (rng.choice(size, n, replace=False) for _ in range(MAX_SUBSETS))
        subsets = [tuple(sorted(int(index) for index in draw)) for draw in draws]
    return fmean(_is_right(ballot, subset) for subset in subsets)


def _is_right(ballot: Ballot, subset: Sequence[int]) -> bool:
    given = [(answer, at) for at in subset if (answer := ballot.answers[at]) is not None]
    if not given:
        return False
    winner = majority([answer for answer, _ in given])
    return ballot.right[next(at for answer, at in given if answer == winner)]
