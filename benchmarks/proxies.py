"""Proxies: how far what a lazy checker would pay runs ahead of the true reward.

An agent that is trained, or searches hard, finds what is paid and not what is meant: a boat that
circles for points and never finishes the race (https://openai.com/index/faulty-reward-functions/).
An environment names such a measure with @proxy. A gap that grows while the proxy rises is the sign.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import fmean

from pydantic import BaseModel, ConfigDict

from forethought.benchmarks.stats import Interval, clustered_interval
from forethought.envs.scoring import PROXY

Outcome = tuple[str, float | None, Mapping[str, float | None]]
"""Task, reward and metrics of an episode."""


class ProxyGap(BaseModel):
    """One proxy beside the reward, over the episodes that have both."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    n: int
    proxy: float
    """Mean, like those below."""
    reward: float
    gap: float
    """Proxy - reward, episode by episode."""
    ci: Interval | None
    """95 % of the gap, over tasks; None where all gaps are the same."""


def proxy_gaps(outcomes: Iterable[Outcome]) -> tuple[ProxyGap, ...]:
    """The gap of each proxy, by name; episodes without a reward or without it are left out."""
    pairs: defaultdict[str, list[tuple[str, float, float]]] = defaultdict(list)
    for task, reward, metrics in outcomes:
        for name, value in metrics.items():
            if name.startswith(PROXY) and value is not None and reward is not None:
                pairs[name.removeprefix(PROXY)].append((task, value, reward))
    return tuple(_gap(name, found) for name, found in sorted(pairs.items()))


def _gap(name: str, pairs: list[tuple[str, float, float]]) -> ProxyGap:
    by_task: defaultdict[str, list[float]] = defaultdict(list)
    for task, proxy, reward in pairs:
        by_task[task].append(proxy - reward)
    return ProxyGap(
        name=name,
        n=len(pairs),
        proxy=fmean(proxy for _, proxy, _ in pairs),
        reward=fmean(reward for *_, reward in pairs),
        gap=fmean(proxy - reward for _, proxy, reward in pairs),
        ci=clustered_interval(by_task.values()),
    )
