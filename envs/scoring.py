"""Scoring: the answer that an agent submits, and the methods that say what it is worth."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

Function = TypeVar("Function", bound=Callable[..., object])


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """The agent's final answer, and how sure it says it is (0 to 1)."""

    answer: str
    confidence: float | None = None


def reward(function: Function) -> Function:
    """Mark a method as part of the reward; the rewards of an environment are averaged.

    It returns a number in [0, 1], or None for "could not be scored", which is never taken as 0.
    """
    function.__forethought_score__ = "reward"  # type: ignore[attr-defined]
    return function


def metric(function: Function) -> Function:
    """Mark a method as a number to report beside the reward; it is not trained on."""
    function.__forethought_score__ = "metric"  # type: ignore[attr-defined]
    return function


def score_kind(member: object) -> str | None:
    """ "reward" or "metric" for a marked method; None for anything else."""
    return vars(member).get("__forethought_score__") if inspect.isfunction(member) else None
