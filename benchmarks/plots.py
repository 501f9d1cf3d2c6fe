"""Plots as inline SVG: lines with bands, bars with whiskers, every value labelled in words.

Colours are CSS variables with fallbacks, so a figure follows the light or dark theme of the page
that holds it (`page.STYLE` defines them) and is still legible on its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from forethought.benchmarks.axes import Frame, format_value, frame_for, spread

COLOURS = ("#2a6496", "#b3541e", "#3a7d44", "#7b4b94", "#8a6d00", "#a33b5c")
_DASHES = ("", "7 4", "2 4", "9 4 2 4", "4 4", "1 3")
"""Series differ by dash as well as by colour, for print and for colour-blind readers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One value with its interval, where it has one."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """A named line."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """One bar of a group, with its interval where it has one."""

    name: str
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Bars that stand together over one label."""

    label: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Axes:
    """Titles (with units) and ranges of a plot."""

    title: str
    x: str
    y: str
    y_range: tuple[float, float] | None = None
    """None fits the data, zero included."""
    percent: bool = False
    """Values are fractions, shown as percentages."""
    diagonal: bool = False
    """Draw y = x for reference."""


def line_chart(series: Sequence[Series], axes: Axes) -> str:
    """An SVG with one line a series, its interval as a band and its name at its end.

    Raises ValueError if no series has a point.
    """
    drawn = [item for item in series if item.points]
    if not drawn:
        raise ValueError(f"nothing to plot in {axes.title!r}: no series has a point")
    points = [point for item in drawn for point in item.points]
    frame = frame_for(
        xs=[point.x for point in points],
        ys=_extent(points),
        y_range=axes.y_range,
        right=24 + 7.4 * max(len(item.name) for item in drawn),
    )
    body = [_grid(frame, axes), _x_ticks(frame)]
    if axes.diagonal:
        body.append(_diagonal(frame))
    body += [_band(item.points, frame, index) for index, item in enumerate(drawn)]
    body += [_line(item.points, frame, index) for index, item in enumerate(drawn)]
    ends = spread([frame.y(item.points[-1].y) for item in drawn], gap=17, high=frame.bottom)
    for index, (item, at) in enumerate(zip(drawn, ends, strict=True)):
        body.append(_text(frame.right + 12, at + 4, item.name, "start", colour=index, bold=True))
    return _svg(frame, axes, body, [_in_words(item, axes) for item in drawn])


def bar_chart(groups: Sequence[Group], axes: Axes) -> str:
    """An SVG with one group of bars a label, whiskers for intervals and values above the bars.

    Bars of the same name share a colour, named in a key when there is more than one. Raises
    ValueError if no group has a bar.
    """
    bars = [bar for group in groups for bar in group.bars]
    if not bars:
        raise ValueError(f"nothing to plot in {axes.title!r}: no group has a bar")
    names = list(dict.fromkeys(bar.name for bar in bars))
    frame = frame_for(
        xs=[-0.5, len(groups) - 0.5],
        ys=_extent(bars),
        y_range=axes.y_range,
        top=64 if len(names) > 1 else 40,
        inset=0,
    )
    body = [_grid(frame, axes)]
    if len(names) > 1:
        body.append(_key(names, frame))
    step = frame.x(1) - frame.x(0)
    for place, group in enumerate(groups):
        body.append(_text(frame.x(place), frame.bottom + 20, group.label, "middle"))
        body += _bars(group, names, frame.x(place), step, frame, axes)
    words = [
        f"{group.label}: " + ", ".join(f"{bar.name} {_words(bar, axes)}" for bar in group.bars)
        for group in groups
    ]
    return _svg(frame, axes, body, words)


def _bars(
    group: Group, names: list[str], centre: float, step: float, frame: Frame, axes: Axes
) -> list[str]:
    width = min(56.0, 0.78 * step / len(names))
    found = []
    for bar in group.bars:
        index = names.index(bar.name)
        left = centre + (index - len(names) / 2) * width + 2
        top, base = frame.y(bar.y), frame.y(max(0.0, frame.y_low))
        found.append(
            f'<rect x="{left:.1f}" y="{min(top, base):.1f}" width="{width - 4:.1f}" '
            f'height="{abs(base - top):.1f}" rx="1.5" style="fill:{_colour(index)};opacity:.82"/>'
        )
        middle, above = left + width / 2 - 2, min(top, base)
        if bar.low is not None and bar.high is not None:
            found.append(_whisker(middle, frame.y(bar.low), frame.y(bar.high)))
            above = min(above, frame.y(bar.high))
        value = format_value(bar.y, percent=axes.percent)
        found.append(_text(middle, above - 6, value, "middle", size=12))
    return found


def _whisker(x: float, low: float, high: float) -> str:
    path = (
        f"M{x - 4:.1f} {high:.1f}H{x + 4:.1f}M{x:.1f} {high:.1f}V{low:.1f}"
        f"M{x - 4:.1f} {low:.1f}H{x + 4:.1f}"
    )
    return f'<path d="{path}" style="stroke:var(--ink,#333);stroke-width:1.3;fill:none"/>'


