"""Calibration: whether a model that says it is 80 % sure is right four times in five."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean


@dataclass(frozen=True, kw_only=True, slots=True)
class ReliabilityBin:
    """Answers of similar confidence, and how many of them were right."""

    n: int
    confidence: float
    """Mean stated confidence."""
    accuracy: float


def brier_score(confidences: Sequence[float], correct: Sequence[bool]) -> float:
    """Mean squared error of the stated confidences (Brier 1950): 0 is perfect."""
    _check(confidences, correct)
    return fmean(
        (confidence - float(right)) ** 2
        for confidence, right in zip(confidences, correct, strict=True)
    )


def reliability(
    confidences: Sequence[float], correct: Sequence[bool], *, bins: int = 10
) -> tuple[ReliabilityBin, ...]:
    """Bins of equal mass in order of confidence; equal confidences always share a bin.

    There are at most `bins` of them, fewer when there are fewer answers or many ties.
    """
    _check(confidences, correct)
    ordered = sorted(zip(confidences, correct, strict=True), key=lambda pair: pair[0])
    found: list[list[tuple[float, bool]]] = []
    mass = len(ordered) / min(bins, len(ordered))
    current = -1
    for index, pair in enumerate(ordered):
        is_tie = bool(found) and found[-1][-1][0] == pair[0]
        if is_tie or int(index / mass) == current:
            found[-1].append(pair)
        else:
            found.append([pair])
            current = int(index / mass)
    return tuple(
        ReliabilityBin(
            n=len(group),
            confidence=fmean(confidence for confidence, _ in group),
            accuracy=fmean(float(right) for _, right in group),
        )
        for group in found
    )


def expected_calibration_error(
    confidences: Sequence[float], correct: Sequence[bool], *, bins: int = 10
) -> float:
    """Mean gap between confidence and accuracy over bins of equal mass: 0 is perfect.

    Equal mass (Nixon et al. 2019) because language models state few distinct confidences, which
    leaves bins of equal width almost empty.
    """
    groups = reliability(confidences, correct, bins=bins)
    gaps = sum(group.n * abs(group.confidence - group.accuracy) for group in groups)
    return gaps / len(confidences)


def _check(confidences: Sequence[float], correct: Sequence[bool]) -> None:
    if not confidences or len(confidences) != len(correct):
        raise ValueError(
            f"needs one verdict a confidence, not {len(correct)} for {len(confidences)}"
        )
    outside = [confidence for confidence in confidences if not 0 <= confidence <= 1]
    if outside:
        raise ValueError(f"confidence {outside[0]} is not between 0 and 1")
