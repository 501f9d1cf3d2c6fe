"""The report of an evaluation: what `forethought report RUN` writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from forethought.benchmarks.axes import format_value, share
from forethought.benchmarks.calibration import reliability
from forethought.benchmarks.facts import Facts, facts_of
from forethought.benchmarks.folder import RunFolder
from forethought.benchmarks.plan import Plan
from forethought.benchmarks.plots import Axes, Bar, Group, Point, Series, bar_chart, line_chart
from forethought.benchmarks.proxy_report import gap_section
from forethought.benchmarks.report import Number, Section, Table, write_report
from forethought.benchmarks.results import summarise_facts
from forethought.benchmarks.stats import Interval, wilson
from forethought.benchmarks.summary import Summary
from forethought.benchmarks.work_report import accuracy_sections, work_section


def write_eval_report(path: Path, runs: Sequence[RunFolder]) -> tuple[Path, list[Summary]]:
    """Write one report of one or more runs; returns its path and the summaries, freshly made.

    Raises ValueError if a run has not finished any episode.
    """
    sections: list[Section] = []
    summaries: list[Summary] = []
    for run in runs:
        plan = run.plan()
        found = [facts for facts in map(facts_of, run.trajectories()) if facts is not None]
        if not found:
            raise ValueError(f"{run.path}: no episode is finished yet; run eval with --resume")
        summary = summarise_facts(found, env=plan.env, model=plan.model, planned=plan.num_episodes)
        summaries.append(summary)
        sections += _sections(summary, plan, found, named=len(runs) > 1)
    models = " and ".join(dict.fromkeys(summary.model for summary in summaries))
    places = ", ".join(dict.fromkeys(summary.env for summary in summaries))
    lead = " ".join(_sentence(summary) for summary in summaries)
    foot = (
        "Success is the share of scored episodes with reward 1. Intervals are 95 %. Episodes that "
        "infrastructure ended are missing data: in no mean, but in the coverage."
    )
    write_report(path, title=f"{models} on {places}", lead=lead, sections=sections, foot=foot)
    return path, summaries


def percent_interval(interval: Interval | None) -> str:
    """An interval of fractions; empty if it is not known."""
    if interval is None:
        return ""
    return f"{share(interval[0]).removesuffix(' %')} to {share(interval[1])}"


def _sentence(summary: Summary) -> str:
    if summary.success is None:
        return (
            f"{summary.model} on {summary.env}: too few episodes could be scored "
            f"({summary.n} of {summary.planned}) to give a success."
        )
    tokens = f"{format_value(summary.tokens_mean or 0)} sampled tokens an episode"
    return (
        f"{summary.model} solves {share(summary.success)} of {summary.env} "
        f"({percent_interval(summary.ci)}) with {tokens}."
    )


def _sections(summary: Summary, plan: Plan, found: list[Facts], *, named: bool) -> list[Section]:
    sections = [
        Section(
            title=f"Success on {summary.env}" if named else "Success",
            text=" ".join([_sampling(summary, plan), *summary.warnings]),
            numbers=_numbers(summary),
            figures=_by_horizon_figure(summary),
            table=_horizon_table(summary),
        ),
        Section(
            title="Where the tokens go",
            text=_phases(summary),
            figures=_token_figures(summary),
        ),
        Section(title="How episodes end", text=_endings(summary), figures=(_stops(summary),)),
    ]
    if summary.work is not None:
        sections.append(work_section(summary.work, turns_mean=summary.turns_mean or 0.0))
    if summary.samples_by_n or summary.votes_by_n:
        sections += accuracy_sections(summary.samples_by_n, summary.votes_by_n)
    if summary.calibration is not None:
        sections.append(_calibration(summary, found))
    if summary.proxy_gaps:
        sections.append(gap_section(summary.proxy_gaps))
    if summary.metrics:
        rows = tuple((name, format_value(value)) for name, value in summary.metrics.items())
        table = Table(header=("Reward or metric", "Mean"), rows=rows)
        sections.append(Section(title="Rewards and metrics", table=table))
    return sections


def _numbers(summary: Summary) -> tuple[Number, ...]:
    numbers = [
        Number(
            label="Success",
            value="withheld" if summary.success is None else share(summary.success),
            interval=percent_interval(summary.ci),
            note=f"{summary.n:,} scored episodes",
        ),
        Number(
            label="Coverage",
            value=share(summary.coverage),
            interval=f"{summary.n:,} of {summary.planned:,} episodes",
            note=f"bounds {percent_interval(summary.bounds)}" if summary.coverage < 1 else "",
        ),
    ]
    if summary.doing_nothing is not None:
        numbers.insert(1, Number(label="Doing nothing", value=share(summary.doing_nothing)))
    if summary.mean_reward is not None:
        numbers.insert(1, _amount("Mean reward", summary.mean_reward, summary.mean_reward_ci))
    if summary.tokens_mean is not None:
        numbers.append(_amount("Sampled tokens", summary.tokens_mean, summary.tokens_ci))
    for k, chance in list(summary.pass_at.items())[-1:]:
        every = summary.pass_hat[k]
        numbers.append(
            Number(label=f"Any of {k} / all {k}", value=f"{share(chance)} / {share(every)}")
        )
    return tuple(numbers)


def _amount(label: str, value: float, interval: Interval | None) -> Number:
    ends = [format_value(end) for end in interval] if interval else []
    return Number(label=label, value=format_value(value), interval=" to ".join(ends))


def _sampling(summary: Summary, plan: Plan) -> str:
    samples = f", {plan.k} samples each" if plan.k > 1 else ""
    traits = f" Exercises {', '.join(summary.traits)}." if summary.traits else ""
    return (
        f"{plan.n:,} tasks of the {plan.split} split{samples}, seed {plan.seed}, "
        f"temperature {plan.temperature:g}.{traits}"
    )


def _by_horizon_figure(summary: Summary) -> tuple[str, ...]:
    points = tuple(
        Point(x=row.horizon, y=row.success, low=row.ci[0], high=row.ci[1])
        for row in summary.by_horizon
    )
    if len(points) < 2:
        return ()
    axes = Axes(
        title="Success by horizon",
        x="Horizon (dependent steps of the shortest solution)",
        y="Episodes with reward 1",
        y_range=(0, 1),
        percent=True,
    )
    return (line_chart([Series(name=summary.model, points=points)], axes),)


def _horizon_table(summary: Summary) -> Table | None:
    if not summary.by_horizon:
        return None
    rows = tuple(
        (
            str(row.horizon),
            f"{row.n:,}",
            share(row.success),
            percent_interval(row.ci),
            format_value(round(row.tokens_mean)),
        )
        for row in summary.by_horizon
    )
    header = ("Horizon", "Episodes", "Success", "95 % interval", "Tokens")
    return Table(header=header, rows=rows)


def _token_figures(summary: Summary) -> tuple[str, ...]:
    points = tuple(
        Point(
            x=row.horizon,
            y=row.tokens_mean,
            low=row.tokens_ci[0] if row.tokens_ci else None,
            high=row.tokens_ci[1] if row.tokens_ci else None,
        )
        for row in summary.by_horizon
    )
    if len(points) < 2:
        return ()
    axes = Axes(
        title="Tokens by horizon",
        x="Horizon (dependent steps of the shortest solution)",
        y="Sampled tokens an episode",
    )
    return (line_chart([Series(name=summary.model, points=points)], axes),)


def _phases(summary: Summary) -> str:
    if summary.tokens_mean is None:
        return "No episode is scored."
    phases = (
        ("planning", summary.plan_tokens_mean or 0.0),
        ("thinking", summary.think_tokens_mean or 0.0),
        ("answers", summary.answer_tokens_mean or 0.0),
    )
    named = ", ".join(f"{format_value(round(tokens, 1))} on {name}" for name, tokens in phases)
    return (
        f"Of {format_value(round(summary.tokens_mean, 1))} tokens an episode: {named}. An episode "
        f"has {format_value(round(summary.turns_mean or 0, 1))} turns, "
        f"{format_value(round((summary.agents_mean or 1) - 1, 2))} sub-agents and "
        f"{format_value(round(summary.edits_mean or 0, 2))} context edits."
    )


def _endings(summary: Summary) -> str:
    errors = summary.tool_error_rate
    tools = "" if errors is None else f" {share(errors)} of tool calls failed."
    most = next(iter(summary.stops.items()))
    total = sum(summary.stops.values())
    repeats = summary.repeats_mean
    told = format_value(round(repeats or 0, 2))
    again = "" if repeats is None else f" {told} turns an episode repeat a mistake."
    return f"{most[1]:,} of {total:,} end as {most[0].replace('_', ' ')}.{tools}{again}"


def _stops(summary: Summary) -> str:
    total = sum(summary.stops.values())
    groups = []
    for name, count in summary.stops.items():
        low, high = wilson(count, total)
        bar = Bar(name="episodes", y=count / total, low=low, high=high)
        groups.append(Group(label=name.replace("_", " "), bars=(bar,)))
    axes = Axes(
        title="Stops", x="Why the episode ended", y="Episodes", y_range=(0, 1), percent=True
    )
    return bar_chart(groups, axes)


def _calibration(summary: Summary, found: list[Facts]) -> Section:
    calibration = summary.calibration
    assert calibration is not None
    stated = [item for item in found if item.reward is not None and item.confidence is not None]
    bins = reliability(
        [item.confidence for item in stated if item.confidence is not None],
        [item.is_correct for item in stated],
    )
    points = []
    for group in bins:
        low, high = wilson(group.accuracy * group.n, group.n)
        points.append(Point(x=group.confidence, y=group.accuracy, low=low, high=high))
    axes = Axes(
        title="Reliability",
        x="Stated confidence",
        y="Answers that were right",
        y_range=(0, 1),
        percent=True,
        diagonal=True,
    )
    gap = calibration.confidence_mean - calibration.accuracy
    lean = "more sure than right" if gap > 0 else "less sure than right"
    return Section(
        title="Calibration",
        numbers=(
            Number(label="Brier score", value=f"{calibration.brier:.3f}", note="0 is perfect"),
            Number(label="Calibration error", value=f"{calibration.ece:.3f}", note="0 is perfect"),
            Number(label="Answers with a confidence", value=f"{calibration.n:,}"),
        ),
        text=(
            f"On average {share(calibration.confidence_mean)} sure and "
            f"{share(calibration.accuracy)} right: {100 * abs(gap):.0f} points {lean}."
        ),
        figures=(line_chart([Series(name="answers", points=tuple(points))], axes),),
    )
