"""The report of a training run: where it began, what each stage gave, and how it went."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter

from forethought.benchmarks.folder import RunFolder
from forethought.benchmarks.plots import Axes, Point, Series, line_chart
from forethought.benchmarks.proxies import ProxyGap
from forethought.benchmarks.proxy_report import gaps_section
from forethought.benchmarks.report import Number, Section, Table, write_report
from forethought.benchmarks.summary import HorizonRow, Summary
from forethought.trainer.config import RunConfig
from forethought.trainer.metrics import Metrics, read

_NAMES = {"base": "base", "sft": "after SFT", "rl": "after RL"}
_SMOOTHING = 5
_GAPS = TypeAdapter(tuple[ProxyGap, ...])


def write_run_report(config: RunConfig) -> Path:
    """Write `report.html` into the run's folder from what its stages left there."""
    out = config.out
    measured = {
        stage: Summary.model_validate_json((out / f"eval-{stage}" / "summary.json").read_bytes())
        for stage in _NAMES
        if (out / f"eval-{stage}" / "summary.json").exists()
    }
    steps = read(out / "metrics.jsonl", "rl")
    sections = [_outcome(measured), _by_horizon(measured), _tokens(measured)]
    if steps:
        sections.append(_learning(steps))
    sections += _proxies(measured, steps)
    sections.append(_episodes(out, measured))
    return write_report(
        out / "report.html",
        title=f"{config.model} learns {config.tasks.env.rpartition('/')[2]}",
        lead=_lead(measured, config),
        sections=sections,
        foot=(
            f"Seed {config.seed}, {config.evaluation.tasks} held-out tasks, the same for every "
            f"stage, sampled once each at temperature {config.evaluation.temperature:g}. Intervals "
            "are 95 % (Wilson)."
        ),
    )


def _lead(measured: Mapping[str, Summary], config: RunConfig) -> str:
    parts = [f"{_percent(summary.success)} {_NAMES[stage]}" for stage, summary in measured.items()]
    return (
        f"Success on tasks the model was not trained on: {', '.join(parts)}. It first imitates "
        "short expert plans, then practises on tasks that it solves sometimes and keeps what works."
    )


def _outcome(measured: Mapping[str, Summary]) -> Section:
    return Section(
        title="Success on held-out tasks",
        numbers=tuple(
            Number(
                label=_NAMES[stage],
                value=_percent(summary.success),
                interval=_interval(summary.ci),
                note=f"{summary.n} scored of {summary.planned}",
            )
            for stage, summary in measured.items()
        ),
    )


def _by_horizon(measured: Mapping[str, Summary]) -> Section:
    levels = sorted({row.horizon for summary in measured.values() for row in summary.by_horizon})
    rows = tuple(
        (str(level), *(_level(summary, level) for summary in measured.values())) for level in levels
    )
    return Section(
        title="Success by horizon",
        text="The horizon of a task is the number of dependent steps of its shortest solution.",
        figures=_chart(
            measured,
            lambda row: Point(x=row.horizon, y=row.success, low=row.ci[0], high=row.ci[1]),
            Axes(
                title="Success by horizon",
                x="Horizon (dependent steps of the shortest solution)",
                y="Episodes solved",
                y_range=(0, 1),
                percent=True,
            ),
        ),
        table=Table(header=("Horizon", *(_NAMES[stage] for stage in measured)), rows=rows),
    )


def _tokens(measured: Mapping[str, Summary]) -> Section:
    return Section(
        title="Tokens per answer by difficulty",
        text=(
            "A calibrated agent spends more on harder tasks and no more than they need; sampled "
            "tokens of whole episodes, failed ones included."
        ),
        figures=_chart(
            measured,
            lambda row: Point(
                x=row.horizon,
                y=row.tokens_mean,
                low=row.tokens_ci[0] if row.tokens_ci else None,
                high=row.tokens_ci[1] if row.tokens_ci else None,
            ),
            Axes(
                title="Tokens per answer",
                x="Horizon (dependent steps of the shortest solution)",
                y="Sampled tokens an episode",
            ),
        ),
    )


