"""A run that is killed outright, and what going on with it costs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from forethought.agents.record.log import read_log
from forethought.agents.record.stop import Stop

NUM_EPISODES = 3
HELD_TURN = 3
ENV = '''
from forethought.envs import Card, Env, Task, register, reward, tool


class Echo(Env):
    """Say it four times, then 42."""

    card = Card(traits=("skills",), horizon_unit="words", horizons=(1, 4))

    def make_task(self, rng, *, horizon):
        word = f"word-{int(rng.integers(10**9))}"
        return Task(id=word, prompt=f"Task {word}", answer="42", data={"word": word})

    @tool
    def echo(self, text: str) -> str:
        """say it again"""
        return text

    @reward
    def right(self) -> float:
        return float(self.submitted is not None and self.submitted.answer == self.task.answer)


register("mine/echo-v0", Echo)
'''


@dataclass
class Model:
    """A scripted model behind a chat server that holds back every fourth reply until told."""

    asked: Path
    """A line for each request: the episode's task and which of its turns."""
    url: str = ""
    num_held: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    released: threading.Event = field(default_factory=threading.Event)

    def reply(self, messages: list[dict[str, str]]) -> str:
        """The reply to a conversation, by its length."""
        turn = sum(message["role"] == "assistant" for message in messages)
        task = next(m["content"] for m in messages if "Task word-" in m["content"])
        with self.asked.open("a", encoding="utf-8") as log:
            log.write(json.dumps([task, turn]) + "\n")
        if turn == HELD_TURN and not self.released.is_set():
            self.num_held.release()
            self.released.wait(600)
        if turn > HELD_TURN:
            return "42"
        body = {"name": "echo", "arguments": {"text": f"{turn}"}}
        return f"<tool_call>{json.dumps(body)}</tool_call>"

    def counts(self) -> Counter[tuple[str, int]]:
        """How often each turn of each task was asked for."""
        lines = map(json.loads, self.asked.read_text(encoding="utf-8").splitlines())
        return Counter((task, turn) for task, turn in lines)


class _Quiet(ThreadingHTTPServer):
    """Says nothing when a client is killed."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass


@contextmanager
def serving(asked: Path) -> Iterator[Model]:
    """The model, until the block ends."""
    model = Model(asked)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            message = {"role": "assistant", "content": model.reply(body["messages"])}
            answer = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]})
            self.send_response(200)
            self.send_header("content-length", str(len(answer.encode())))
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_: object) -> None:
            pass

    with _Quiet(("127.0.0.1", 0), Handler) as listening:
        model.url = f"http://127.0.0.1:{listening.server_port}/v1"
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield model
        finally:
            model.released.set()
            listening.shutdown()
            thread.join()


def test_a_killed_run_asks_again_for_the_open_turn_of_each_episode_at_most(tmp_path: Path) -> None:
    (tmp_path / "echo.py").write_text(ENV, encoding="utf-8")
    out = tmp_path / "run"
    with serving(tmp_path / "asked.jsonl") as model:
        command = [sys.executable, "-m", "forethought", "eval", "--out", str(out)]
        command += ["--env", f"{tmp_path}/echo.py:mine/echo-v0", "--model", f"{model.url}#scripted"]
        command += ["-n", str(NUM_EPISODES), "--concurrency", str(NUM_EPISODES)]
        with subprocess.Popen(command, env={**os.environ}) as child:
            came = [model.num_held.acquire(timeout=300) for _ in range(NUM_EPISODES)]
            child.kill()
        assert (all(came), child.returncode) == (True, -signal.SIGKILL)
        log = out / "episodes.jsonl"
        cut = {name: trajectory.events for name, trajectory in read_log(log).items()}
        with log.open("ab") as torn:
            torn.write(b'{"episode":"000000","agent":"0","t":1.0,"kin')
        model.released.set()
        done = subprocess.run(
            [*command, "--resume", "--json"], capture_output=True, text=True, check=True
        )
    found = json.loads(done.stdout)
    assert (found["n"], found["success"], found["coverage"]) == (NUM_EPISODES, 1.0, 1.0)
    assert "begun again" not in done.stderr
    counts = model.counts()
    assert len({task for task, _ in counts}) == NUM_EPISODES
    for (_, turn), times in counts.items():
        assert times == (2 if turn == HELD_TURN else 1)
    for name, trajectory in read_log(log).items():
        assert trajectory.events[: len(cut[name])] == cut[name]
        assert trajectory.stop is Stop.SUBMITTED
        assert (trajectory.num_turns, trajectory.num_drifts) == (HELD_TURN + 2, 0)
        assert trajectory.end is not None
        assert trajectory.end.tokens == trajectory.num_sampled
