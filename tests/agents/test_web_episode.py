"""An episode that searches the web: what its record holds."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "envs"))

from desk import call
from web import answer, page, web

from forethought.agents.engines.scripted import ScriptedEngine
from forethought.agents.loop import run_episode
from forethought.agents.record.events import ToolEvent
from forethought.agents.record.log import EventLog, read_log
from forethought.envs import Env, Task, reward
from forethought.envs.search.apis import APIS
from forethought.envs.search.http import HTTPSearch
from forethought.envs.search.web_tools import web_tools


def test_an_episode_searches_opens_answers_and_records_what_came_from_outside(
    tmp_path: Path,
) -> None:
    with web() as site:
        provider = HTTPSearch(api=APIS["brave"], key="s3cret-k3y", url=f"{site.url}/search")

        class Capitals(Env):
            """Name a capital."""

            grants = web_tools(provider, private_hosts=[site.host])

            def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
                """Always the same."""
                return Task(id="norway", prompt="Capital of Norway?", answer="Oslo")

            @reward
            def right(self) -> float:
                """Whether it was named."""
                return float(self.submitted is not None and self.submitted.answer == "Oslo")

        site.replies = [answer("brave"), (429, {"retry-after": "60"}, b""), page("<p>It is Oslo.")]
        script = ScriptedEngine(
            [
                call("search", query="capital of norway"),
                call("search", query="again"),
                call("open", url=f"{site.url}/oslo"),
                "Oslo",
            ]
        )

        async def main() -> None:
            with EventLog(tmp_path / "log.jsonl") as log:
                await run_episode(Capitals(), script, id="e", log=log, seed=0)

        anyio.run(main)
    trajectory = read_log(tmp_path / "log.jsonl")["e"]
    tools = [event for event in trajectory.events if isinstance(event, ToolEvent)]
    assert trajectory.reward == 1.0
    assert [event.error for event in tools] == [None, "rate_limited", None]
    assert [event.untrusted for event in tools] == [True, True, True]
    assert [event.notes["status"] for event in tools] == ["ok", "rate_limited", "ok"]
    assert tools[2].notes["overlap"] == {"answer": 1.0, "question": 0.0}
    results = [message.text for message in trajectory.messages() if message.role == "tool"]
    assert "<untrusted id=" in results[0]
    assert "this is no empty result" in results[1]
    assert "It is Oslo." in results[2]
    assert b"s3cret-k3y" not in (tmp_path / "log.jsonl").read_bytes()


def test_a_log_without_marks_of_trust_is_read() -> None:
    line = '{"agent":"0","t":0.0,"kind":"tool","call_id":"0.0","name":"f","arguments":{}}'
    event = ToolEvent.model_validate_json(line)
    assert (event.untrusted, event.notes) == (False, {})
