"""`forethought eval`: plans from arguments, a progress bar, a table of what came out."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import anyio
from pydantic import JsonValue, ValidationError
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from forethought.agents.compress.compressors import compressor_named
from forethought.agents.compress.context import DEFAULT
from forethought.agents.engines.models import in_tokens, open_model
from forethought.agents.record.failure import leaves
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.rollout import Model
from forethought.arguments import environment_id, horizons, limits, minds, options, prices
from forethought.benchmarks.axes import format_value, share
from forethought.benchmarks.eval_report import percent_interval
from forethought.benchmarks.evaluate import evaluate
from forethought.benchmarks.plan import Plan
from forethought.benchmarks.proxy_report import gap_sentence
from forethought.benchmarks.retention import WHOLE, retention
from forethought.benchmarks.suites import NUM_TASKS, Entry, suite
from forethought.benchmarks.summary import Summary
from forethought.commands import CommandFailed, as_json
from forethought.envs.needs import DOCKER, SANDBOX
from forethought.envs.registry import env_class, make
from forethought.retaining import show_retention


def evaluate_env(args: Namespace, console: Console) -> dict[str, JsonValue]:
    """Evaluate on one environment; returns its summary.

    Raises CommandFailed if too few episodes could be scored.
    """
    env_id = environment_id(args.env)
    plan = _plan(args, env_id, horizons(args.horizon))
    _require_needs(env_id, plan)
    summaries = _run(args, [(plan, args.out)], console)
    return _judged(args, as_json(summaries[0]), summaries)


def evaluate_suite(args: Namespace, console: Console) -> dict[str, JsonValue]:
    """Evaluate on every environment of a suite.

    Returns the mean success over the environments, the smallest coverage, and the summaries.
    Raises CommandFailed if too few episodes could be scored on one of them.
    """
    entries = suite(args.suite)
    if args.suite == "retention" and args.compress is not None:
        compressor_named(args.compress)
        entries = tuple(entry for entry in entries if entry.name in (WHOLE, args.compress))
    plans = [
        (
            _plan(args, environment_id(entry.env), horizons(args.horizon) or entry.horizons, entry),
            args.out / entry.name if args.out is not None else None,
        )
        for entry in entries
    ]
    summaries = _run(args, plans, console)
    known = [summary.success for summary in summaries if summary.success is not None]
    result: dict[str, JsonValue] = {
        "suite": args.suite,
        "model": args.model,
        "success": sum(known) / len(known) if len(known) == len(summaries) else None,
        "coverage": min(summary.coverage for summary in summaries),
        "runs": [as_json(summary) for summary in summaries],
    }
    if args.suite == "retention":
        found = retention(dict(zip((entry.name for entry in entries), summaries, strict=True)))
        show_retention(found, console)
        result |= as_json(found)
    return _judged(args, result, summaries)


def _judged(
    args: Namespace, result: dict[str, JsonValue], summaries: list[Summary]
) -> dict[str, JsonValue]:
    """The result, if there is a success to give in it."""
    lost = [summary for summary in summaries if summary.success is None]
    if not lost:
        return result
    cause = "".join(f": {error}" for error in list(lost[0].errors)[:1])
    again = "run again with --resume" if args.out is not None else "run again"
    raise CommandFailed(
        f"{lost[0].env}: too few episodes could be scored (coverage {lost[0].coverage:g}){cause}; "
        f"mend the cause, then {again}",
        result,
    )


def _require_needs(env_id: str, plan: Plan) -> None:
    """Raises ValueError for data or a package that is not here; sandboxes are asked themselves."""
    for need in env_class(env_id).needs():
        missing = None if need in (SANDBOX, DOCKER) else need.missing(plan.options)
        if missing is not None:
            raise ValueError(f"{env_id} {missing}")


def _plan(
    args: Namespace, env_id: str, levels: tuple[int, ...], entry: Entry | None = None
) -> Plan:
    """The plan that the arguments ask for, on top of what an entry of a suite sets."""
    if args.resume and args.out is None:
        raise ValueError("--resume goes on with the run in --out; say which folder that is")
    set_compress = entry.compress if entry is not None else None
    compress = set_compress or args.compress or DEFAULT
    compressor_named(compress)
    for level in levels:
        make(env_id, horizon=level)
    others = minds(args.mind)
    try:
        return Plan(
            env=env_id,
            model=args.model,
            n=NUM_TASKS.get(args.suite, 100) if args.n is None else args.n,
            k=args.k,
            seed=args.seed,
            horizons=levels,
            options={
                **(entry.options if entry is not None else {}),
                **options(args.option, env_id=env_id),
            },
            temperature=args.temperature,
            limits=limits(
                args.limit, model=args.model, usual=entry.limits if entry is not None else None
            ),
            compress=compress,
            nudge=args.nudge,
            effort=args.effort,
            minds=others,
            prices=prices(args.price, model=args.model, minds=others),
        )
    except ValidationError as error:
        first = error.errors()[0]
        name = first["loc"][0]
        raise ValueError(f"{name} {first['input']!r}: {first['msg'].lower()}") from None


def _run(args: Namespace, plans: list[tuple[Plan, Path | None]], console: Console) -> list[Summary]:
    """Run the plans one after the other, those of the suite retention at once.

    These have the same few episodes in many conditions, which an engine samples in one batch.
    """
    is_retention = args.suite == "retention"
    window = max(plan.limits.context for plan, _ in plans)

    async def run_all() -> list[Summary]:
        async with AsyncExitStack() as opened:
            main = _opened(args.model, opened, window=window)
            named = plans[0][0].minds
            asked = _Asked(
                model=in_tokens(main) if is_retention else main,
                minds={
                    name: _opened(other, opened, window=window) for name, other in named.items()
                },
            )
            if is_retention:
                return await _together(args, plans, asked)
            with _progress() as progress:
                return [await _run_one(args, plan, asked, out, progress) for plan, out in plans]

    summaries = anyio.run(run_all)
    if not is_retention:
        _show(summaries, console)
    for _, out in plans:
        if out is not None:
            console.print(f"kept in {out}", markup=False)
    return summaries


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """Models that are open while plans run."""

    model: Model
    minds: Mapping[str, Model]


def _opened(name: str, stack: AsyncExitStack, *, window: int) -> Model:
    """A model that is closed with the stack, even under cancellation."""
    model = open_model(name, window=window)

    async def close() -> None:
        with anyio.CancelScope(shield=True):
            await model.aclose()

    stack.push_async_callback(close)
    return model


async def _together(
    args: Namespace, plans: list[tuple[Plan, Path | None]], asked: _Asked
) -> list[Summary]:
    found: dict[int, Summary] = {}

    async def run_plan(index: int) -> None:
        plan, out = plans[index]
        found[index] = await _run_one(args, plan, asked, out, progress)

    try:
        with _progress() as progress:
            async with anyio.create_task_group() as group:
                for index in range(len(plans)):
                    group.start_soon(run_plan, index)
    except BaseExceptionGroup as errors:
        raise leaves(errors)[0] from None
    return [found[index] for index in range(len(plans))]


def _progress() -> Progress:
    screen = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[state]}"),
        TimeRemainingColumn(),
        console=screen,
        disable=not screen.is_terminal,
        transient=True,
    )


async def _run_one(
    args: Namespace, plan: Plan, asked: _Asked, out: Path | None, progress: Progress
) -> Summary:
    name = plan.env if args.suite != "retention" else plan.compress
    bar = progress.add_task(name, total=plan.num_episodes, state="")
    rewards: list[float] = []

    def on_done(trajectory: Trajectory) -> None:
        if trajectory.reward is not None:
            rewards.append(trajectory.reward)
        mean = f"mean reward {sum(rewards) / len(rewards):.2f}" if rewards else ""
        progress.update(bar, advance=1, state=mean)

    return await evaluate(
        plan,
        asked.model,
        minds=asked.minds,
        out=out,
        resume=args.resume,
        concurrency=args.concurrency,
        on_done=on_done,
    )


def _show(summaries: list[Summary], console: Console) -> None:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("environment", no_wrap=True)
    table.add_column("model", overflow="fold", min_width=6)
    for name in ("success (95 %)", "n", "coverage", "tokens"):
        table.add_column(name, justify="right", no_wrap=True)
    for summary in summaries:
        table.add_row(
            summary.env,
            Text(summary.model),
            _success(summary),
            f"{summary.n:,}",
            share(summary.coverage),
            format_value(round(summary.tokens_mean or 0)),
        )
    console.print(table)
    for summary in summaries:
        for gap in summary.proxy_gaps:
            console.print(f"{summary.env}: {gap_sentence(gap)}", markup=False)
        for warning in summary.warnings:
            console.print(f"{summary.env}: {warning}", style="yellow", markup=False)


def _success(summary: Summary) -> str:
    """With its interval, and below it what doing nothing scores where that is known."""
    if summary.success is None:
        return "withheld"
    told = f"{share(summary.success)} ({percent_interval(summary.ci)})"
    if summary.doing_nothing is None:
        return told
    return f"{told}\ndoing nothing: {share(summary.doing_nothing)}"
