"""The command line: results as JSON, exit codes, and one line for every mistake."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from terminal import BLOCKS, CUSTOM, result, run

from forethought.cli import main
from forethought.commands import COMMANDS
from forethought.trainer.config import TasksConfig
from forethought.trainer.policy import tiny_model


def test_the_oracle_is_perfect_and_the_summary_says_how_sure_that_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = result(capsys, "eval", "--env", BLOCKS, "--model", "oracle", "-n", "100")
    assert (found["success"], found["n"], found["coverage"]) == (1.0, 100, 1.0)
    assert found["ci"] == [pytest.approx(0.963, abs=1e-3), 1.0]
    assert isinstance(found["tokens_mean"], float)


def test_the_floor_is_below_a_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    found = result(capsys, "eval", "--env", "blocksworld-v0", "--model", "floor")
    assert isinstance(found["success"], float)
    assert found["success"] < 0.1


def test_the_suite_retention_tells_what_each_scheme_keeps(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = result(capsys, "eval", "--suite", "retention", "--model", "oracle", "-n", "2")
    assert (found["template_drift"], found["gradient_coverage"]) == (0, 1.0)
    accuracy = found["accuracy"]
    assert isinstance(accuracy, dict)
    assert accuracy["whole"] == {"facts": 1.0, "rules": 1.0, "errands": 1.0}
    assert accuracy["window"]["errands"] == 0.0  # type: ignore[index, call-overload]
    code, out, _ = run(
        *(capsys, "eval", "--suite", "retention", "--model", "oracle", "-n", "1"),
        *("--compress", "offload"),
    )
    assert code == 0
    schemes = [line.split()[0] for line in out.splitlines() if line[1:2].isalpha()]
    assert schemes[:3] == ["scheme", "whole", "offload"]
    assert "template drift 0, gradient coverage 1.000" in out


def test_a_model_in_this_process_has_the_context_that_the_limit_says(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    tasks = TasksConfig(env="forethought/blocksworld-v0", horizons=(2,))
    model, template = tiny_model(tasks, seed=0)
    model.config.max_position_embeddings = 2048
    model.save_pretrained(tmp_path)
    template.save(tmp_path)
    found = result(
        *(capsys, "eval", "--env", BLOCKS, "--model", str(tmp_path), "-n", "1"),
        *("--limit", "context=1600", "--limit", "reply_tokens=1100", "--limit", "turns=1"),
    )
    assert found["stops"] == {"turn_limit": 1}
    assert found["tokens_mean"] != 0.0


def test_a_compressor_and_nudges_are_chosen_by_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    arguments = ("eval", "--env", BLOCKS, "--model", "oracle", "-n", "2", "--out", str(out))
    result(capsys, *arguments, "--compress", "memory", "--no-nudge")
    plan = json.loads((out / "plan.json").read_bytes())
    assert (plan["compress"], plan["nudge"]) == ("memory", False)


def test_without_json_people_get_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "eval", "--env", BLOCKS, "--model", "oracle", "-n", "4")
    assert code == 0
    assert "100 % (51 to 100 %)" in out
    assert err == ""


def test_a_run_is_kept_resumed_compared_reported_and_viewed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    common = ("eval", "--env", BLOCKS, "-n", "6", "-k", "2", "--horizon", "2-3")
    best, worst = str(tmp_path / "best"), str(tmp_path / "worst")
    first = result(capsys, *common, "--model", "oracle", "--out", best)
    again = result(capsys, *common, "--model", "oracle", "--out", best, "--resume")
    assert first == again
    result(capsys, *common, "--model", "floor", "--out", worst)
    compared = result(capsys, "compare", worst, best)
    assert compared["num_tasks"] == 6
    reported = result(capsys, "report", best)
    assert reported["report"] == f"{best}/report.html"
    viewed = result(capsys, "view", best)
    assert viewed["view"] == f"{best}/view.html"
    html = (tmp_path / "best" / "view.html").read_text(encoding="utf-8")
    assert html.count('data-outcome="passed"') == 12


def test_options_reach_the_environment(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("eval", "--env", BLOCKS, "--model", "oracle", "-n", "5", "--horizon", "4")
    found = result(capsys, *arguments, "--option", "mode=plan")
    assert found["turns_mean"] == 1.0
    assert found["by_horizon"][0]["horizon"] == 4  # type: ignore[index]


def test_an_environment_of_ones_own_is_named_by_its_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "sum_env.py"
    file.write_text(CUSTOM)
    found = result(capsys, "eval", "--env", f"{file}:mine/sum-v0", "--model", "oracle", "-n", "8")
    assert (found["env"], found["success"]) == ("mine/sum-v0", 1.0)


def test_one_environment_is_shown_with_a_task_and_the_experts_first_action(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = result(capsys, "envs", "blocksworld-v0")
    assert found["id"] == BLOCKS
    assert "goal:" in found["sample"]["prompt"]  # type: ignore[index]
    assert found["sample"]["oracle"].startswith("plan:")  # type: ignore[index]


def test_an_environment_without_an_expert_is_shown_without(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "mute_env.py"
    file.write_text(CUSTOM.replace("def oracle", "def orakel").replace("mine/sum", "mine/mute"))
    code, out, err = run(capsys, "envs", f"{file}:mine/mute-v0")
    assert (code, err) == (0, "")
    assert "A task (seed 0)" in out
    assert "it has no expert" in out
    found = result(capsys, "envs", f"{file}:mine/mute-v0")
    assert found["sample"]["oracle"] is None  # type: ignore[index]


@pytest.mark.parametrize("arguments", [["--help"], ["envs", "--json"]], ids=["help", "envs"])
def test_help_and_listing_take_no_more_computing_than_eight_times_the_dependencies(
    arguments: list[str],
) -> None:
    # These take an idle machine of today a quarter of a second, and slow and busy ones longer.
    dependencies = computing("-c", "import gymnasium, pydantic, httpx, rich")
    assert computing("-m", "forethought", *arguments) < 8 * dependencies


def computing(*arguments: str) -> float:
    """The least seconds of computing of three runs of Python."""

    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    seconds = []
    for _ in range(3):
        before = spent()
        subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
        seconds.append(spent() - before)
    return min(seconds)


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    command = [sys.executable, "-m", "forethought", "envs", "blocksworld-v0"]
    read_end, write_end = os.pipe()
    os.close(read_end)
    child = subprocess.run(
        command, stdout=write_end, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write_end)
    assert "Traceback" not in child.stderr


@pytest.mark.parametrize(
    "command",
    list(COMMANDS),
)
def test_every_command_has_help_and_json(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert "--json" in capsys.readouterr().out


def test_the_commands_are_those_that_are_promised() -> None:
    first = "envs new play check eval compare report view import serve"
    then = "filter sft train doctor sandbox demo"
    assert list(COMMANDS) == [*first.split(), *then.split()]
