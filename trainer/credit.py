"""Credit: from the rewards of a group of episodes to an advantage for each sampled token.

Group statistics take one number an episode, however many segments and sub-agents it has; these
inherit it. Episodes that infrastructure broke have no reward and take no part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from forethought.agents.record.stop import OVERLONG
from forethought.agents.record.trajectory import Trajectory
from forethought.trainer.branches import branch_credit
from forethought.trainer.tree import Draw, Row

Overlong = Literal["mask", "penalise", "keep"]
Spread = Literal["episode", "branch"]
Estimator = Callable[[Sequence[float]], list[float]]

_PENALTY = 0.5


def centred(rewards_G: Sequence[float]) -> list[float]:
    """`R - mean` (Dr. GRPO, arXiv 2503.20783)."""
    mean = sum(rewards_G) / len(rewards_G)
    return [reward - mean for reward in rewards_G]


def standardised(rewards_G: Sequence[float]) -> list[float]:
    """`(R - mean) / std` (GRPO, arXiv 2402.03300); zeros where all rewards are equal."""
    centred_G = centred(rewards_G)
    std = (sum(value * value for value in centred_G) / len(centred_G)) ** 0.5
    return [value / std if std > 0 else 0.0 for value in centred_G]


def leave_one_out(rewards_G: Sequence[float]) -> list[float]:
    """`R_i` minus the mean of the others (RLOO, arXiv 2402.14740); 0 for a group of one."""
    size = len(rewards_G)
    if size == 1:
        return [0.0]
    return [value * size / (size - 1) for value in centred(rewards_G)]


ESTIMATORS: dict[str, Estimator] = {
    "centred": centred,
    "standardised": standardised,
    "leave_one_out": leave_one_out,
}


def informative(rewards_G: Sequence[float]) -> bool:
    """Whether a group teaches anything: its rewards differ."""
    return len(rewards_G) > 1 and max(rewards_G) - min(rewards_G) > 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class Credited:
    """Training rows of one optimiser step, and what was left out of them."""

    rows: tuple[Row, ...]
    num_groups: int
    num_informative: int
    num_unscored: int
    """Episodes without a reward: infrastructure failures and unscored ones."""
    num_overlong: int
    num_sampled: int
    """Tokens sampled in the episodes that should be trained on."""
    num_trained: int

    @property
    def coverage(self) -> float:
        """Trained over sampled tokens: 1.0 unless a segment lost some."""
        return self.num_trained / self.num_sampled if self.num_sampled else 1.0


def credit(
    groups: Sequence[Sequence[Trajectory]],
    *,
    estimator: str,
    overlong: Overlong,
    spread: Spread = "episode",
) -> Credited:
    """Advantages for every draw of every informative group.

    `spread` says how an episode's advantage reaches its tokens: "episode" gives it to each,
    "branch" to those where the episode parted from its siblings (see `branches`).

    Overlong episodes (cut off by a limit) keep their place in the group's statistics and then are
    "mask": not trained on (DAPO's filter); "penalise": lose 0.5 of reward; "keep": left alone.
    """
    rows: list[Row] = []
    num_informative = num_unscored = num_overlong = num_sampled = 0
    for group in groups:
        known = [episode for episode in group if episode.reward is not None]
        num_unscored += len(group) - len(known)
        num_overlong += sum(episode.stop in OVERLONG for episode in known)
        rewards_G = [_reward(episode, overlong) for episode in known]
        if not informative(rewards_G):
            continue
        num_informative += 1
        rows_G = _group_rows(known, ESTIMATORS[estimator](rewards_G), spread=spread)
        for episode, episode_row in zip(known, rows_G, strict=True):
            if overlong == "mask" and episode.stop in OVERLONG:
                continue
            rows.extend(episode_row)
            num_sampled += _num_sampled(episode)
    return Credited(
        rows=tuple(rows),
        num_groups=len(groups),
        num_informative=num_informative,
        num_unscored=num_unscored,
        num_overlong=num_overlong,
        num_sampled=num_sampled,
        num_trained=len({draw.key for row in rows for draw in row.draws}),
    )


def _group_rows(
    group: Sequence[Trajectory], advantages_G: Sequence[float], *, spread: Spread
) -> list[list[Row]]:
    rows_G = [
        episode_rows(episode, advantage)
        for episode, advantage in zip(group, advantages_G, strict=True)
    ]
    return branch_credit(rows_G, advantages_G) if spread == "branch" else rows_G


def _num_sampled(episode: Trajectory) -> int:
    """Sampled tokens that should be trained on."""
    return sum(
        len(call.completion) for call in episode.calls if _is_trained(call.logprobs, call.trainable)
    )


def episode_rows(episode: Trajectory, advantage: float) -> list[Row]:
    """The segments of an episode as training rows, every sampled token with the same advantage."""
    rows = []
    for segment in episode.segments():
        draws = [
            Draw(
                key=(segment.episode, span.call, position - span.start),
                position=position,
                logprob=(span.logprobs or ())[position - span.start],
                advantage=advantage,
            )
            for span in segment.spans
            if _is_trained(span.logprobs, span.trainable)
            for position in range(span.start, span.end)
        ]
        rows.append(Row(ids=segment.ids, draws=tuple(draws)))
    return rows


def _is_trained(logprobs: tuple[float, ...] | None, trainable: bool) -> bool:
    return trainable and logprobs is not None


def _reward(episode: Trajectory, overlong: Overlong) -> float:
    reward = episode.reward
    assert reward is not None
    if overlong == "penalise" and episode.stop in OVERLONG:
        return reward - _PENALTY
    return reward
