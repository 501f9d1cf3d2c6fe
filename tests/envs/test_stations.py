"""Archives of rainfall logs, and the table that follows from one."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from forethought.envs.search.retrieval import SqliteIndex
from forethought.envs.suite.long.stations import MONTHS, Archive, Log, Station, archive_of

FIGURES = tuple(Decimal(f"{n}.5") for n in (3, 1, 2, 9, 4, 5, 6, 7, 8, 10, 11, 0))
"""Their sum is 72; November has the most."""


def station(unit: str, *, year: int = 1990, changed: int = 1985) -> Station:
    log = Log(number=1234, code="2BC4", year=year, figures=FIGURES)
    return Station(
        name="Kelham",
        region="Dun hills",
        altitude_m=40,
        unit="inch" if unit == "inch" else "mm",
        codes=("1AA1", "2BC4"),
        changed=changed,
        log=log,
        other_log=log,
    )


@pytest.mark.parametrize(("unit", "total"), [("mm", "72.00"), ("inch", "1828.80")])
def test_a_row_adds_the_months_in_millimetres_and_names_the_wettest(unit: str, total: str) -> None:
    assert station(unit).row == ("Kelham", total, "November")


def test_a_log_says_where_it_belongs_only_in_its_text() -> None:
    log = station("mm").log
    assert log.title == "Log 1234"
    assert log.document.text.startswith("Code 2BC4, year 1990. Rainfall: January 3.5, February 1.5")
    assert log.document.text.endswith("December 0.5.")


def test_a_page_tells_unit_and_codes() -> None:
    assert station("inch").document.text == (
        "Rain station in the Dun hills, 40 m above the sea. Unit: inch. "
        "Logs are filed under code 1AA1 until 1984, code 2BC4 from 1985 on."
    )


@pytest.mark.parametrize("num_rows", [1, 2, 7, 64])
def test_an_archive_has_as_many_stations_as_asked_for_and_others(num_rows: int) -> None:
    archive = archive_of(5, num_rows)
    assert len(archive.asked) == num_rows
    assert len(archive.others) == max(3, num_rows // 2)
    titles = [document.title for document in archive.documents()]
    assert len(titles) == len(set(titles)) == 3 * (num_rows + len(archive.others))
    assert SqliteIndex(archive.documents()).open(archive.asked[0].name).also == ()


def read(archive: Archive, index: SqliteIndex, name: str) -> tuple[str, str, str]:
    """A row worked out from nothing but pages, as an agent would."""
    page = index.open(name).text
    years = re.search(r"code (\w+) until (\d+), code (\w+) from", page)
    assert years is not None
    code = years[1] if archive.year <= int(years[2]) else years[3]
    logs = [
        document.text
        for document in index.search(f"{code} {archive.year}", 5)
        if document.text.startswith(f"Code {code}, year {archive.year}.")
    ]
    assert len(logs) == 1
    figures = dict(re.findall(r"([A-Z][a-z]+) (\d+\.\d)", logs[0].partition("Rainfall: ")[2]))
    assert list(figures) == list(MONTHS)
    factor = 254 if "Unit: inch." in page else 10
    total = sum(round(10 * float(figure)) for figure in figures.values()) * factor
    wettest = max(figures, key=lambda month: float(figures[month]))
    return name, f"{total // 100}.{total % 100:02}", wettest


@pytest.mark.parametrize("seed", range(20))
def test_the_table_follows_from_the_documents(seed: int) -> None:
    archive = archive_of(seed, 6)
    index = SqliteIndex(archive.documents())
    assert tuple(read(archive, index, row[0]) for row in archive.table) == archive.table


def test_units_and_codes_vary_so_that_neither_can_be_left_out() -> None:
    stations = [each for seed in range(20) for each in archive_of(seed, 4).asked]
    assert {each.unit for each in stations} == {"mm", "inch"}
    assert {each.codes.index(each.log.code) for each in stations} == {0, 1}


def test_no_month_ties_with_the_wettest() -> None:
    for seed in range(50):
        for each in archive_of(seed, 4).asked:
            assert len(set(each.log.figures)) == 12


def test_seeds_reproduce_and_vary() -> None:
    first = archive_of(1, 3)
    archive_of.cache_clear()
    assert archive_of(1, 3) == first
    assert archive_of(2, 3).table != first.table
