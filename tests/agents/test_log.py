"""The event log: written once, read back exactly, sound after any kill."""

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
from desk import Desk, call, play
from hypothesis import given
from hypothesis import strategies as st

from forethought.agents.budget import Limits
from forethought.agents.engines.scripted import ScriptedEngine
from forethought.agents.loop import run_episode
from forethought.agents.record.events import EVENT, Call, End, Message, Start, Vote
from forethought.agents.record.log import EventLog, LogUnwritable, finished, read_log
from forethought.agents.record.stop import Stop
from forethought.envs import Task

START = Start(agent="0", t=0.0, env="e", task=Task(id="t", prompt="?"), turns=1, tokens=1)
OPEN = Message(agent="0", t=0.1, id=0, role="user", text="line\nbreak ✓", origin="task")


def ended(stop: Stop = Stop.SUBMITTED) -> End:
    return End(agent="0", t=1.0, stop=stop)


@given(
    st.builds(
        Call,
        agent=st.just("0.1"),
        t=st.floats(0, 1e6),
        id=st.integers(0),
        purpose=st.sampled_from(["act", "summarise", "judge", "sub_call"]),
        thread=st.text(),
        shared=st.integers(0),
        prompt=st.lists(st.integers(0)).map(tuple),
        completion=st.lists(st.integers(0)).map(tuple),
        logprobs=st.none() | st.lists(st.floats(-1e6, 0)).map(tuple),
        finish=st.sampled_from(["stop", "length"]),
        message=st.none() | st.integers(0),
        text=st.text(),
    )
)
def test_any_call_comes_back_from_its_json_exactly(call_event: Call) -> None:
    assert EVENT.validate_json(call_event.model_dump_json()) == call_event


def test_an_episode_with_a_compression_and_sub_agents_comes_back_exactly(tmp_path: Path) -> None:
    path = tmp_path / "run" / "log.jsonl"
    actions = [
        call("spawn", tasks=["part one", "part two"]),
        call("ask", prompts=["?"], n=3, reduce="majority"),
        call("plan", steps=["a"]),
        *[f"{'x' * 150} {call('echo', text=str(n))}" for n in range(80)],
        "42",
    ]
    limits = Limits(context=4000, reply_tokens=300, tokens=1 << 20, turns=60)
    with EventLog(path) as log:
        trajectory = play(*actions, limits=limits, log=log)
    assert {event.kind for event in trajectory.events} >= {"edit", "vote", "plan", "tool"}
    assert len(trajectory.agents) >= 3
    read = read_log(path)["e"]
    assert read.events == trajectory.events
    assert read.segments() == trajectory.segments()
    assert len(path.read_bytes().splitlines()) == len(trajectory.events)


def test_episodes_that_interleave_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with EventLog(path) as log:
        for event in (START, OPEN, ended()):
            log.record("a", event)
            log.record('b"\\ ü', event)
    assert list(read_log(path)) == ["a", 'b"\\ ü']
    assert read_log(path)["a"].events == [START, OPEN, ended()]


