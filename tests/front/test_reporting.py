"""`report` and `view` on what `train` leaves: every stage, and the report of the whole run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from forethought.cli import main
from forethought.trainer.config import RunConfig

BLOCKS = "forethought/blocksworld-v0"


@pytest.fixture
def trained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder as a training run leaves it, its stages played by the floor and the oracle."""
    run = tmp_path / "run"
    config = {"model": "m", "out": "runs/where it was", "tasks": {"env": BLOCKS}}
    for stage, model in (("base", "floor"), ("rl", "oracle")):
        out = str(run / f"eval-{stage}")
        assert main(["eval", "--env", BLOCKS, "--model", model, "-n", "5", "--out", out]) == 0
    (run / "config.json").write_text(RunConfig.model_validate(config).model_dump_json())
    capsys.readouterr()
    return run


def result(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main([*arguments, "--json"]) == 0
    loaded: dict[str, object] = json.loads(capsys.readouterr().out)
    return loaded


def test_the_report_of_a_training_run_is_about_the_training(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = result(capsys, "report", str(trained))
    assert found["report"] == str(trained / "report.html")
    assert [item["model"] for item in found["summaries"]] == ["floor", "oracle"]  # type: ignore[attr-defined]
    text = (trained / "report.html").read_text(encoding="utf-8")
    assert "<h1>m learns blocksworld-v0</h1>" in text
    assert "0 % base, 100 % after RL" in text


def test_the_view_of_a_training_run_leads_to_all_stages(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = result(capsys, "view", str(trained))
    views = [str(trained / f"eval-{stage}" / "view.html") for stage in ("base", "rl")]
    assert found == {"view": str(trained / "view.html"), "views": views}
    text = (trained / "view.html").read_text(encoding="utf-8")
    assert 'href="eval-base/view.html">eval-base: floor on' in text
    assert "<td>5</td><td>0</td><td>0</td>" in text
    assert "<h1>eval-rl: oracle on" in Path(views[1]).read_text(encoding="utf-8")


def test_a_training_run_of_another_version_is_told_with_the_key(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (trained / "config.json").write_text(
        '{"model": "m", "out": "o", "tasks": {"env": "e"}, "x": 1}'
    )
    assert main(["report", str(trained)]) == 2
    error = capsys.readouterr().err
    assert "config.json: not the config of a run: x: Extra inputs are not permitted" in error
    assert error.count("\n") == 1


def test_a_training_run_that_measured_nothing_yet_has_no_report(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for stage in ("base", "rl"):
        (trained / f"eval-{stage}" / "summary.json").unlink()
        (trained / f"eval-{stage}" / "episodes.jsonl").write_text("")
    assert main(["report", str(trained)]) == 2
    assert "no episode is finished yet" in capsys.readouterr().err
