"""Mistakes of all kinds: one line that says what to do, and the exit code for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from terminal import BLOCKS, CUSTOM, result, run

from forethought.cli import main


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
            ["eval", "--env", BLOCKS, "--model", "oracle", "--compress", "windw"],
            "no compressor named 'windw'; did you mean 'window'?",
            id="compressor",
        ),
        pytest.param(
            ["eval", "--suite", "retention", "--model", "oracle", "--compress", "zip"],
            "no compressor named 'zip'; there are: none, clear, window, summarise, offload, fold",
            id="compressor of the suite",
        ),
        pytest.param(
            ["eval", "--env", "nowhere.py:a/b-v0", "--model", "oracle"],
            "no file 'nowhere.py' to import environments from",
            id="file of an environment",
        ),
        pytest.param(
            ["check", "maze.py"],
            "'maze.py' names a file alone; give maze.py:ID, the id that it registers",
            id="file without an id",
        ),
        pytest.param(
            ["eval", "--env", "nothing_of_that_name:a/b-v0", "--model", "oracle"],
            "cannot import 'nothing_of_that_name'",
            id="module of an environment",
        ),
        pytest.param(
            ["eval", "--env", "workbench-v0", "--model", "oracle", "--option", "backend=dokcer"],
            "no sandbox backend named 'dokcer'; there are: auto, docker, bwrap, local",
            id="sandbox",
        ),
        pytest.param(
            ["eval", "--env", BLOCKS, "--model", "http://localhost:8000/v1"],
            "which one? Add its name, as in http://localhost:8000/v1#name",
            id="model of a server",
        ),
        pytest.param(
            ["eval", "--env", BLOCKS, "--model", "scripted:nowhere.txt"],
            "no file 'nowhere.txt'; it holds one reply a line",
            id="script",
        ),
        pytest.param(
            ["eval", "--env", BLOCKS, "--model", "oracle", "--limit", "turns"],
            "--limit 'turns' should read key=value",
            id="limit",
        ),
        pytest.param(
            ["eval", "--env", BLOCKS, "--model", "oracle", "--limit", "turn=3"],
            "no limit 'turn'; there are: turns, tokens",
            id="name of a limit",
        ),
        pytest.param(
            ["eval", "--env", BLOCKS, "--model", "oracle", "--limit", "turns=many"],
            "--limit turns: Input should be a valid integer",
            id="value of a limit",
        ),
        pytest.param(
            ["eval", "--env", BLOCKS, "--model", "oracle", "--resume"],
            "--resume goes on with the run in --out; say which folder that is",
            id="resume of nothing",
        ),
        pytest.param(
            ["eval", "--env", BLOCKS, "--model", "oracle", "--out", __file__],
            "test_bad_input.py: File exists",
            id="a file for a folder",
        ),
        pytest.param(["report", "nowhere"], "nowhere: no run here (no plan.json)", id="run"),
        pytest.param(["train", "nowhere.toml"], "no file 'nowhere.toml'", id="configuration"),
        pytest.param(["play", BLOCKS, "--horizon", "2-5"], "takes one horizon", id="one horizon"),
        pytest.param(
            ["sandbox", "build", "nowhere"],
            "'nowhere' holds neither Dockerfile nor environment/Dockerfile",
            id="folder of an image",
        ),
        pytest.param(
            ["sandbox", "build", "--base", "a=b"],
            "--base is for a folder with a Dockerfile, and none is named",
            id="base of the default image",
        ),
        pytest.param(
            ["sandbox", "build", ".", "--with", "git"],
            "--with is for the default image; put it into the Dockerfile instead",
            id="more in a folder's image",
        ),
        pytest.param(
            ["sandbox", "build", ".", "--build-arg", "NAME"],
            "--build-arg 'NAME' should read NAME=VALUE",
            id="argument of a build",
        ),
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
        pytest.param(["view", "a", "--port", "99999"], id="no such port"),
        pytest.param(["sandbox"], id="nothing to do with a sandbox"),
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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"model = 'm\n", "run.toml: not valid TOML: "),
        (b"[rl]\nstep = 3\n", "run.toml: unknown key 'rl.step'; did you mean 'steps'?"),
        (b"[rl]\nsteps = 'x'\n", "run.toml: rl.steps: Input should be a valid integer"),
        (b"model = 'm'\n", "run.toml: "),
    ],
    ids=["no TOML", "unknown key", "wrong type", "missing keys"],
)
def test_a_run_file_is_told_with_its_key(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes, message: str
) -> None:
    file = tmp_path / "run.toml"
    base = b"model = 'm'\nout = 'o'\n[tasks]\nenv = 'forethought/hops-v0'\n"
    file.write_bytes((base if content.startswith(b"[") else b"") + content)
    code, out, err = run(capsys, "train", str(file))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("s.jsonl", b'"open Aachen"\nopen Aachen\n', "s.jsonl:2: not JSON: Expecting value"),
        ("s.jsonl", b'"open Aachen"\n3\n', "s.jsonl:2: each line is a JSON string, not 3"),
        ("s.txt", b"open\n\xff\n", "s.txt: not a text file: 'utf-8' codec"),
        ("s.txt", b"\n", "s.txt is empty; it holds one reply a line"),
    ],
    ids=["no JSON", "no string", "no text", "empty"],
)
def test_a_script_is_told_with_its_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    model = f"scripted:{tmp_path / name}"
    code, out, err = run(capsys, "eval", "--env", BLOCKS, "--model", model)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize(
    ("break_it", "code", "message"),
    [
        (("def make_task", "def (make_task"), 2, "own_env.py:10: invalid syntax"),
        (("horizons=(1, 4)", "horizon=(1, 4)"), 1, "TypeError: Card.__init__() got an unexpected"),
        (("import Card,", "import Crad,"), 1, "cannot import name 'Crad'"),
        (("mine/sum-v0", "sum"), 2, "environment id 'sum' should read namespace/name-v0"),
        (("10**horizon", "horizon[0]"), 1, "TypeError: 'int' object is not subscriptable ("),
    ],
    ids=["syntax", "wrong argument", "no such name", "id", "in the middle"],
)
def test_ones_own_environment_is_told_with_the_place(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    break_it: tuple[str, str],
    code: int,
    message: str,
) -> None:
    file = tmp_path / "own_env.py"
    assert break_it[0] in CUSTOM
    file.write_text(CUSTOM.replace(*break_it).replace("mine/sum", "mine/own"))
    found, out, err = run(capsys, "envs", f"{file}:mine/own-v0")
    assert (found, out, err.count("\n")) == (code, "", 1)
    assert message in err


def test_the_way_to_an_error_is_shown_when_asked_for(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "deep_env.py"
    file.write_text("1 / 0\n")
    code, _, err = run(capsys, "envs", f"{file}:mine/deep-v0")
    assert code == 1
    assert err == (
        f"forethought: ZeroDivisionError: division by zero ({file}:1); "
        "FORETHOUGHT_DEBUG=1 shows how it came to that\n"
    )
    monkeypatch.setenv("FORETHOUGHT_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        run(capsys, "envs", f"{file}:mine/deep-v0")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"name": "serch", "arguments": {}}, "There is no tool 'serch'. Did you mean search?"),
        ({"name": "search", "arguments": {"query": 3}}, "search: query: Input should be a valid"),
        ({"name": "search", "arguments": {"q": "x"}}, "search: query: Field required; q: Extra"),
        ("not an object", "Could not read this tool call: a call is a JSON object"),
        (None, "Could not read this tool call: not valid JSON: "),
    ],
    ids=["tool", "type of an argument", "name of an argument", "no object", "no JSON"],
)
def test_a_models_mistake_is_told_to_the_model(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: object, told: str
) -> None:
    body = "{" if arguments is None else json.dumps(arguments)
    script = tmp_path / "script.jsonl"
    script.write_text(json.dumps(f"<tool_call>{body}</tool_call>") + "\n")
    common = ("eval", "--env", "hops-v0", "--model", f"scripted:{script}", "-n", "1")
    found = result(capsys, *common, "--out", str(tmp_path / "run"))
    assert (found["success"], found["coverage"]) == (0.0, 1.0)
    assert told in json.dumps(
        (tmp_path / "run" / "episodes.jsonl").read_text(encoding="utf-8")
    ).replace("\\\\", "")
