"""The report of a run: one file that shows where it began and what each stage gave."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from runs import Listening, run_config

from forethought.benchmarks.proxies import ProxyGap
from forethought.trainer.config import RunConfig
from forethought.trainer.metrics import read
from forethought.trainer.report import write_run_report
from forethought.trainer.run import execute


def test_the_report_shows_the_three_stages_and_the_way_between_them(straight: RunConfig) -> None:
    path = write_run_report(straight)
    assert path == straight.out / "report.html"
    page = path.read_text(encoding="utf-8")
    for words in (
        "tiny learns lean-v0",
        "after SFT",
        "after RL",
        "Success by horizon",
        "Tokens per answer by difficulty",
        "Reward during RL",
        "Proxies and the reward",
        "Proxy long and the reward",
        "One task, stage by stage",
        "4 scored of 4",
    ):
        assert words in page
    assert page.count("<svg") == 4
    assert re.findall(r"(?:src|href)=[\"']?https?:", page) == []  # it stands alone


def test_each_step_and_each_evaluation_tells_how_far_a_proxy_runs_ahead(
    straight: RunConfig,
) -> None:
    steps = read(straight.out / "metrics.jsonl", "rl")
    assert len(steps) == 4
    for step in steps:
        (gap,) = TypeAdapter(list[ProxyGap]).validate_python(step["proxy_gaps"])
        assert (gap.name, gap.n) == ("long", 6)
        assert gap.reward == pytest.approx(step["reward"])
        assert gap.gap == pytest.approx(gap.proxy - gap.reward)
        assert gap.ci is not None
        assert gap.ci[0] <= gap.gap <= gap.ci[1]
    summary = json.loads((straight.out / "eval-rl" / "summary.json").read_bytes())
    assert [gap["name"] for gap in summary["proxy_gaps"]] == ["long"]


def test_the_report_tells_the_numbers_of_the_summary(straight: RunConfig) -> None:
    page = write_run_report(straight).read_text(encoding="utf-8")
    summary = json.loads((straight.out / "summary.json").read_bytes())
    lead = ", ".join(
        f"{100 * summary[stage]['success']:.0f} % {name}"
        for stage, name in (("base", "base"), ("sft", "after SFT"), ("rl", "after RL"))
    )
    assert lead in page


def test_a_run_without_rl_has_a_report_without_its_curve(tmp_path: Path) -> None:
    config = run_config(tmp_path / "run", filter=None, rl=None)
    execute(config, resume=False, progress=Listening())
    page = write_run_report(config).read_text(encoding="utf-8")
    assert "after SFT" in page
    assert "after RL" not in page
    assert "Reward during RL" not in page
