"""`forethought check`: one environment in full, or many in a line each."""

from __future__ import annotations

import time
from argparse import Namespace

from pydantic import JsonValue
from rich.console import Console

from forethought.arguments import environment_id, options
from forethought.commands import CommandFailed
from forethought.envs.check import Report, check_env
from forethought.envs.check.sweep import sweep
from forethought.envs.registry import env_class, names

Result = dict[str, JsonValue]


def check(args: Namespace, console: Console) -> Result:
    """Check what the arguments name. Raises CommandFailed if a promise is broken."""
    if args.all and (args.ids or args.option):
        raise ValueError("--all checks every environment as it is; leave out ids and options")
    if not args.all and not args.ids:
        raise ValueError("name an environment, or give --all; forethought envs lists them")
    ids = names() if args.all else [environment_id(text) for text in args.ids]
    if len(ids) == 1:
        return _check_one(ids[0], args, console)
    if args.option:
        raise ValueError("--option is of one environment; check them one at a time")
    return _check_many(ids, console)


def _check_one(env_id: str, args: Namespace, console: Console) -> Result:
    named = {pair.partition("=")[0] for pair in args.option}
    missing = [told for need in env_class(env_id).needs() if (told := need.missing(named))]
    if missing:
        result: Result = {"env": env_id, "ok": None, "missing": "; ".join(missing), "findings": []}
        raise CommandFailed(f"{env_id} cannot be checked here: {'; '.join(missing)}", result)
    report = check_env(env_id, options=options(args.option, env_id=env_id))
    console.print(str(report), markup=False)
    if not report.ok:
        broken = ", ".join(finding.name for finding in report.broken)
        raise CommandFailed(f"{env_id} breaks a promise: {broken}", as_result(report))
    return as_result(report)


def _check_many(ids: list[str], console: Console) -> Result:
    started = time.perf_counter()
    reports = []
    for report in sweep(ids):
        console.print(report.line, markup=False)
        reports.append(report)
    broken = [report.env for report in reports if not report.ok]
    passed_over = sum(bool(report.missing) for report in reports)
    console.print(
        f"{len(reports) - len(broken) - passed_over} ok, {len(broken)} broken, {passed_over} "
        f"passed over in {time.perf_counter() - started:.0f} s"
    )
    result: Result = {"ok": not broken, "envs": [as_result(report) for report in reports]}
    if broken:
        raise CommandFailed(f"promises are broken by {', '.join(broken)}", result)
    return result


def as_result(report: Report) -> Result:
    """A report as `--json` gives it; `ok` is None where nothing was tried."""
    return {
        "env": report.env,
        "ok": None if report.missing else report.ok,
        "missing": report.missing or None,
        "seconds": round(report.seconds, 3),
        "findings": [
            {"name": finding.name, "ok": finding.ok, "detail": finding.detail}
            for finding in report.findings
        ],
    }