def _learning(steps: Sequence[Metrics]) -> Section:
    rewards = [float(step["reward"]) for step in steps if isinstance(step["reward"], int | float)]
    points = tuple(Point(x=index + 1, y=value) for index, value in enumerate(rewards))
    smooth = tuple(
        Point(x=index + 1, y=sum(window) / len(window))
        for index in range(len(rewards))
        if (window := rewards[max(0, index - _SMOOTHING + 1) : index + 1])
    )
    used = sum(int(str(step["informative"])) for step in steps)
    seen = sum(int(str(step["groups"])) for step in steps)
    coverage = min(float(str(step["coverage"])) for step in steps)
    return Section(
        title="Reward during RL",
        text=(
            f"Each step samples new episodes of a few tasks, so single steps are noisy. Of {seen} "
            f"groups {used} had episodes of different reward and taught something; {coverage:.0%} "
            "of the tokens sampled in them were trained on."
        ),
        figures=(
            line_chart(
                [
                    Series(name="step", points=points),
                    Series(name=f"mean of {_SMOOTHING}", points=smooth),
                ],
                Axes(title="Reward during RL", x="RL step", y="Mean reward", y_range=(0, 1)),
            ),
        )
        if points
        else (),
    )


def _proxies(measured: Mapping[str, Summary], steps: Sequence[Metrics]) -> list[Section]:
    """What the environment's proxies did beside its reward; nothing if it names none."""
    of_stages = {_NAMES[stage]: summary.proxy_gaps for stage, summary in measured.items()}
    of_steps = [_GAPS.validate_python(step.get("proxy_gaps", [])) for step in steps]
    if not any(of_stages.values()) and not any(of_steps):
        return []
    return [gaps_section(of_stages, of_steps)]


def _episodes(out: Path, measured: Mapping[str, Summary]) -> Section:
    """One held-out task that only the last stage solves, or as few before it as there are."""
    logs = {
        stage: {item.id: item for item in RunFolder(out / f"eval-{stage}").trajectories()}
        for stage in measured
    }
    *earlier, last = measured
    failures = {
        item.id: sum((logs[stage][item.id].reward or 0.0) < 1.0 for stage in earlier)
        for item in logs[last].values()
        if item.reward == 1.0
    }
    if not any(failures.values()):
        return Section(title="One task, stage by stage", text="The last stage solved no new task.")
    shown = max(
        (logs[last][name] for name in failures),
        key=lambda item: (failures[item.id], item.start.task.horizon),
    )
    rows = []
    for stage, episodes in logs.items():
        episode = episodes[shown.id]
        turns = " ⏎ ".join(
            message.text.strip().replace("\n", " / ")
            for message in episode.messages()
            if message.origin == "policy"
        )
        verdict = "solved" if episode.reward == 1.0 else str(episode.stop)
        rows.append((_NAMES[stage], turns[:400], verdict))
    task = shown.start.task.prompt.replace("\n", " / ")
    return Section(
        title="One task, stage by stage",
        text=f"Task: {task}. Turns are separated by ⏎; `forethought view` shows every episode.",
        table=Table(header=("Stage", "What the model wrote", "Outcome"), rows=tuple(rows)),
    )


def _chart(
    measured: Mapping[str, Summary], point: Callable[[HorizonRow], Point], axes: Axes
) -> tuple[str, ...]:
    series = [
        Series(name=_NAMES[stage], points=tuple(map(point, summary.by_horizon)))
        for stage, summary in measured.items()
    ]
    return (line_chart(series, axes),) if any(item.points for item in series) else ()


def _level(summary: Summary, horizon: int) -> str:
    row = next((row for row in summary.by_horizon if row.horizon == horizon), None)
    return "" if row is None else f"{_percent(row.success)} {_interval(row.ci)}"


def _percent(value: float | None) -> str:
    return "not measured" if value is None else f"{100 * value:.0f} %"


def _interval(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"[{100 * interval[0]:.0f}, {100 * interval[1]:.0f}] %"
