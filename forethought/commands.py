"""Commands: what each name on the command line does.

A command prints for people on the console it is given and returns what `--json` prints. Heavy
imports stay inside the functions, so that `--help` and `envs` are quick.
"""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, JsonValue
from rich.console import Console
from rich.table import Table

from forethought.arguments import environment_id, horizons, options

if TYPE_CHECKING:
    from forethought.benchmarks.compare import Comparison

Result = dict[str, JsonValue]


class CommandFailed(Exception):
    """A command ran and its outcome is a failure; `result` is what it found."""

    def __init__(self, message: str, result: Result) -> None:
        super().__init__(message)
        self.result = result


def list_environments(args: Namespace, console: Console) -> Result:
    """`envs [ID]`, or `envs --markdown FILE`."""
    from forethought.listing import show_all, show_one, write_markdown

    if args.markdown is not None:
        if args.id is not None:
            raise ValueError("--markdown writes the cards of all environments; leave out the id")
        return write_markdown(args.markdown, console)
    return show_one(environment_id(args.id), console) if args.id else show_all(console)


def new(args: Namespace, console: Console) -> Result:
    """`new NAME`."""
    from forethought.creating import create

    return create(args.name, folder=args.out, console=console)


def play(args: Namespace, console: Console) -> Result:
    """`play ID`."""
    from forethought.playing import play_by_hand

    env_id = environment_id(args.id)
    return play_by_hand(env_id, _instance(args, env_id), seed=args.seed, console=console)


def check(args: Namespace, console: Console) -> Result:
    """`check ID ...`, or `check --all`."""
    from forethought.checking import check as check_named

    return check_named(args, console)


def evaluate(args: Namespace, console: Console) -> Result:
    """`eval`."""
    from forethought.evaluating import evaluate_env, evaluate_suite

    return evaluate_suite(args, console) if args.suite else evaluate_env(args, console)


def compare(args: Namespace, console: Console) -> Result:
    """`compare RUN_A RUN_B`."""
    from forethought.benchmarks.compare import compare_runs
    from forethought.benchmarks.folder import runs_in

    firsts, seconds = runs_in(args.first), runs_in(args.second)
    if len(firsts) != len(seconds):
        raise ValueError(
            f"{args.first} holds {len(firsts)} runs and {args.second} {len(seconds)}; "
            "give two runs of the same suite or environment"
        )
    comparisons = [compare_runs(a, b) for a, b in zip(firsts, seconds, strict=True)]
    for comparison in comparisons:
        _show_comparison(comparison, console)
    dumped = [as_json(comparison) for comparison in comparisons]
    return dumped[0] if len(dumped) == 1 else {"comparisons": list(dumped)}


def report(args: Namespace, console: Console) -> Result:
    """`report RUN`."""
    from forethought.reporting import write_report_of

    path, summaries = write_report_of(args.run)
    console.print(f"report: {path}", markup=False)
    return {"report": str(path), "summaries": [as_json(summary) for summary in summaries]}


def view(args: Namespace, console: Console) -> Result:
    """`view RUN`."""
    from forethought.viewing import serve, write_views

    path, views = write_views(args.run)
    console.print(f"view: {path}", markup=False)
    if args.open:
        import webbrowser

        webbrowser.open(path.resolve().as_uri())
    if args.port is not None:
        serve(path, port=args.port, console=console)
    return {"view": str(path), "views": [str(view) for view in views]}


def import_runs(args: Namespace, console: Console) -> Result:
    """`import TRACES.jsonl`."""
    from forethought.benchmarks.importing import import_traces

    if not args.traces.is_file():
        raise ValueError(f"no file {str(args.traces)!r}; give the traces.jsonl of a run")
    folders = import_traces(args.traces, out=args.out)
    for folder in folders:
        console.print(f"run: {folder.path}", markup=False)
    return {"runs": [str(folder.path) for folder in folders]}


def serve(args: Namespace, console: Console) -> Result:
    """`serve ID`."""
    from forethought.serving import serve_openenv

    if args.sessions < 1:
        raise ValueError(f"--sessions is at least 1, not {args.sessions}")
    env_id = environment_id(args.id)
    return serve_openenv(
        env_id,
        _instance(args, env_id),
        host=args.host,
        port=args.port,
        max_sessions=args.sessions,
        console=console,
    )


