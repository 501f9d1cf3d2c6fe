"""The command line: results as JSON, exit codes, and one line for every mistake."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from forethought.cli import main
from forethought.commands import COMMANDS

BLOCKS = "forethought/blocksworld-v0"
CUSTOM = '''
from forethought.envs import Card, Env, Task, register, reward


class Sum(Env):
    """Add two numbers."""

    card = Card(traits=("skills",), horizon_unit="digits", horizons=(1, 4))

    def make_task(self, rng, *, horizon):
        a, b = (int(x) for x in rng.integers(1, 10**horizon, size=2))
        return Task(id=f"{a}+{b}", prompt=f"{a}+{b}=?", answer=str(a + b), horizon=horizon)

    @reward
    def right(self) -> float:
        return float(self.submitted is not None and self.submitted.answer == self.task.answer)

    def oracle(self):
        return self.task.answer


register("mine/sum-v0", Sum)
'''


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command run in this process."""
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def result(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    """The object that `--json` prints, which must be all there is on standard output."""
    code, out, _ = run(capsys, *arguments, "--json")
    assert code == 0
    assert out.count("\n") == 1
    loaded: dict[str, object] = json.loads(out)
    return loaded


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ["eval", "--env", "blokcsworld-v0", "--model", "oracle"],
            "blokcsworld-v0'; did you mean 'forethought/blocksworld-v0'?",
            id="environment",
        ),
        pytest.param(
            ["eval", "--env", BLOCKS, "--model", "orakle"],
            "no model named 'orakle'; did you mean 'oracle'?",
            id="model",
        ),
        pytest.param(
            ["eval", "--env", BLOCKS, "--model", "oracle", "--option", "mod=plan"],
            "has no option 'mod'; there are: mode",
            id="option",
        ),
        pytest.param(
            ["eval", "--env", BLOCKS, "--model", "oracle", "--option", "mode=fly"],
            "mode is 'act' or 'plan', not 'fly'",
            id="value of an option",
        ),
        pytest.param(
            ["eval", "--env", BLOCKS, "--model", "oracle", "--horizon", "two"],
            "--horizon 'two' is not a number (4), a range (2-5) or a list (2,4,8)",
            id="horizon",
        ),
        pytest.param(
            ["eval", "--env", BLOCKS, "--model", "oracle", "--horizon", "4000"],
            "horizon 4000 is outside",
            id="horizon out of range",
        ),
        pytest.param(["eval", "--env", BLOCKS, "--model", "oracle", "-n", "0"], "n 0:", id="n"),
        pytest.param(
            ["eval", "--suite", "cor", "--model", "oracle"],
            "no suite named 'cor'; did you mean 'core'?",
            id="suite",
        ),
        pytest.param(
            ["eval", "--env", "nowhere.py:a/b-v0", "--model", "oracle"],
            "no file 'nowhere.py' to import environments from",
            id="file of an environment",
        ),
        pytest.param(["report", "nowhere"], "nowhere: no run here (no plan.json)", id="run"),
        pytest.param(["train", "nowhere.toml"], "no file 'nowhere.toml'", id="configuration"),
        pytest.param(["play", BLOCKS, "--horizon", "2-5"], "takes one horizon", id="one horizon"),
    ],
)
def test_a_mistake_gets_one_line_and_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("forethought: ")
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="no command"),
        pytest.param(["evaluate"], id="no such command"),
        pytest.param(["eval", "--model", "oracle"], id="neither environment nor suite"),
        pytest.param(["eval", "--env", BLOCKS, "--suite", "core", "--model", "m"], id="both"),
        pytest.param(["compare", "a"], id="one run to compare"),
    ],
)
def test_wrong_arguments_are_wrong_use(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    assert capsys.readouterr().err.startswith("usage: forethought")


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "not kept"])
def test_a_run_lost_to_infrastructure_fails_with_code_1_its_numbers_and_the_cause(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, is_kept: bool
) -> None:
    file = tmp_path / "grader_env.py"
    broken = CUSTOM.replace("return float(", "raise OSError('no grader') or float(")
    file.write_text(broken.replace("mine/sum-v0", "mine/broken-v0"))
    arguments = ["eval", "--env", f"{file}:mine/broken-v0", "--model", "oracle", "-n", "3"]
    kept = ["--out", str(tmp_path / "run")] if is_kept else []
    code, out, err = run(capsys, *arguments, *kept, "--json")
    assert code == 1
    found = json.loads(out)
    assert (found["success"], found["errors"]) == (None, {"OSError: no grader": 3})
    assert err.splitlines()[-1] == (
        "forethought: mine/broken-v0: too few episodes could be scored (coverage 0): "
        f"OSError: no grader; mend the cause, then run again{' with --resume' * is_kept}"
    )
    assert "mine/broken-v0: 3 lost to OSError: no grader" in err