def test_every_event_is_on_disk_when_it_is_recorded(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with EventLog(path) as log:
        log.record("a", START)
        assert json.loads(path.read_text())["kind"] == "start"


def test_a_torn_last_line_is_dropped_and_cut_off_before_going_on(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with EventLog(path) as log:
        log.record_all("a", [START, OPEN])
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"episode":"a","agent":"0","t":2.0,"kind":"e' + b"x" * 200_000)
    assert read_log(path)["a"].events == [START, OPEN]
    with EventLog(path) as log:
        assert path.read_bytes() == whole
        log.record("a", ended())
    assert read_log(path)["a"].events == [START, OPEN, ended()]


def test_a_file_that_holds_nothing_but_a_torn_line_starts_anew(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"episode"')
    assert read_log(path) == {}
    EventLog(path).close()
    assert path.read_bytes() == b""


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{oops}", "not JSON"),
        ("[1]", "no episode id"),
        ('{"kind": "start"}', "no episode id"),
        ('{"episode": "a", "kind": "dance"}', "not an event"),
        ('{"episode": "a", "kind": "end", "agent": "0", "t": 0, "stop": "x"}', "end.stop: Input"),
        ('{"episode": "a", "kind": "limit", "agent": "0", "t": 0, "more": 1}', "not an event"),
    ],
    ids=["garbage", "list", "no id", "unknown kind", "wrong value", "extra field"],
)
def test_a_broken_line_is_named(tmp_path: Path, line: str, problem: str) -> None:
    path = tmp_path / "log.jsonl"
    good = '{"episode":"a",' + START.model_dump_json()[1:]
    path.write_text(f"{good}\n{line}\n{good}\n")
    with pytest.raises(ValueError, match=rf"log\.jsonl:2: .*{problem}"):
        read_log(path)


def test_a_second_attempt_supersedes_the_first(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with EventLog(path) as log:
        log.record_all("a", [START, OPEN, ended(Stop.SANDBOX_ERROR)])
        log.record_all("a", [START, ended()])
    assert read_log(path)["a"].events == [START, ended()]


@pytest.mark.parametrize(
    ("stop", "is_finished"),
    [
        (Stop.SUBMITTED, True),
        (Stop.TURN_LIMIT, True),
        (Stop.PROVIDER_ERROR, False),
        (Stop.CANCELLED, False),
    ],
)
def test_only_what_the_policy_ended_is_finished(
    tmp_path: Path, stop: Stop, is_finished: bool
) -> None:
    path = tmp_path / "log.jsonl"
    child = End(agent="0.0", t=1.0, stop=Stop.SUBMITTED)
    with EventLog(path) as log:
        log.record_all("a", [START, child, ended(stop)])
        log.record_all("open", [START, child])
    assert finished(path) == ({"a"} if is_finished else set())


def test_an_episode_that_was_begun_again_is_not_finished(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with EventLog(path) as log:
        log.record_all("a", [START, ended(), START])
    assert finished(path) == set()
    assert finished(tmp_path / "none.jsonl") == set()


def test_two_runs_cannot_write_to_one_log(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with EventLog(path), pytest.raises(ValueError, match="another run is writing to this log"):
        EventLog(path)
    EventLog(path).close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_told_in_one_line() -> None:
    log = EventLog(None)
    log.path = Path("/dev/full")
    log._file = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(LogUnwritable, match=r"No space left on device.*make room, then resume"):
        log.record("a", START)
    log.close()


def test_a_write_that_was_cut_short_leaves_no_torn_line_behind(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    # A child process, since the limit on file size holds for all its files.
    script = f"""
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_log import START
from forethought.agents.record.log import EventLog, LogUnwritable
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
log = EventLog(Path({str(path)!r}))
try:
    for _ in range(100):
        log.record("a", START)
except LogUnwritable as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "cannot write the log" in done.stdout
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines) >= 2
    assert all(line.endswith(b"}\n") for line in lines)


def test_a_run_that_is_killed_loses_no_finished_turn(tmp_path: Path) -> None:
    path, hanging = tmp_path / "log.jsonl", tmp_path / "hanging"
    script = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from desk import Desk, call, play
from forethought.agents.record.log import EventLog
from forethought.envs import tool

class Hanging(Desk):
    @tool
    def hang(self) -> str:
        \"\"\"never come back\"\"\"
        Path({str(hanging)!r}).touch()
        time.sleep(600)

play(call("echo", text="one"), call("hang"), env=Hanging(), log=EventLog(Path({str(path)!r})))
"""
    with subprocess.Popen([sys.executable, "-c", script]) as process:
        while not hanging.exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    (trajectory,) = read_log(path).values()
    assert [event.kind for event in trajectory.events][3:] == [
        *("call", "message", "tool", "message"),
        *("call", "message"),
    ]
    assert trajectory.end is None
    assert finished(path) == set()

    async def again(log: EventLog) -> None:
        await run_episode(Desk(), ScriptedEngine(["42"]), id="e", log=log)

    with EventLog(path) as log:
        anyio.run(again, log)
    assert finished(path) == {"e"}
    assert read_log(path)["e"].reward == 1.0


def test_votes_are_events_like_any_other() -> None:
    vote = Vote(agent="0", t=1, call_id="0.0", reduce="all", calls=(1,), answers=("a",), chosen="a")
    assert EVENT.validate_json(vote.model_dump_json()) == vote
