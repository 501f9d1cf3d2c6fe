"""Needs: found or missing, and what to do is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from forethought.envs.needs import DATA, data, given, package


def test_data_is_looked_for_where_the_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need = data("sums", files=["train.jsonl", "test.jsonl"], origin="https://example.org/sums")
    monkeypatch.delenv(DATA, raising=False)
    assert need.missing() == (
        "needs the data set sums: get train.jsonl or test.jsonl from https://example.org/sums and "
        "pass path=FOLDER, or put it into $FORETHOUGHT_DATA/sums"
    )
    assert need.missing({"path"}) is None
    monkeypatch.setenv(DATA, str(tmp_path))
    assert need.missing() is not None
    (tmp_path / "sums").mkdir()
    (tmp_path / "sums" / "test.jsonl").write_text("")
    assert need.missing() is None


def test_a_package_is_found_without_being_imported() -> None:
    assert package("json", install="nothing").missing() is None
    assert package("no_such_module_at_all", install="forethought[gem]").missing() == (
        "needs the package no_such_module_at_all: run: pip install 'forethought[gem]'"
    )


def test_what_only_an_option_can_give_is_missing_until_it_does() -> None:
    need = given("url", what="a server")
    assert need.missing() == "needs a server: pass --option url=..."
    assert need.missing(["url"]) is None
