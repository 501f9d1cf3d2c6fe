"""The page that leads to the views of several runs."""

from pathlib import Path

from forethought.benchmarks.contents import Outcomes, Page, write_contents


def test_each_run_is_linked_relative_to_the_page_with_its_outcomes(tmp_path: Path) -> None:
    pages = [
        Page(
            path=tmp_path / name / "view.html",
            title=f"<b>{name}</b>",
            outcomes=Outcomes(passed=1234, failed=2, unscored=3),
        )
        for name in ("a", "b c#1")
    ]
    path = write_contents(tmp_path / "view.html", pages, title="Runs & more")
    text = path.read_text(encoding="utf-8")
    assert "<h1>Runs &amp; more</h1>" in text
    assert '<td><a href="a/view.html">&lt;b&gt;a&lt;/b&gt;</a></td><td>1,234</td>' in text
    assert 'href="b%20c%231/view.html"' in text
    assert text.count("<tr>") == 3
