"""`forethought new`: what it writes works as it stands, and nothing is overwritten."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from terminal import result, run


def test_what_is_written_is_checked_evaluated_and_its_own_test_passes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    made = result(capsys, "new", "my_ledger", "--out", str(tmp_path))
    assert made["env"] == "mine/my-ledger-v0"
    env_id = f"{made['file']}:{made['env']}"
    found = result(capsys, "check", env_id)
    assert found["ok"] is True
    assert all(item["ok"] for item in found["findings"])  # type: ignore[attr-defined]
    measured = result(capsys, "eval", "--env", env_id, "--model", "oracle", "-n", "4")
    assert measured["success"] == 1.0
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(made["test"])],
        cwd=tmp_path,
        env={**os.environ, "PYTHONSAFEPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed" in tested.stdout, tested.stdout


def test_it_is_short_and_tidy(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    made = result(capsys, "new", "tidy_ledger", "--out", str(tmp_path))
    for path in (Path(str(made["file"])), Path(str(made["test"]))):
        text = path.read_text(encoding="utf-8")
        ast.parse(text)
        assert max(map(len, text.splitlines())) <= 100
        assert text.count("\n") <= 60


def test_nothing_is_overwritten(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    mine = tmp_path / "test_kept_ledger.py"
    mine.write_text("mine")
    code, _, err = run(capsys, "new", "kept_ledger", "--out", str(tmp_path))
    assert code == 2
    assert f"{mine} is there already and is not overwritten" in err
    assert [path.name for path in tmp_path.iterdir()] == [mine.name]
    assert mine.read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("My-Maze", "'My-Maze' cannot name an environment; take lower-case letters"),
        ("../maze", "cannot name an environment"),
        ("class", "cannot name an environment"),
        ("", "cannot name an environment"),
        ("json", "there is a module named 'json' already; take another name"),
        ("forethought", "there is a module named 'forethought' already"),
    ],
    ids=["capitals", "path", "keyword", "empty", "standard library", "ours"],
)
def test_a_bad_name_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, message: str
) -> None:
    code, _, err = run(capsys, "new", name, "--out", str(tmp_path))
    assert code == 2
    assert message in err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, _, err = run(capsys, "new", "any_maze", "--out", str(tmp_path / "nowhere"))
    assert code == 2
    assert "make it first" in err
