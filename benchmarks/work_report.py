"""Sections of an evaluation's report on steps, plans and effort, and on what more samples give."""

from __future__ import annotations

from collections.abc import Sequence

from forethought.benchmarks.axes import format_value, share
from forethought.benchmarks.ballots import AccuracyRow
from forethought.benchmarks.report import Number, Section, Table
from forethought.benchmarks.work import Work


def work_section(work: Work, *, turns_mean: float) -> Section:
    """Steps in all and in a row, money, plans, and whether replies were as long as asked."""
    numbers = [
        _steps("Turns in a row", work.critical_turns_mean, of=turns_mean),
        _steps("Model calls in a row", work.critical_calls_mean, of=work.calls_mean),
    ]
    if work.first_token_s_mean is not None:
        wait = f"{work.first_token_s_mean:.3g} s"
        numbers.append(Number(label="Wait for the first token", value=wait))
    if work.cost_mean is not None:
        numbers.append(Number(label="Cost of an episode", value=f"{work.cost_mean:.4g}"))
    if work.plan_done_mean is not None:
        numbers += _plan(work)
    if work.effort is not None and work.effort_error_mean is not None:
        bias = work.effort_bias_mean or 0.0
        numbers.append(
            Number(
                label="Relative length error",
                value=share(work.effort_error_mean),
                note=f"{work.effort} tokens a reply asked for; {share(abs(bias))} too "
                f"{'long' if bias >= 0 else 'short'} on average; "
                f"{share(work.effort_followed_mean or 0.0)} of replies off by a quarter at most",
            )
        )
    return Section(
        title="Steps, plans and effort",
        text=(
            "Steps in a row are those on the longest chain that had to wait for each other: what "
            "an episode would take if all that ran together took no time beside the slowest."
        ),
        numbers=tuple(numbers),
    )


def accuracy_sections(
    samples: Sequence[AccuracyRow], votes: Sequence[AccuracyRow]
) -> list[Section]:
    """Accuracy by the number of answers, from samples of tasks and from recorded votes."""
    sections = []
    if samples:
        sections.append(
            Section(
                title="What more samples give",
                text=f"From the final answers of the samples of each task. {_order(samples)}",
                table=_accuracy_table(samples),
            )
        )
    if votes:
        sections.append(
            Section(
                title="What more parallel calls give",
                text=(
                    "From the recorded votes whose outcome became the answer to the task. "
                    f"{_order(votes)}"
                ),
                table=_accuracy_table(votes),
            )
        )
    return sections


def _steps(label: str, value: float | None, *, of: float | None) -> Number:
    note = "" if of is None else f"{format_value(round(of, 1))} in all"
    return Number(label=label, value=format_value(round(value or 0.0, 1)), note=note)


def _plan(work: Work) -> list[Number]:
    replans = work.replans_mean or 0.0
    numbers = [
        Number(
            label="Plan done in order",
            value=share(work.plan_done_mean or 0.0),
            note=f"{format_value(round(replans, 2))} other plans taken up an episode",
        )
    ]
    if work.plan_followed_mean is not None:
        note = "tool calls that the plan's present item names"
        numbers.append(
            Number(label="Plan followed", value=share(work.plan_followed_mean), note=note)
        )
    return numbers


def _accuracy_table(rows: Sequence[AccuracyRow]) -> Table:
    return Table(
        header=("Answers", "Questions", "Mean", "Majority", "Merged or judged", "Any (oracle)"),
        rows=tuple(
            (
                str(row.n),
                f"{row.num_questions:,}",
                share(row.mean),
                share(row.majority),
                "" if row.decided is None else f"{share(row.decided)} ({row.num_decided:,})",
                share(row.oracle),
            )
            for row in rows
        ),
    )


def _order(rows: Sequence[AccuracyRow]) -> str:
    """Where the usual order oracle >= merged >= majority >= mean does not hold."""
    for row in reversed(rows):
        if row.majority < row.mean - 1e-9:
            return (
                f"With {row.n} answers the majority is right less often than a single one: "
                "the policy errs the same way each time."
            )
        if row.decided is not None and row.decided < row.majority - 1e-9:
            return f"With {row.n} answers the merger or judge does worse than the majority."
    return "A perfect choice between the answers would reach the last column."
