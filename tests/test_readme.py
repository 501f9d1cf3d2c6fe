"""What README shows is what happens: its Python runs and prints that, its cheap commands too."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from forethought.parser import build_parser

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
_PYTHON = re.compile(
    r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE
)
_CHEAP = re.compile(r"^<!-- cheap -->\n```console\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)\)")


class Example(NamedTuple):
    """Code, and what README says that it prints; "" where it shows no output."""

    code: str
    output: str


class Command(NamedTuple):
    """A command line, and the lines shown below it; a line `...` stands for any number."""

    line: str
    output: list[str]


EXAMPLES = [Example(*match) for match in _PYTHON.findall(README)]


def commands(block: str) -> Iterator[Command]:
    """Commands of a console block, each with its output."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        line, *output = part.rstrip("\n").split("\n")
        yield Command(line, output)


LINES = [
    line.removeprefix("$ ") for line in README.splitlines() if line.startswith("$ forethought")
]
COMMANDS = [command for block in _CHEAP.findall(README) for command in commands(block)]


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python in an empty folder, where neither GPU nor Docker nor a proxy is to be found."""
    nothing = {
        "CUDA_VISIBLE_DEVICES": "",
        "DOCKER_HOST": f"unix://{folder}/no.sock",
        "HF_HUB_OFFLINE": "1",
        "COLUMNS": "100",
        "NO_COLOR": "1",
    }
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, **nothing},
        capture_output=True,
        text=True,
        check=False,
    )


def shows(expected: list[str], actual: str) -> bool:
    """Whether the lines stand in the text, whole, next to each other but for `...`."""
    if not expected:
        return True
    pieces = [".*" if line.strip() == "..." else re.escape(line.rstrip()) for line in expected]
    text = "\n".join(line.rstrip() for line in actual.splitlines())
    return re.search(rf"(?s)^{chr(10).join(pieces)}$", text, re.MULTILINE) is not None


def test_there_are_examples_to_run() -> None:
    assert len(EXAMPLES) >= 2
    assert EXAMPLES[0].output != ""
    assert [command.line for command in COMMANDS if command.output] != []


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_python_in_readme_prints_what_it_says(example: Example, tmp_path: Path) -> None:
    done = run(["-W", "error", "-c", example.code], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == example.output


@pytest.mark.parametrize("command", COMMANDS, ids=[command.line for command in COMMANDS])
def test_cheap_commands_in_readme_show_what_it_says(command: Command, tmp_path: Path) -> None:
    program, *arguments = shlex.split(command.line)
    assert program == "forethought"
    done = run(["-m", "forethought", *arguments], tmp_path)
    assert done.returncode == 0, done.stderr
    assert shows(command.output, done.stdout), done.stdout


@pytest.mark.parametrize("line", LINES)
def test_every_command_in_readme_is_one_there_is(line: str) -> None:
    program, *arguments = shlex.split(line, comments=True)
    assert program == "forethought"
    assert build_parser().parse_args(arguments).command == arguments[0]


def test_two_models_are_measured_compared_reported_and_viewed_as_readme_says(
    tmp_path: Path,
) -> None:
    """With models that need no server, on fewer tasks."""
    block = next(block for block in re.split(r"^```.*\n", README, flags=re.M) if "compare" in block)
    for asked, taken in (
        ("http://localhost:8000/v1#qwen", "floor"),
        ("smollm2", "oracle"),
        ("-n 100 -k 4", "-n 2 -k 2 --horizon 2"),
    ):
        assert asked in block
        block = block.replace(asked, taken)
    shown = ""
    for command in commands(block):
        done = run(["-m", "forethought", *shlex.split(command.line, comments=True)[1:]], tmp_path)
        assert done.returncode == 0, done.stderr
        shown += done.stdout
    assert shown.count("2 tasks scored in both") == 3
    for name in ("report.html", "view.html", "hops-v0/view.html", "workbench-v0/view.html"):
        assert (tmp_path / "runs/a" / name).is_file()


def test_the_environment_of_readme_keeps_its_promises(tmp_path: Path) -> None:
    code = next(code for code, _ in EXAMPLES if "class Ledger(Env)" in code)
    (tmp_path / "ledger.py").write_text(code, encoding="utf-8")
    done = run(["-m", "forethought", "check", "ledger.py:example/ledger-v0"], tmp_path)
    assert done.returncode == 0, done.stdout
    assert "ok   seeds vary" in done.stdout
    assert "-    the oracle wins" in done.stdout


def test_an_environment_in_a_file_is_named_on_the_command_line(tmp_path: Path) -> None:
    code = next(code for code, _ in EXAMPLES if "class Ledger(Env)" in code)
    (tmp_path / "ledger.py").write_text(code, encoding="utf-8")
    assert "`--env ledger.py:example/ledger-v0`" in README
    command = "-m forethought eval --env ledger.py:example/ledger-v0 --model floor -n 3 --json"
    done = run(command.split(), tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert (summary["env"], summary["n"], summary["success"]) == ("example/ledger-v0", 3, 0.0)


def test_the_run_file_is_one_that_train_takes(tmp_path: Path) -> None:
    from forethought.trainer.config import read_config

    (block,) = re.findall(r"^```toml\n(.*?)^```\n", README, re.DOTALL | re.MULTILINE)
    (tmp_path / "run.toml").write_text(block, encoding="utf-8")
    config = read_config(tmp_path / "run.toml", ["rl.learning_rate=2e-5"])
    stages = (config.sft, config.filter, config.rl)
    assert None not in stages
    assert config.rl is not None
    assert (config.rl.steps, config.rl.learning_rate) == (20, 2e-5)


def test_an_example_takes_at_most_twenty_lines() -> None:
    lengths = [sum(bool(line.strip()) for line in code.splitlines()) for code, _ in EXAMPLES]
    assert max(lengths) <= 20


def test_every_relative_link_leads_to_a_file() -> None:
    assert [link for link in _LINK.findall(README) if not (ROOT / link).exists()] == []


@pytest.mark.parametrize(
    ("expected", "actual", "is_shown"),
    [
        (["a", "b"], "x\na\nb\ny", True),
        (["a", "..."], "a\nb\nc", True),
        (["a", "...", "c"], "a\nb\nc", True),
        (["a", "c"], "a\nb\nc", False),
        (["a"], "ab", False),
        ([], "anything", True),
    ],
    ids=["within", "open end", "gap", "not adjacent", "part of a line", "nothing said"],
)
def test_shown_output_is_compared_by_lines(
    expected: list[str], actual: str, is_shown: bool
) -> None:
    assert shows(expected, actual) is is_shown
