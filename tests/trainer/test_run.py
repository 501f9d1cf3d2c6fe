"""A whole run: its stages, and that a kill at any moment costs nothing but time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import anyio
import pytest
from runs import Listening, equal, final_weights, run_config

from forethought.agents.engines.engine import Sampling
from forethought.agents.engines.engine_transformers import TransformersEngine
from forethought.agents.record.events import Call
from forethought.agents.record.log import finished, read_log, standing
from forethought.trainer.checkpoint import Point, latest
from forethought.trainer.config import RLConfig, RunConfig
from forethought.trainer.metrics import read
from forethought.trainer.run import execute

HERE = Path(__file__).parent


def test_a_run_leaves_a_summary_metrics_episodes_and_a_model(straight: RunConfig) -> None:
    out = straight.out
    summary = json.loads((out / "summary.json").read_bytes())
    assert list(summary) == ["model", "seed", "base", "sft", "rl", "out"]
    for stage in ("base", "sft", "rl"):
        assert (summary[stage]["n"], summary[stage]["coverage"]) == (4, 1.0)
        assert set(summary[stage]["by_horizon"]) == {"1", "2"}
        low, high = summary[stage]["ci"]
        assert 0 <= low <= summary[stage]["success"] <= high <= 1
    assert [line["step"] for line in read(out / "metrics.jsonl", "sft")] == [0, 1, 2, 3]
    steps = read(out / "metrics.jsonl", "rl")
    assert [line["step"] for line in steps] == [0, 1, 2, 3]
    assert all(line["coverage"] == 1.0 and line["drifts"] == 0 for line in steps)
    assert all(float(str(line["mismatch"])) < 1e-6 for line in steps)
    assert all(line["episodes"] == 6 for line in steps)
    assert latest(out / "checkpoints") == Point(stage=1, step=4)
    assert len(json.loads((out / "filter" / "filter.json").read_bytes())["pass_rates"]) == 3


def test_the_model_of_a_run_can_be_sampled_from(straight: RunConfig) -> None:
    engine = TransformersEngine.load(straight.out / "model", device="cpu", num_slots=1)
    prompt = [*engine.template.render("user", "number 1"), *engine.template.reply_opening()]
    completion = anyio.run(engine.generate, prompt, Sampling(max_tokens=4, seed=0))
    assert 1 <= len(completion.ids) <= 4


def test_each_step_samples_from_the_weights_that_the_last_one_left(straight: RunConfig) -> None:
    versions = []
    for step in range(4):
        episodes = read_log(straight.out / "rl" / f"step-{step:05d}.jsonl").values()
        versions.append({call.version for episode in episodes for call in episode.calls})
    assert all(len(found) == 1 for found in versions)
    assert versions == sorted(versions, key=min)
    assert len(set(map(min, versions))) == 4


@pytest.mark.parametrize(
    ("stop_in", "stop_at"),
    [
        ("measuring base", 2),
        ("warm start on expert plans", 3),
        ("difficulty filter", 6),
        ("RL over full episodes", 1),
        ("RL over full episodes", 3),
        ("RL over full episodes", 4),
        ("measuring rl", 4),
    ],
    ids=[
        "in the first measurement",
        "between two checkpoints of the warm start",
        "after the filter's last episode",
        "before the first checkpoint of RL",
        "between two checkpoints of RL",
        "after the last step",
        "in the last measurement",
    ],
)
def test_a_resumed_run_ends_where_an_uninterrupted_one_does_to_the_last_bit(
    straight: RunConfig, tmp_path: Path, stop_in: str, stop_at: int
) -> None:
    config = run_config(tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        execute(config, resume=False, progress=Listening(stop_in=stop_in, stop_at=stop_at))
    torn = config.out / "checkpoints" / "partial-1-rl-00004"
    torn.mkdir(parents=True, exist_ok=True)
    found = execute(config, resume=True, progress=Listening())
    assert equal(final_weights(config), final_weights(straight))
    expected = json.loads((straight.out / "summary.json").read_bytes())
    assert {**found, "out": ""} == {**expected, "out": ""}


def test_a_run_stopped_within_a_step_keeps_its_finished_episodes(tmp_path: Path) -> None:
    config = run_config(tmp_path / "run", concurrency=2)
    progress = Listening(stop_in="  episodes of step 2", stop_at=3)
    with pytest.raises(KeyboardInterrupt):
        execute(config, resume=False, progress=progress)
    log = config.out / "rl" / "step-00001.jsonl"
    kept = {name: read_log(log)[name] for name in finished(log)}
    assert 3 <= len(kept) < 6
    execute(config, resume=True, progress=Listening())
    after = read_log(log)
    assert len(after) == len(finished(log)) == 6
    assert all(after[name].events == episode.events for name, episode in kept.items())


def test_episodes_that_were_open_at_a_kill_go_on_to_the_last_bit(
    straight: RunConfig, tmp_path: Path
) -> None:
    config = run_config(tmp_path / "run")
    progress = Listening(stop_in="  episodes of step 2", stop_at=1)
    with pytest.raises(KeyboardInterrupt):
        execute(config, resume=False, progress=progress)
    log = config.out / "rl" / "step-00001.jsonl"
    lines = (straight.out / "rl" / log.name).read_bytes().splitlines(keepends=True)
    last_call = max(at for at, line in enumerate(lines) if b'"kind":"call"' in line)
    log.write_bytes(b"".join(lines[: last_call + 1]))
    is_open = {name: episode.events for name, episode in standing(log).open.items()}
    assert any(isinstance(event, Call) for events in is_open.values() for event in events)
    execute(config, resume=True, progress=Listening())
    after = read_log(log)
    assert all(after[name].events[: len(events)] == events for name, events in is_open.items())
    assert log.read_bytes().count(b'"kind":"start"') == len(after) == 6
    assert equal(final_weights(config), final_weights(straight))


def test_nothing_is_run_again_when_a_finished_run_is_resumed(straight: RunConfig) -> None:
    before = {path: path.stat().st_mtime_ns for path in straight.out.rglob("*.jsonl")}
    listening = Listening()
    execute(straight, resume=True, progress=listening)
    assert listening.bars == ["RL over full episodes"]
    assert {path: path.stat().st_mtime_ns for path in straight.out.rglob("*.jsonl")} == before


def test_a_folder_that_holds_a_run_is_not_written_over(straight: RunConfig) -> None:
    with pytest.raises(ValueError, match="already holds a run; give --resume to go on with it"):
        execute(straight, resume=False, progress=Listening())


def test_a_run_of_another_config_is_not_resumed(straight: RunConfig) -> None:
    other = run_config(straight.out, seed=1, rl=RLConfig(steps=9))
    with pytest.raises(ValueError, match=r"holds a run of another config \(seed, rl differ\)"):
        execute(other, resume=True, progress=Listening())


def test_a_run_that_was_moved_or_gets_more_time_can_be_resumed(
    straight: RunConfig, tmp_path: Path
) -> None:
    first = run_config(tmp_path / "first", minutes=1e-6)
    listening = Listening()
    execute(first, resume=False, progress=listening)
    assert "      rl: stopped for time after 1 steps" in listening.said
    assert latest(first.out / "checkpoints") == Point(stage=1, step=1)
    stale = (first.out / "eval-rl" / "episodes.jsonl").read_bytes()
    moved = run_config(tmp_path / "moved")
    first.out.rename(moved.out)
    found = execute(moved, resume=True, progress=Listening())
    assert equal(final_weights(moved), final_weights(straight))
    assert found["rl"] == json.loads((straight.out / "summary.json").read_bytes())["rl"]
    assert (moved.out / "eval-rl" / "episodes.jsonl").read_bytes() != stale


def test_evaluations_between_the_steps_are_made_up_for_on_resume(tmp_path: Path) -> None:
    config = run_config(tmp_path / "run", evaluation={"tasks": 4, "every": 2, "base": False})
    with pytest.raises(KeyboardInterrupt):
        execute(config, resume=False, progress=Listening(stop_in="measuring rl-00002", stop_at=2))
    assert not (config.out / "eval-rl-00002" / "summary.json").exists()
    found = execute(config, resume=True, progress=Listening())
    names = sorted(path.name for path in config.out.glob("eval-*"))
    assert names == ["eval-rl", "eval-rl-00002", "eval-sft"]
    assert (config.out / "eval-rl-00002" / "summary.json").exists()
    assert "base" not in found


def test_stages_can_be_left_out(tmp_path: Path) -> None:
    config = run_config(tmp_path / "run", sft=None, filter=None, rl=None)
    found = execute(config, resume=False, progress=Listening())
    assert list(found) == ["model", "seed", "base", "out"]
    assert (config.out / "model" / "config.json").exists()
    assert not (config.out / "checkpoints").exists()


def test_an_effort_is_asked_of_every_sampled_reply_and_measured(tmp_path: Path) -> None:
    rl = RLConfig(steps=1, groups=1, group_size=2)
    config = run_config(tmp_path / "run", effort=8, sft=None, rl=rl)
    found = execute(config, resume=False, progress=Listening())
    logs = [config.out / "filter" / "episodes.jsonl", config.out / "rl" / "step-00000.jsonl"]
    episodes = [episode for log in logs for episode in read_log(log).values()]
    assert len(episodes) == 3 * 2 + 2
    for episode in episodes:
        assert episode.start.effort == 8
        assert "Take about 8 tokens for each reply" in episode.messages()[0].text
    (line,) = read(config.out / "metrics.jsonl", "rl")
    practised = list(read_log(logs[1]).values())
    errors = [len(made.completion) / 8 - 1 for episode in practised for made in episode.calls]
    assert line["effort_bias"] == pytest.approx(sum(errors) / len(errors))
    assert line["effort_error"] == pytest.approx(sum(map(abs, errors)) / len(errors))
    measured = found["rl"]
    assert isinstance(measured, dict)
    effort = measured["effort"]
    assert isinstance(effort, dict)
    assert (list(effort), effort["asked"]) == (["asked", "error", "bias", "followed"], 8)


RUN = """
model = "tiny"
out = "run"
save_every = 1
[tasks]
env = "lean:test/lean-v0"
[limits]
turns = 3
tokens = 64
reply_tokens = 16
context = 256
[evaluation]
tasks = 2
base = false
[rl]
steps = 3
groups = 4
group_size = 4
"""


def test_a_run_killed_within_a_step_goes_on_without_running_an_episode_twice(
    tmp_path: Path,
) -> None:
    (tmp_path / "run.toml").write_text(RUN)
    command = [sys.executable, "-m", "forethought", "train", "run.toml", "--json"]
    options = {
        "cwd": tmp_path,
        "env": {**os.environ, "PYTHONPATH": str(HERE), "OMP_NUM_THREADS": "1"},
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
    }
    log = tmp_path / "run" / "rl" / "step-00001.jsonl"
    with subprocess.Popen(command, **options) as process:  # type: ignore[call-overload]
        while not finished(log):
            assert process.poll() is None, process.communicate()
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    kept = {name: read_log(log)[name].events for name in finished(log)}
    done = subprocess.run([*command, "--resume"], check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["rl"]["n"] == 2
    after = read_log(log)
    assert len(after) == 16
    assert {name: after[name].events for name in kept} == kept
    starts = [
        json.loads(line)["episode"]
        for line in log.read_text().splitlines()
        if json.loads(line)["kind"] == "start"
    ]
    assert all(starts.count(name) == 1 for name in kept)