def test_an_expert_is_not_asked_for_where_there_is_none(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "dumb_env.py"
    file.write_text(CUSTOM.replace("def oracle", "def orakel").replace("mine/sum", "mine/dumb"))
    code, out, err = run(
        capsys,
        *("eval", "--env", f"{file}:mine/dumb-v0", "--model", "oracle"),
        *("-n", "3", "--out", str(tmp_path / "run")),
    )
    assert (code, out) == (2, "")
    assert err.startswith("forethought: model 'oracle': mine/dumb-v0 has no oracle; ")
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_broken_log_is_named_with_its_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    result(capsys, "eval", "--env", BLOCKS, "--model", "oracle", "-n", "1", "--out", str(tmp_path))
    with (tmp_path / "episodes.jsonl").open("a", encoding="utf-8") as log:
        log.write("{broken\n")
    code, _, err = run(capsys, "report", str(tmp_path))
    assert code == 2
    assert "episodes.jsonl:" in err
    assert "not JSON" in err


def test_a_disk_that_fills_up_is_one_line_and_the_run_can_go_on(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["eval", "--env", BLOCKS, "--model", "oracle", "-n", "40", "--out", str(tmp_path)]
    command = f'ulimit -f 60; exec {sys.executable} -m forethought "$@"'
    done = subprocess.run(
        ["bash", "-c", command, "bash", *arguments], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"forethought: {tmp_path}/episodes.jsonl: cannot write the log")
    assert done.stderr.count("\n") == 1
    resumed = result(capsys, *arguments, "--resume")
    assert (resumed["n"], resumed["success"]) == (40, 1.0)


def test_an_interrupted_run_says_how_to_go_on_and_can_be_resumed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    common = ["eval", "--env", BLOCKS, "--model", "oracle", "-n", "4000", "--out", str(tmp_path)]
    command = [sys.executable, "-m", "forethought", *common, "--concurrency", "2"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    log = tmp_path / "episodes.jsonl"
    deadline = time.monotonic() + 60
    while not (log.exists() and log.stat().st_size > 50_000):
        assert time.monotonic() < deadline, "the run never began to write"
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert err == "forethought: interrupted; continue with --resume\n"
    code, _, err = run(capsys, "report", str(tmp_path))
    assert (code, err) == (0, "")


@pytest.mark.parametrize("arguments", [["--help"], ["envs", "--json"]], ids=["help", "envs"])
def test_help_and_listing_take_less_than_a_second_of_computing(arguments: list[str]) -> None:
    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    seconds = []
    for _ in range(3):
        before = spent()
        command = [sys.executable, "-m", "forethought", *arguments]
        subprocess.run(command, capture_output=True, check=True)
        seconds.append(spent() - before)
    assert min(seconds) < 1.0


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


def test_the_commands_are_the_twelve_that_are_promised() -> None:
    promised = "envs play check eval compare report view filter sft train doctor demo"
    assert list(COMMANDS) == promised.split()
