"""Scoring: the answer that an agent submits, and the methods that say what it is worth."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

Function = TypeVar("Function", bound=Callable[..., object])

PROXY = "proxy:"
"""Stands before the name of a proxy among the metrics of an episode."""


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


def proxy(function: Function) -> Function:
    """Mark a method as what a lazy checker would reward: on the reward's scale, never trained on.

    Reports show how far it runs ahead of the reward. A policy that learns to please the proxy and
    not to do the task is seen there before it is seen anywhere else, as in the boat race that was
    won in circles (https://openai.com/index/faulty-reward-functions/).
    """
    function.__forethought_score__ = "proxy"  # type: ignore[attr-defined]
    return function


def score_kind(member: object) -> str | None:
    """ "reward", "metric" or "proxy" for a marked method; None for anything else."""
    return vars(member).get("__forethought_score__") if inspect.isfunction(member) else None


def checked(name: str, value: float | None) -> float | None:
    """A score as a plain number, or None.

    Raises TypeError for what is no number, ValueError for one that no mean survives: NaN, infinite.
    """
    if value is None:
        return None
    try:
        # Not so float, which reads a text.
        is_finite = math.isfinite(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} gives {value!r}; give a number, or None") from None
    if not is_finite:
        raise ValueError(f"{name} gives {value}; give a number, or None where it cannot be told")
    return float(value)
