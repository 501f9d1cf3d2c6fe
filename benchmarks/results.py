"""Results: from the episodes of an evaluation to its summary, with intervals and coverage.

Success is the share of scored episodes whose reward is 1 (within 1e-9); the mean reward stands
beside it. An episode that infrastructure or the operator ended has no score: it is missing data,
left out of every mean and shown as coverage. Below a coverage of 0.5 no success is given at all.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean

from forethought.agents.record.stop import OVERLONG, Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.benchmarks.ballots import Ballot, accuracy_by_n, sampled
from forethought.benchmarks.calibration import brier_score, expected_calibration_error
from forethought.benchmarks.facts import Facts, facts_of
from forethought.benchmarks.proxies import proxy_gaps
from forethought.benchmarks.stats import (
    clustered_interval,
    clustered_wilson,
    pass_at_k,
    pass_hat_k,
)
from forethought.benchmarks.summary import Calibration, HorizonRow, Summary
from forethought.benchmarks.work import work_of

COVERAGE_FLOOR = 0.5
"""Below this share of scored episodes no success is given."""
COVERAGE_GOOD = 0.95
"""Below this share the summary carries a warning."""
REDRAWN = 2
"""So does one in which each distinct task was drawn this often on average, or more."""

CUT_SHORT = 0.1
"""So does one in which limits cut this share of the episodes short, or more."""
_OF_THE_RUN = OVERLONG - {Stop.ENV_LIMIT}

_MAX_ERRORS, _MAX_ERROR = 5, 300
"""How many different errors are kept, and characters of each."""


def summarise(trajectories: Iterable[Trajectory], *, planned: int | None = None) -> Summary:
    """Summarise the finished episodes of one model on one environment.

    `planned` is the number of episodes the run was to have, by default those given. Raises
    ValueError if there are none, or if they come from several environments or models.
    """
    given = list(trajectories)
    if not given:
        raise ValueError("no episodes to summarise; the run has not finished any yet")
    sources = {(item.start.env, item.start.model) for item in given}
    if len(sources) > 1:
        raise ValueError(f"episodes of several runs cannot be summarised as one: {sorted(sources)}")
    found = [facts for facts in map(facts_of, given) if facts is not None]
    env, model = sources.pop()
    return summarise_facts(found, env=env, model=model, planned=planned or len(given))


def summarise_facts(found: Sequence[Facts], *, env: str, model: str, planned: int) -> Summary:
    """`summarise` for episodes already read."""
    scored = [item for item in found if item.reward is not None]
    coverage = len(scored) / planned
    passed = sum(item.success is True for item in scored)
    is_known = bool(scored) and coverage >= COVERAGE_FLOOR
    rewards = by_task(scored, lambda item: item.reward)
    successes = by_task(scored, lambda item: item.success)
    tokens = by_task(scored, lambda item: item.tokens)
    num_tools = sum(item.num_tools for item in scored)
    return Summary(
        env=env,
        model=model,
        n=len(scored),
        num_tasks=len(successes),
        planned=planned,
        coverage=coverage,
        success=passed / len(scored) if is_known else None,
        ci=clustered_wilson(list(successes.values())) if is_known else None,
        bounds=(passed / planned, (passed + planned - len(scored)) / planned),
        mean_reward=_mean(scored, lambda item: item.reward) if is_known else None,
        mean_reward_ci=clustered_interval(rewards.values()) if is_known else None,
        tokens_mean=_mean(scored, lambda item: item.tokens),
        tokens_ci=clustered_interval(tokens.values()),
        plan_tokens_mean=_mean(scored, lambda item: item.plan_tokens),
        think_tokens_mean=_mean(scored, lambda item: item.think_tokens),
        answer_tokens_mean=_mean(scored, lambda item: item.answer_tokens),
        turns_mean=_mean(scored, lambda item: item.turns),
        seconds_mean=_mean(scored, lambda item: item.seconds),
        agents_mean=_mean(scored, lambda item: item.num_agents),
        edits_mean=_mean(scored, lambda item: item.num_edits),
        tool_error_rate=(
            sum(item.num_tool_errors for item in scored) / num_tools if num_tools else None
        ),
        repeats_mean=_mean(scored, lambda item: item.num_repeats),
        nudges_mean=_mean(scored, lambda item: item.num_nudges),
        prompt_tokens_mean=_mean(scored, lambda item: item.prompt_tokens),
        template_drift=sum(item.num_drifts for item in found),
        gradient_coverage=_coverage(found),
        traits=tuple(sorted({trait for item in found for trait in item.traits})),
        stops=dict(Counter(item.stop.value for item in found).most_common()),
        errors=_errors(found),
        by_horizon=_by_horizon(scored),
        pass_at=_passes(successes, pass_at_k),
        pass_hat=_passes(successes, pass_hat_k),
        calibration=_calibration(scored),
        metrics=_metrics(scored),
        proxy_gaps=proxy_gaps((item.task, item.reward, item.metrics) for item in scored),
        warnings=(
            *_warnings(coverage, found, planned),
            *_cut_short(scored),
            *_redrawn(scored),
        ),
        work=work_of(scored) if scored else None,
        samples_by_n=accuracy_by_n(_samples(scored)),
        votes_by_n=accuracy_by_n([ballot for item in scored for ballot in item.ballots]),
    )


def by_task(
    found: Sequence[Facts], value: Callable[[Facts], float | None]
) -> dict[str, list[float]]:
    """Values of scored episodes by task, in the order the tasks first appear."""
    grouped: defaultdict[str, list[float]] = defaultdict(list)
    for item in found:
        number = value(item)
        if item.reward is not None and number is not None:
            grouped[item.task].append(float(number))
    return dict(grouped)


def _by_horizon(scored: Sequence[Facts]) -> tuple[HorizonRow, ...]:
    rows = []
    for horizon in sorted({item.horizon for item in scored}):
        level = [item for item in scored if item.horizon == horizon]
        successes = by_task(level, lambda item: item.success)
        rows.append(
            HorizonRow(
                horizon=horizon,
                n=len(level),
                success=fmean(item.success is True for item in level),
                ci=clustered_wilson(list(successes.values())),
                tokens_mean=fmean(item.tokens for item in level),
                tokens_ci=clustered_interval(by_task(level, lambda item: item.tokens).values()),
            )
        )
    return tuple(rows)


def _passes(
    successes: dict[str, list[float]], chance: Callable[[int, int, int], float]
) -> dict[int, float]:
    """k -> mean chance over tasks, for k = 1, 2, 4 ... while at least half the tasks have k."""
    most = max((len(scores) for scores in successes.values()), default=0)
    if most < 2:
        return {}
    powers = [2**i for i in range(most.bit_length()) if 2**i <= most]
    found = {}
    for k in sorted({*powers, most}):
        ready = [scores for scores in successes.values() if len(scores) >= k]
        if 2 * len(ready) >= len(successes):
            found[k] = fmean(chance(len(scores), round(sum(scores)), k) for scores in ready)
    return found


def _calibration(scored: Sequence[Facts]) -> Calibration | None:
    stated = [item for item in scored if item.confidence is not None]
    if not stated:
        return None
    confidences = [item.confidence for item in stated if item.confidence is not None]
    correct = [item.is_correct for item in stated]
    return Calibration(
        n=len(stated),
        confidence_mean=fmean(confidences),
        accuracy=fmean(correct),
        brier=brier_score(confidences, correct),
        ece=expected_calibration_error(confidences, correct),
    )


def _samples(scored: Sequence[Facts]) -> list[Ballot]:
    """Ballots of final answers; none where episodes end otherwise than by an answer."""
    if all(item.answer is None for item in scored):
        return []
    return sampled((item.task, item.answer, item.success is True) for item in scored)


def _metrics(scored: Sequence[Facts]) -> dict[str, float]:
    values: defaultdict[str, list[float]] = defaultdict(list)
    for item in scored:
        for name, value in item.metrics.items():
            if value is not None:
                values[name].append(value)
    return {name: fmean(numbers) for name, numbers in sorted(values.items())}


def _warnings(coverage: float, found: Sequence[Facts], planned: int) -> tuple[str, ...]:
    unscored = Counter(item.stop.value for item in found if item.reward is None)
    open_ones = planned - len(found)
    missing = [f"{count} {stop}" for stop, count in unscored.most_common()]
    missing += [f"{open_ones} not finished"] if open_ones else []
    if coverage >= COVERAGE_GOOD:
        return ()
    verdict = "success is withheld" if coverage < COVERAGE_FLOOR else "read the bounds too"
    share = f"only {100 * coverage:.0f} % of episodes are scored"
    causes = tuple(f"{count} lost to {error}" for error, count in _errors(found).items())
    return (f"{share} ({', '.join(missing)}); {verdict}", *causes[:1])


def _cut_short(scored: Sequence[Facts]) -> tuple[str, ...]:
    """A warning where limits of the run, and not the agent, ended a good part of the episodes."""
    cut = Counter(item.stop.value for item in scored if item.stop in _OF_THE_RUN)
    if cut.total() < max(1, CUT_SHORT * len(scored)):
        return ()
    named = ", ".join(f"{count} {stop}" for stop, count in cut.most_common())
    return (
        f"{cut.total()} of {len(scored)} episodes were cut short by a limit of the run ({named}) "
        "and count as they stood; a higher limit may change the score",
    )


def _redrawn(scored: Sequence[Facts]) -> tuple[str, ...]:
    """A warning where the same few tasks were drawn, as from a small data set with a large `n`."""
    drawn, differ = len({item.task for item in scored}), len({item.task_id for item in scored})
    if drawn < REDRAWN * max(differ, 1):
        return ()
    return (
        f"only {differ} of the {drawn} tasks differ, so the interval is too narrow; "
        "take fewer with -n, or more data",
    )


def _coverage(found: Sequence[Facts]) -> float | None:
    sampled = sum(item.num_trainable for item in found)
    return sum(item.num_trained for item in found) / sampled if sampled else None


def _errors(found: Sequence[Facts]) -> dict[str, int]:
    lines = (" ".join(item.error.split())[:_MAX_ERROR] for item in found if item.error)
    return dict(Counter(lines).most_common(_MAX_ERRORS))


def _mean(scored: Sequence[Facts], value: Callable[[Facts], float | None]) -> float | None:
    numbers = [number for item in scored if (number := value(item)) is not None]
    return fmean(numbers) if numbers else None
