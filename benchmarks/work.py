"""Work: what episodes took beside tokens: steps in a row, money, plans, effort."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

from pydantic import BaseModel, ConfigDict

from forethought.benchmarks.facts import Facts


class Work(BaseModel):
    """Means over the scored episodes; None where no episode has the number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calls_mean: float | None
    """Model calls of all agents."""
    critical_calls_mean: float | None
    """Model calls on the longest chain of calls that waited for each other."""
    critical_turns_mean: float | None
    """Turns on the longest chain of turns that waited for each other."""
    first_token_s_mean: float | None = None
    """Seconds from a request to its first token; None where the server does not stream."""
    cost_mean: float | None
    """Money; None where nothing has a price."""
    replans_mean: float | None
    """Times that another plan was taken up, over the episodes that had one."""
    plan_done_mean: float | None
    """Share of the plan's items done in order."""
    plan_followed_mean: float | None
    """Share of the tool calls that the plan's present item names."""
    effort: int | None
    """Tokens that each reply was asked to take."""
    effort_error_mean: float | None
    """Mean of |taken - asked| / asked over replies, then over episodes."""
    effort_bias_mean: float | None
    """The same with its sign: above 0, replies were longer than asked."""
    effort_followed_mean: float | None = None
    """Share of the replies that took what was asked, give or take a quarter; over episodes."""


def work_of(scored: Sequence[Facts]) -> Work:
    """The work of scored episodes of one run."""
    planned = [item for item in scored if item.has_plan]
    efforts = {item.effort for item in scored}
    return Work(
        calls_mean=_mean(scored, lambda item: item.num_calls),
        critical_calls_mean=_mean(scored, lambda item: item.num_critical_calls),
        critical_turns_mean=_mean(scored, lambda item: item.num_critical_turns),
        first_token_s_mean=_mean(scored, lambda item: item.first_token_s),
        cost_mean=_mean(scored, lambda item: item.cost) if any(i.cost for i in scored) else None,
        replans_mean=_mean(planned, lambda item: item.num_replans),
        plan_done_mean=_mean(planned, lambda item: item.plan_done),
        plan_followed_mean=_mean(planned, lambda item: item.plan_followed),
        effort=efforts.pop() if len(efforts) == 1 else None,
        effort_error_mean=_mean(scored, lambda item: item.effort_error),
        effort_bias_mean=_mean(scored, lambda item: item.effort_bias),
        effort_followed_mean=_mean(scored, lambda item: item.effort_followed),
    )


def _mean(items: Sequence[Facts], value: Callable[[Facts], float | None]) -> float | None:
    numbers = [number for item in items if (number := value(item)) is not None]
    return fmean(numbers) if numbers else None