def _band(points: Sequence[Point], frame: Frame, index: int) -> str:
    known = [(p.x, p.low, p.high) for p in points if p.low is not None and p.high is not None]
    if len(known) == 1:
        return _whisker(frame.x(known[0][0]), frame.y(known[0][1]), frame.y(known[0][2]))
    corners = [(x, high) for x, _, high in known] + [(x, low) for x, low, _ in reversed(known)]
    path = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in corners)
    return f'<polygon points="{path}" style="fill:{_colour(index)};opacity:.13"/>' if path else ""


def _line(points: Sequence[Point], frame: Frame, index: int) -> str:
    path = " ".join(f"{frame.x(point.x):.1f},{frame.y(point.y):.1f}" for point in points)
    dash = _DASHES[index % len(_DASHES)]
    dots = "".join(
        f'<circle cx="{frame.x(point.x):.1f}" cy="{frame.y(point.y):.1f}" r="3.2" '
        f'style="fill:{_colour(index)}"/>'
        for point in points
        if len(points) <= 40
    )
    return (
        f'<polyline points="{path}" style="fill:none;stroke:{_colour(index)};stroke-width:2.2;'
        f'stroke-linejoin:round;stroke-dasharray:{dash or "none"}"/>{dots}'
    )


def _grid(frame: Frame, axes: Axes) -> str:
    lines = []
    for tick in frame.y_ticks:
        y = frame.y(tick)
        weight = "var(--axis,#999)" if tick == frame.y_low else "var(--grid,#ddd)"
        lines.append(f'<path d="M{frame.left} {y:.1f}H{frame.right}" style="stroke:{weight}"/>')
        label = format_value(tick, percent=axes.percent)
        lines.append(_text(frame.left - 9, y + 4, label, "end", soft=True))
    return "".join(lines)


def _x_ticks(frame: Frame) -> str:
    return "".join(
        f'<path d="M{frame.x(tick):.1f} {frame.bottom}v4" style="stroke:var(--axis,#999)"/>'
        + _text(frame.x(tick), frame.bottom + 20, format_value(tick), "middle", soft=True)
        for tick in frame.x_ticks
    )


def _diagonal(frame: Frame) -> str:
    low = max(frame.x_low, frame.y_low)
    high = min(frame.x_high, frame.y_high)
    return (
        f'<path d="M{frame.x(low):.1f} {frame.y(low):.1f}L{frame.x(high):.1f} '
        f'{frame.y(high):.1f}" style="stroke:var(--axis,#999);stroke-dasharray:3 4"/>'
    )


def _key(names: list[str], frame: Frame) -> str:
    found, x = [], float(frame.left)
    for index, name in enumerate(names):
        found.append(
            f'<rect x="{x:.1f}" y="36" width="11" height="11" rx="1.5" '
            f'style="fill:{_colour(index)};opacity:.82"/>'
        )
        found.append(_text(x + 16, 46, name, "start", size=12))
        x += 34 + 7 * len(name)
    return "".join(found)


def _svg(frame: Frame, axes: Axes, body: Sequence[str], words: Sequence[str]) -> str:
    middle = (frame.left + frame.right) / 2
    titles = (
        _text(frame.left, 20, axes.title, "start", size=14, bold=True)
        + _text(middle, frame.height - 8, axes.x, "middle", soft=True)
        + f'<g transform="translate(15 {(frame.top + frame.bottom) / 2:.0f}) rotate(-90)">'
        + _text(0, 0, axes.y, "middle", soft=True)
        + "</g>"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {frame.width} {frame.height}" '
        'role="img" font-family="system-ui, -apple-system, Segoe UI, sans-serif">'
        f"<title>{escape(axes.title)}</title><desc>{escape('; '.join(words))}</desc>"
        f"{titles}{''.join(body)}</svg>"
    )


def _text(
    x: float,
    y: float,
    text: str,
    anchor: str,
    *,
    size: int = 12,
    bold: bool = False,
    soft: bool = False,
    colour: int | None = None,
) -> str:
    plain = "var(--soft,#666)" if soft else "var(--ink,#222)"
    fill = plain if colour is None else _colour(colour)
    weight = 600 if bold else 400
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" style="font-size:{size}px;'
        f'font-weight:{weight};fill:{fill}">{escape(text)}</text>'
    )


def _colour(index: int) -> str:
    place = index % len(COLOURS)
    return f"var(--series-{place + 1},{COLOURS[place]})"


def _extent(values: Sequence[Point] | Sequence[Bar]) -> list[float]:
    found = [item.y for item in values]
    found += [item.low for item in values if item.low is not None]
    return found + [item.high for item in values if item.high is not None]


def _words(value: Point | Bar, axes: Axes) -> str:
    text = format_value(value.y, percent=axes.percent)
    if value.low is None or value.high is None:
        return text
    low, high = (format_value(end, percent=axes.percent) for end in (value.low, value.high))
    return f"{text} ({low} to {high})"


def _in_words(series: Series, axes: Axes) -> str:
    values = (f"{format_value(point.x)}: {_words(point, axes)}" for point in series.points)
    return f"{series.name}: " + ", ".join(values)
