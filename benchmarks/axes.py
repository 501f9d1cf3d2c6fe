"""Axes: where values fall on a plot, which ticks it has and how numbers are written."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

_FLAT = 1e-9
"""Values that differ by less are drawn as the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """The drawing area of a plot, in pixels, and the values at its edges."""

    width: int
    height: int
    left: float
    right: float
    top: float
    bottom: float
    inset: float
    """Pixels between the edges and the outermost x values."""
    x_low: float
    x_high: float
    y_low: float
    y_high: float
    x_ticks: tuple[float, ...]
    y_ticks: tuple[float, ...]

    def x(self, value: float) -> float:
        """Horizontal place of a value; the middle when all values are the same."""
        if self.x_high == self.x_low:
            return (self.left + self.right) / 2
        share = (value - self.x_low) / (self.x_high - self.x_low)
        return self.left + self.inset + share * (self.right - self.left - 2 * self.inset)

    def y(self, value: float) -> float:
        """Vertical place of a value; values outside the axis are drawn at its edge."""
        share = (value - self.y_low) / (self.y_high - self.y_low)
        return self.bottom - min(1.0, max(0.0, share)) * (self.bottom - self.top)


def frame_for(
    *,
    xs: Sequence[float],
    ys: Sequence[float],
    y_range: tuple[float, float] | None = None,
    right: float = 24,
    top: float = 40,
    inset: float = 14,
) -> Frame:
    """A frame that holds the values; `right` and `top` are margins in pixels."""
    width, height, left = 720, 340, 62.0
    low, high = y_range or (min(0.0, *ys), max(0.0, *ys))
    y_ticks = nice_ticks(low, high if high - low > _FLAT else low + 1)
    exact = sorted(set(xs))
    x_ticks = exact if len(exact) <= 12 else nice_ticks(exact[0], exact[-1], count=8)
    return Frame(
        width=width,
        height=height,
        left=left,
        right=width - right,
        top=top,
        bottom=height - 52.0,
        inset=inset,
        x_low=exact[0],
        x_high=exact[-1],
        y_low=y_range[0] if y_range else y_ticks[0],
        y_high=y_range[1] if y_range else y_ticks[-1],
        x_ticks=tuple(tick for tick in x_ticks if exact[0] <= tick <= exact[-1]),
        y_ticks=tuple(y_ticks),
    )


def nice_ticks(low: float, high: float, *, count: int = 5) -> list[float]:
    """About `count` round numbers (1, 2 or 5 times a power of ten) that enclose low..high."""
    if high <= low:
        return [low]
    rough = (high - low) / count
    exponent = math.floor(math.log10(rough))
    power = 10.0**exponent
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 2 - exponent) for index in range(first, last + 1)]


def format_value(value: float, *, percent: bool = False) -> str:
    """A number as a reader wants it: three significant digits, thousands with k, no noise."""
    if percent:
        return f"{100 * value:.0f} %"
    if abs(value) >= 100_000:
        return f"{value / 1000:,.0f}k"
    if abs(value) >= 1000 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def share(value: float) -> str:
    """A fraction as a percentage, with a decimal where it would otherwise read as 0 or 100."""
    digits = 1 if 0 < value < 0.01 or 0.99 < value < 1 else 0
    return f"{100 * value:.{digits}f} %"


def spread(places: Sequence[float], *, gap: float, high: float) -> list[float]:
    """Move labels apart to at least `gap` pixels, none below `high`, keeping their order."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = list(places)
    for before, after in itertools.pairwise(order):
        moved[after] = max(moved[after], moved[before] + gap)
    limit = high
    for index in reversed(order):
        moved[index] = min(moved[index], limit)
        limit = moved[index] - gap
    return moved
