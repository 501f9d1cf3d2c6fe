"""Retention: what each way of compressing a context keeps, what it saves and what it costs.

Every scheme has the same days of `forethought/retention-v0`, in a context that holds a fraction of
one; `whole` has the context of a whole day, and what it gets wrong is not for want of memory.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from forethought.benchmarks.summary import Summary

WHOLE = "whole"
"""The scheme that has the whole day in its context."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Kept(_Record):
    """One scheme's row; shares are means over the episodes that have such things."""

    scheme: str
    n: int
    success: float | None
    """Share of the days on which everything came right."""
    kept: float | None
    """Share of facts, rules and errands together."""
    facts: float | None
    rules: float | None
    errands: float | None
    first_round: float | None
    last_round: float | None
    """Shares of the checks after the least and the most work."""
    filed: float | None
    """Share of the ordinary work that came right: what needs no memory."""
    edits: float | None
    turns: float | None
    prompt_tokens: float | None
    """Tokens of all prompts of a day."""
    saved: float | None
    """Share of the prompt tokens that the whole context would take; below 0 where it cost more."""
    sampled_tokens: float | None
    """Tokens sampled on a day, summaries included."""
    repeats: float | None
    template_drift: int
    gradient_coverage: float | None


class Retention(_Record):
    """What a model keeps under every scheme."""

    model: str
    schemes: tuple[Kept, ...]
    template_drift: int
    """In all episodes of all schemes; anything but 0 is a bug."""
    gradient_coverage: float | None
    """The smallest of all schemes."""
    accuracy: dict[str, dict[str, float | None]]
    """Scheme -> facts, rules, errands -> share that came right."""


def retention(summaries: Mapping[str, Summary]) -> Retention:
    """The comparison of the schemes' runs of one model, by scheme. Raises ValueError for none."""
    if not summaries:
        raise ValueError("no runs to compare; give the summary of each scheme")
    whole = summaries.get(WHOLE)
    rows = tuple(_row(scheme, summary, whole) for scheme, summary in summaries.items())
    coverages = [row.gradient_coverage for row in rows if row.gradient_coverage is not None]
    return Retention(
        model=next(iter(summaries.values())).model,
        schemes=rows,
        template_drift=sum(row.template_drift for row in rows),
        gradient_coverage=min(coverages, default=None),
        accuracy={
            row.scheme: {"facts": row.facts, "rules": row.rules, "errands": row.errands}
            for row in rows
        },
    )


def _row(scheme: str, summary: Summary, whole: Summary | None) -> Kept:
    found = summary.metrics
    return Kept(
        scheme=scheme,
        n=summary.n,
        success=summary.success,
        kept=summary.mean_reward,
        facts=found.get("facts"),
        rules=found.get("rules"),
        errands=found.get("errands"),
        first_round=found.get("first_round"),
        last_round=found.get("last_round"),
        filed=found.get("filed"),
        edits=summary.edits_mean,
        turns=summary.turns_mean,
        prompt_tokens=summary.prompt_tokens_mean,
        saved=_saved(summary, whole),
        sampled_tokens=summary.tokens_mean,
        repeats=summary.repeats_mean,
        template_drift=summary.template_drift,
        gradient_coverage=summary.gradient_coverage,
    )


def _saved(summary: Summary, whole: Summary | None) -> float | None:
    if whole is None or not whole.prompt_tokens_mean or summary.prompt_tokens_mean is None:
        return None
    return 1 - summary.prompt_tokens_mean / whole.prompt_tokens_mean
