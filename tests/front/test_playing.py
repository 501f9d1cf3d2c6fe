"""Playing by hand: lines in, observations and a score out."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from terminal import CUSTOM

from forethought.arguments import environment_id
from forethought.playing import play_by_hand

BLOCKS = "forethought/blocksworld-v0"


def play(lines: str, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, object], str]:
    screen = io.StringIO()
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    found = play_by_hand(BLOCKS, {"horizon": 2}, seed=0, console=Console(file=screen, width=200))
    return dict(found), screen.getvalue()


def test_the_experts_actions_typed_by_hand_win(monkeypatch: pytest.MonkeyPatch) -> None:
    _, shown = play("/expert\n/quit\n", monkeypatch)
    plan = {"pick-up", "put-down", "stack", "unstack"}
    lines = [line.removeprefix("> ") for line in shown.splitlines()]
    first = next(line for line in lines if line.split(" ")[0] in plan)
    found, shown = play(f"{first}\n\n/expert\n/quit\n", monkeypatch)
    assert (found["actions"], found["finished"]) == (1, False)
    lines = [line.removeprefix("> ") for line in shown.splitlines()]
    second = next(line for line in lines if line.split(" ")[0] in plan)
    found, shown = play(f"{first}\n\n{second}\n\n", monkeypatch)
    assert found == {"env": BLOCKS, "actions": 2, "score": 1.0, "finished": True}
    assert "score 1 after 2 actions" in shown


def test_where_there_is_no_expert_asking_for_it_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "lone_env.py"
    file.write_text(CUSTOM.replace("def oracle", "def orakel").replace("mine/sum", "mine/lone"))
    env_id = environment_id(f"{file}:mine/lone-v0")
    screen = io.StringIO()
    monkeypatch.setattr("sys.stdin", io.StringIO("/expert\nno idea\n\n"))
    found = play_by_hand(env_id, {}, seed=0, console=Console(file=screen, width=200))
    assert "it has no expert" in screen.getvalue()
    assert (found["score"], found["finished"]) == (0.0, True)


def test_the_end_of_the_input_ends_the_game(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = play("", monkeypatch)
    assert found == {"env": BLOCKS, "actions": 0, "score": None, "finished": False}


def test_prompts_stay_out_of_the_json() -> None:
    command = [sys.executable, "-m", "forethought", "play", "blocksworld-v0", "--json"]
    done = subprocess.run(command, input="/quit\n", capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["finished"] is False
    assert "goal:" in done.stderr


def test_the_rules_that_an_agent_is_given_are_shown_to_a_player(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, shown = play("/quit\n", monkeypatch)
    assert "Moves: pick-up X, put-down X, stack X Y, unstack X Y" in shown
