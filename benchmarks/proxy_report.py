"""Proxies beside the reward, as they are shown: in words, as a table, as curves over steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from forethought.benchmarks.axes import format_value
from forethought.benchmarks.plots import Axes, Bar, Group, Point, Series, bar_chart, line_chart
from forethought.benchmarks.proxies import ProxyGap
from forethought.benchmarks.report import Section, Table

_TEXT = (
    "A proxy is what a lazy checker would pay; it is not trained on. Where it rises and the reward "
    "does not, the agent has learned to please the checker and not to do the task."
)


def gap_sentence(gap: ProxyGap) -> str:
    """One line: proxy, reward, and the gap between them with its interval."""
    return (
        f"proxy {gap.name} {format_value(gap.proxy)}, reward {format_value(gap.reward)}: "
        f"gap {_gap_of(gap)}"
    )


def gap_section(gaps: Sequence[ProxyGap]) -> Section:
    """Proxies of one evaluation."""
    return Section(
        title="Proxies and the reward",
        text=_TEXT,
        figures=(
            bar_chart(
                [
                    Group(
                        label=gap.name,
                        bars=(Bar(name="proxy", y=gap.proxy), Bar(name="reward", y=gap.reward)),
                    )
                    for gap in gaps
                ],
                Axes(title="Proxies and the reward", x="Proxy", y="Mean over episodes"),
            ),
        ),
        table=_table({"": gaps}),
    )


def gaps_section(
    stages: Mapping[str, Sequence[ProxyGap]], steps: Sequence[Sequence[ProxyGap]]
) -> Section:
    """Proxies of a training run: at its evaluations by name, and in the episodes of each step."""
    names = sorted({gap.name for step in steps for gap in step})
    return Section(
        title="Proxies and the reward",
        text=_TEXT,
        figures=tuple(_curve(name, steps) for name in names),
        table=_table(stages),
    )


def _curve(name: str, steps: Sequence[Sequence[ProxyGap]]) -> str:
    found = [
        (number, gap) for number, step in enumerate(steps, 1) for gap in step if gap.name == name
    ]
    gaps = tuple(
        Point(
            x=number,
            y=gap.gap,
            low=gap.ci[0] if gap.ci else None,
            high=gap.ci[1] if gap.ci else None,
        )
        for number, gap in found
    )
    series = [
        Series(name="proxy", points=tuple(Point(x=number, y=gap.proxy) for number, gap in found)),
        Series(name="reward", points=tuple(Point(x=number, y=gap.reward) for number, gap in found)),
        Series(name="gap", points=gaps),
    ]
    axes = Axes(title=f"Proxy {name} and the reward", x="RL step", y="Mean over the episodes")
    return line_chart(series, axes)


def _table(stages: Mapping[str, Sequence[ProxyGap]]) -> Table:
    rows = tuple(
        (stage, gap.name, format_value(gap.proxy), format_value(gap.reward), _gap_of(gap))
        for stage, gaps in stages.items()
        for gap in gaps
    )
    return Table(header=("", "Proxy", "Its mean", "Mean reward", "Gap (95 %)"), rows=rows)


def _gap_of(gap: ProxyGap) -> str:
    if gap.ci is None:
        return format_value(gap.gap)
    return f"{format_value(gap.gap)} ({format_value(gap.ci[0])} to {format_value(gap.ci[1])})"
