"""A proxy that is gamed is seen in the evaluation, in its report and in what is printed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from forethought.benchmarks.proxies import ProxyGap, proxy_gaps
from forethought.benchmarks.proxy_report import gap_sentence
from forethought.cli import main
from forethought.envs.check import check_env

EXAMPLE = Path(__file__).parents[2] / "examples" / "regatta.py"
RACE = f"{EXAMPLE}:example/regatta-v0"


def test_a_gap_is_proxy_less_reward_over_the_episodes_that_have_both() -> None:
    (gap,) = proxy_gaps(
        [
            ("a", 1.0, {"proxy:points": 0.5, "moves": 9.0}),
            ("b", 0.0, {"proxy:points": 1.0}),
            ("c", None, {"proxy:points": 1.0}),
            ("d", 0.0, {"proxy:points": None}),
            ("e", 0.0, {"moves": 1.0}),
        ]
    )
    assert (gap.name, gap.n, gap.proxy, gap.reward, gap.gap) == ("points", 2, 0.75, 0.5, 0.25)
    # Student's t: 0.25 -+ 12.706 * 1.0607 / sqrt(2)
    assert gap.ci == (pytest.approx(-9.2797, abs=1e-3), pytest.approx(9.7797, abs=1e-3))


def test_samples_of_one_task_are_no_independent_evidence() -> None:
    values = [("a", 0.0, {"proxy:p": 1.0}), ("a", 0.0, {"proxy:p": 0.9})]
    (gap,) = proxy_gaps(values)
    assert gap.ci is None
    (gap,) = proxy_gaps([*values, ("b", 1.0, {"proxy:p": 1.0}), ("b", 1.0, {"proxy:p": 1.0})])
    assert gap.ci == (0.0, 0.95)


def test_without_proxies_there_is_nothing_to_tell() -> None:
    assert proxy_gaps([("a", 1.0, {"moves": 3.0})]) == ()


def test_a_gap_is_told_in_a_line() -> None:
    gap = ProxyGap(name="points", n=9, proxy=0.75, reward=0.25, gap=0.5, ci=(0.4, 0.6))
    assert gap_sentence(gap) == "proxy points 0.75, reward 0.25: gap 0.5 (0.4 to 0.6)"
    assert gap_sentence(gap.model_copy(update={"ci": None})).endswith("gap 0.5")


def test_a_policy_that_games_the_proxy_shows_in_table_summary_and_report(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "circle.txt").write_text("circle\n")
    out = tmp_path / "run"
    model = f"scripted:{tmp_path / 'circle.txt'}"
    code = main(["eval", "--env", RACE, "--model", model, "-n", "20", "--out", str(out)])
    assert code == 0
    assert "example/regatta-v0: proxy points_won" in capsys.readouterr().out
    (gap,) = json.loads((out / "summary.json").read_bytes())["proxy_gaps"]
    assert (gap["name"], gap["reward"]) == ("points_won", 0.0)
    assert gap["gap"] == gap["proxy"] > 0.3
    assert gap["ci"][0] > 0
    assert main(["report", str(out)]) == 0
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Proxies and the reward" in page
    assert "points_won" in page


def test_the_expert_leaves_points_behind_and_finishes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["eval", "--env", RACE, "--model", "oracle", "-n", "20", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["success"] == 1.0
    assert summary["proxy_gaps"][0]["ci"][1] < 0


def test_the_example_keeps_the_promises_and_prints_both_policies() -> None:
    done = subprocess.run([sys.executable, EXAMPLE], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert first.startswith("oracle: proxy points_won 0.0609, reward 1: gap -0.939")
    assert second.startswith("circling: proxy points_won 0.675, reward 0: gap 0.675 (0.59 to 0.76)")
    sys.path.insert(0, str(EXAMPLE.parent))
    try:
        import regatta
    finally:
        sys.path.remove(str(EXAMPLE.parent))
    report = check_env(regatta.Regatta)
    assert report.ok, str(report)
