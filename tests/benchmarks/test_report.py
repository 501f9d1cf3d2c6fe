"""The report is one file that fetches nothing and says what it was given."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from forethought.benchmarks.page import page
from forethought.benchmarks.plots import Axes, Bar, Group, bar_chart
from forethought.benchmarks.report import Number, Section, Table, write_report


class Collector(HTMLParser):
    """Tags, attributes and text of a page; complains about tags that do not match."""

    VOID = frozenset({"meta", "input", "br"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_a_report_holds_numbers_intervals_text_figures_and_tables(tmp_path: Path) -> None:
    axes = Axes(title="Tokens", x="Difficulty", y="Tokens")
    figure = bar_chart([Group(label="easy", bars=(Bar(name="base", y=40),))], axes)
    section = Section(
        title="Success",
        text="It plans.",
        numbers=(Number(label="After RL", value="83 %", interval="74 to 89 %", note="n = 100"),),
        figures=(figure,),
        table=Table(header=("Horizon", "Success"), rows=(("2", "95 %"),)),
    )
    path = write_report(
        tmp_path / "new" / "r.html", title="Demo", lead="More.", sections=[section], foot="Seed 0."
    )
    found = Collector(path.read_text(encoding="utf-8"))
    words = ("Demo", "More.", "Success", "83 %", "74 to 89 %", "n = 100", "It plans.", "95 %")
    assert set(words) <= set(found.words)
    assert found.tags.count("svg") == 1
    assert found.links == []


def test_everything_that_is_text_is_escaped(tmp_path: Path) -> None:
    hostile = "<script>alert('x')</script>"
    section = Section(
        title=hostile,
        text=hostile,
        numbers=(Number(label=hostile, value=hostile, interval=hostile, note=hostile),),
        table=Table(header=(hostile,), rows=((hostile,),)),
    )
    path = write_report(
        tmp_path / "r.html", title=hostile, lead=hostile, sections=[section], foot=hostile
    )
    found = Collector(path.read_text(encoding="utf-8"))
    assert "script" not in found.tags
    assert found.words.count(hostile) == 12


def test_rows_that_do_not_fit_their_headings_are_refused() -> None:
    with pytest.raises(ValueError, match="1 cells under 2 headings"):
        Table(header=("a", "b"), rows=(("1",),))


def test_a_page_without_a_script_forbids_all_scripts() -> None:
    assert "script-src" not in page(title="t", body="")
    assert "default-src 'none'" in page(title="t", body="")


def test_a_page_with_a_script_allows_only_that_one() -> None:
    # printf '%s' 'alert(1)' | openssl dgst -sha256 -binary | base64
    html = page(title="t", body="", script="alert(1)")
    assert "script-src 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='" in html