def select(args: Namespace, console: Console) -> Result:
    """`filter`."""
    from forethought.trainer.filter import run_filter

    env_id = environment_id(args.env)
    found = run_filter(
        env_id,
        args.model,
        n=args.n,
        k=args.k,
        out=args.out,
        options=_instance(args, env_id),
        seed=args.seed,
    )
    return _finished(found, console)


def sft(args: Namespace, console: Console) -> Result:
    """`sft RUN.toml`."""
    config = _existing(args.config)
    from forethought.trainer.sft import run_sft

    return _finished(run_sft(config), console)


def train(args: Namespace, console: Console) -> Result:
    """`train RUN.toml`."""
    config = _existing(args.config)
    from forethought.trainer.run import run_training

    return _finished(run_training(config, args.overrides, args.resume), console)


def doctor(args: Namespace, console: Console) -> Result:
    """`doctor`."""
    from forethought.doctor import examine

    return examine(console)


def sandbox(args: Namespace, console: Console) -> Result:
    """`sandbox build [DIR]`, its only action."""
    from forethought.building import build_default, build_directory

    build = build_default if args.directory is None else build_directory
    return _finished(build(args), console)


def demo(args: Namespace, console: Console) -> Result:
    """`demo`."""
    from forethought.trainer.demo import run_demo

    found = run_demo(
        out=args.out, model=args.model, seed=args.seed, resume=args.resume, minutes=args.minutes
    )
    return _finished(found, console)


COMMANDS: Mapping[str, Callable[[Namespace, Console], Result]] = {
    "envs": list_environments,
    "new": new,
    "play": play,
    "check": check,
    "eval": evaluate,
    "compare": compare,
    "report": report,
    "view": view,
    "import": import_runs,
    "serve": serve,
    "filter": select,
    "sft": sft,
    "train": train,
    "doctor": doctor,
    "sandbox": sandbox,
    "demo": demo,
}


def as_json(record: BaseModel) -> Result:
    """A record as plain JSON values."""
    loaded: Result = json.loads(record.model_dump_json())
    return loaded


def _instance(args: Namespace, env_id: str) -> dict[str, JsonValue]:
    """Options of an environment at one horizon."""
    given = options(args.option, env_id=env_id)
    levels = horizons(args.horizon)
    if len(levels) > 1:
        raise ValueError(f"{args.command} takes one horizon, not {args.horizon!r}")
    return given | {"horizon": levels[0]} if levels else given


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"no file {str(path)!r}; give a TOML file of the run")
    return path


def _finished(result: Result, console: Console) -> Result:
    for name, value in result.items():
        console.print(f"{name}: {value}", markup=False)
    return result


def _show_comparison(comparison: Comparison, console: Console) -> None:
    from forethought.benchmarks.axes import share

    table = Table(title=f"{comparison.env}: {comparison.num_tasks} tasks scored in both")
    for name in ("", comparison.first, comparison.second, "difference", "95 %"):
        table.add_column(name, justify="left" if not name else "right")
    for name, score in (
        ("success", comparison.success),
        ("mean reward", comparison.mean_reward),
    ):
        low, high = score.ci
        table.add_row(
            name,
            share(score.first),
            share(score.second),
            f"{100 * score.difference:+.1f} points",
            f"{100 * low:+.1f} to {100 * high:+.1f}",
        )
    tokens = comparison.tokens
    table.add_row(
        "tokens",
        f"{tokens.first:,.0f}",
        f"{tokens.second:,.0f}",
        f"{tokens.difference:+,.0f}",
        f"{tokens.ci[0]:+,.0f} to {tokens.ci[1]:+,.0f}",
    )
    console.print(table)
    success = comparison.success
    console.print(
        f"{success.better} tasks better, {success.worse} worse, {success.equal} equal: "
        f"p = {success.p_value:.3g} (exact). A true difference of "
        f"{100 * success.detectable:.0f} points would have been found four times in five."
    )
    for condition in comparison.conditions:
        console.print(f"not only the model differs: {condition}", style="yellow", markup=False)
