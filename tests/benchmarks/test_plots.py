"""Figures are well-formed, legible to screen readers, and put values where they belong."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.benchmarks.axes import format_value, frame_for, nice_ticks, spread
from forethought.benchmarks.plots import Axes, Bar, Group, Point, Series, bar_chart, line_chart

SVG = "{http://www.w3.org/2000/svg}"
AXES = Axes(title="T", x="Horizon (steps)", y="Success", y_range=(0, 1), percent=True)


def series(name: str, *ys: float) -> Series:
    points = (
        Point(x=x, y=y, low=max(0, y - 0.1), high=min(1, y + 0.1)) for x, y in enumerate(ys, 1)
    )
    return Series(name=name, points=tuple(points))


def texts(svg: str) -> list[str]:
    return [item.text or "" for item in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_a_line_chart_names_axes_and_lines_where_they_end() -> None:
    svg = line_chart([series("base", 0.5, 0.2), series("after RL", 0.9, 0.8)], AXES)
    assert {"T", "Horizon (steps)", "Success", "base", "after RL", "0 %", "100 %"} <= set(
        texts(svg)
    )
    labels = {
        item.text: float(item.attrib["y"])
        for item in ElementTree.fromstring(svg).iter(f"{SVG}text")
    }
    assert labels["after RL"] < labels["base"]


def test_higher_values_are_drawn_higher_and_in_proportion() -> None:
    svg = line_chart([series("a", 0.0, 0.5, 1.0)], AXES)
    line = ElementTree.fromstring(svg).find(f".//{SVG}polyline")
    assert line is not None
    points = [tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split()]
    (x1, y1), (x2, y2), (x3, y3) = points
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2)
    assert y1 - y2 == pytest.approx(y2 - y3, abs=0.2)
    assert y1 > y2 > y3


def test_intervals_are_bands_and_whiskers() -> None:
    svg = line_chart([series("a", 0.5, 0.6)], AXES)
    assert svg.count("<polygon") == 1
    assert line_chart([series("a", 0.5)], AXES).count("<polygon") == 0
    bare = Series(name="a", points=(Point(x=1, y=0.5), Point(x=2, y=0.6)))
    assert line_chart([bare], AXES).count("<polygon") == 0


def test_the_description_says_every_value_with_its_interval() -> None:
    svg = line_chart([series("base", 0.5)], AXES)
    assert "<desc>base: 1: 50 % (40 % to 60 %)</desc>" in svg
    bars = bar_chart(
        [Group(label="easy", bars=(Bar(name="base", y=1234),))], Axes(title="T", x="x", y="y")
    )
    assert "<desc>easy: base 1,234</desc>" in bars


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><img src=x>', "a & b"])
def test_text_in_figures_is_escaped(hostile: str) -> None:
    axes = Axes(title=hostile, x=hostile, y=hostile)
    line = line_chart([series(hostile, 0.1)], axes)
    bars = bar_chart([Group(label=hostile, bars=(Bar(name=hostile, y=1),))], axes)
    for svg in (line, bars):
        assert texts(svg).count(hostile) >= 4
        assert "<script" not in svg
        assert "<img" not in svg


def test_bars_have_a_key_only_when_there_are_several_kinds() -> None:
    one = bar_chart([Group(label="g", bars=(Bar(name="base", y=2),))], AXES)
    two = bar_chart([Group(label="g", bars=(Bar(name="base", y=2), Bar(name="RL", y=3)))], AXES)
    assert "base" not in texts(one)
    assert {"base", "RL"} <= set(texts(two))


def test_bars_stand_on_the_axis_and_do_not_overlap() -> None:
    groups = [
        Group(label=label, bars=tuple(Bar(name=n, y=y) for n, y in zip("abc", ys, strict=True)))
        for label, ys in (("one", (1, 2, 3)), ("two", (4, 5, 6)))
    ]
    svg = bar_chart(groups, Axes(title="T", x="x", y="y"))
    sizes = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', svg)
    bars = [tuple(map(float, size)) for size in sizes if size[3] != "11"]
    assert len(bars) == 6
    assert {round(y + height) for _, y, _, height in bars} == {288}
    assert all(after[0] >= before[0] + before[2] for before, after in pairwise(bars))
    assert [height for *_, height in bars] == sorted(height for *_, height in bars)


def test_a_plot_of_nothing_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="nothing to plot in 'T'"):
        line_chart([Series(name="a", points=())], AXES)
    with pytest.raises(ValueError, match="nothing to plot in 'T'"):
        bar_chart([], AXES)


@given(
    st.lists(
        st.tuples(st.integers(-1000, 1000), st.floats(-1e6, 1e6, allow_nan=False)),
        min_size=1,
        max_size=60,
    )
)
def test_any_line_is_well_formed_and_within_the_picture(values: list[tuple[int, float]]) -> None:
    points = tuple(Point(x=x, y=y) for x, y in values)
    svg = line_chart([Series(name="a", points=points)], Axes(title="T", x="x", y="y"))
    line = ElementTree.fromstring(svg).find(f".//{SVG}polyline")
    assert line is not None
    for pair in line.attrib["points"].split():
        x, y = map(float, pair.split(","))
        assert 0 <= x <= 720
        assert 0 <= y <= 340


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_ticks_are_few_even_and_enclose_the_data(low: float, size: float) -> None:
    high = low + size
    if not high > low + 1e-9 * abs(low):
        return
    ticks = nice_ticks(low, high)
    assert 2 <= len(ticks) <= 9
    slack = 1e-6 * size + 1e-9
    assert ticks[0] <= low + slack
    assert ticks[-1] >= high - slack


def test_ticks_are_round_numbers() -> None:
    assert nice_ticks(0, 1) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert nice_ticks(0, 247) == [0, 50, 100, 150, 200, 250]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.12345, "0.123"), (12, "12"), (1234.5, "1,234"), (250_000, "250k")],
)
def test_numbers_read_as_people_write_them(value: float, text: str) -> None:
    assert format_value(value) == text


@given(st.lists(st.floats(50, 280), min_size=1, max_size=8))
def test_labels_keep_their_distance_and_order(places: list[float]) -> None:
    moved = spread(places, gap=17, high=288)
    order = sorted(range(len(places)), key=lambda index: places[index])
    assert all(moved[b] - moved[a] >= 17 - 1e-9 for a, b in pairwise(order))
    assert max(moved) <= 288


def test_values_outside_a_fixed_axis_are_drawn_at_its_edge() -> None:
    frame = frame_for(xs=[0, 1], ys=[2.0], y_range=(0, 1))
    assert frame.y(2.0) == frame.y(1.0) == frame.top
