"""Compare: two runs of the same plan, task by task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from pydantic import BaseModel, ConfigDict

from forethought.benchmarks.facts import Facts, facts_of
from forethought.benchmarks.folder import RunFolder
from forethought.benchmarks.pairs import paired_difference
from forethought.benchmarks.results import by_task
from forethought.benchmarks.stats import Interval, cluster_bootstrap


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ScoreDifference(_Record):
    """Second minus first in a score between 0 and 1, over the tasks scored in both runs."""

    first: float
    second: float
    difference: float
    ci: Interval
    """95 %, over tasks; see `pairs.Paired`."""
    p_value: float
    """Exact sign test over tasks (McNemar's for one 0/1 score a task)."""
    better: int
    worse: int
    equal: int
    detectable: float
    """Smallest true difference that four of five such comparisons would find."""


class AmountDifference(_Record):
    """Second minus first in an amount, such as tokens."""

    first: float
    second: float
    difference: float
    ci: Interval


class Comparison(_Record):
    """What changes from the first model to the second on the same tasks."""

    env: str
    first: str
    second: str
    num_tasks: int
    """Tasks scored in both runs."""
    missing: int
    """Tasks of the plan that are not."""
    conditions: tuple[str, ...]
    """Differences between the runs other than the model: temperature, limits."""
    success: ScoreDifference
    mean_reward: ScoreDifference
    tokens: AmountDifference


def compare_runs(first: RunFolder, second: RunFolder) -> Comparison:
    """Compare two runs of the same tasks. Raises ValueError if their plans have others."""
    plan, other = first.plan(), second.plan()
    unlike = plan.task_differences(other)
    if unlike:
        raise ValueError(
            f"{first.path} and {second.path} are runs of different plans ({'; '.join(unlike)}); "
            "run both models with the same arguments"
        )
    ours, theirs = _facts(first), _facts(second)
    successes = (
        by_task(ours, lambda item: item.success),
        by_task(theirs, lambda item: item.success),
    )
    success = _scores(*successes)
    shared = successes[0].keys() & successes[1].keys()
    return Comparison(
        env=plan.env,
        first=plan.model,
        second=other.model,
        num_tasks=len(shared),
        missing=plan.n - len(shared),
        conditions=tuple(plan.condition_differences(other)),
        success=success,
        mean_reward=_scores(
            by_task(ours, lambda item: item.reward), by_task(theirs, lambda item: item.reward)
        ),
        tokens=_amounts(
            by_task(ours, lambda item: item.tokens), by_task(theirs, lambda item: item.tokens)
        ),
    )


def _facts(folder: RunFolder) -> list[Facts]:
    return [facts for facts in map(facts_of, folder.trajectories()) if facts is not None]


def _scores(
    first: Mapping[str, Sequence[float]], second: Mapping[str, Sequence[float]]
) -> ScoreDifference:
    paired = paired_difference(first, second)
    shared = [task for task in first if task in second]
    return ScoreDifference(
        first=fmean(fmean(first[task]) for task in shared),
        second=fmean(fmean(second[task]) for task in shared),
        difference=paired.difference,
        ci=paired.ci,
        p_value=paired.p_value,
        better=paired.better,
        worse=paired.worse,
        equal=paired.equal,
        detectable=paired.detectable,
    )


def _amounts(
    first: Mapping[str, Sequence[float]], second: Mapping[str, Sequence[float]]
) -> AmountDifference:
    pairs = [(fmean(first[task]), fmean(second[task])) for task in first if task in second]
    differences = [after - before for before, after in pairs]
    return AmountDifference(
        first=fmean(before for before, _ in pairs),
        second=fmean(after for _, after in pairs),
        difference=fmean(differences),
        ci=cluster_bootstrap([[difference] for difference in differences]),
    )
