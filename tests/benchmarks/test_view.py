"""The viewer shows an episode's every turn, nests sub-agents and escapes what models wrote."""

import json
from html import escape
from pathlib import Path

from forethought.agents.record.events import (
    Call,
    Edit,
    End,
    Event,
    Limit,
    Message,
    PlanEvent,
    Reward,
    Start,
    ToolEvent,
    Vote,
)
from forethought.agents.record.stop import Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.benchmarks.view import write_view
from forethought.envs import Task

HOSTILE = "</pre><script>alert('owned')</script>"


def message(agent: str, number: int, role: str, text: str, origin: str, **more: str) -> Message:
    return Message.model_validate(
        {
            "agent": agent,
            "t": 0,
            "id": number,
            "role": role,
            "text": text,
            "origin": origin,
            **more,
        }
    )


def call(agent: str, number: int, message_id: int | None, **more: object) -> Call:
    return Call.model_validate(
        {
            "agent": agent,
            "t": 0,
            "id": number,
            "purpose": "act",
            "prompt": (1,),
            "completion": (2, 3, 4),
            "finish": "stop",
            "message": message_id,
            **more,
        }
    )


def start(agent: str, parent: str | None = None) -> Start:
    task = Task(id="task-1", prompt="?", horizon=3)
    return Start(agent=agent, t=0, env="e", task=task, parent_call=parent, turns=8, tokens=1000)


def rich_episode(name: str, score: float) -> Trajectory:
    events: list[Event] = [
        start("0"),
        message("0", 0, "user", "Find the capital. " + HOSTILE, "task"),
        call("0", 0, 1, plan_tokens=1, think_tokens=1, answer_tokens=1),
        message("0", 1, "assistant", "I hand it over " + HOSTILE, "policy"),
        PlanEvent(agent="0", t=0, items=("look " + HOSTILE,), statuses=("doing",)),
        start("0.0", "0.0"),
        message("0.0", 0, "user", "Look it up", "task"),
        call("0.0", 1, 1),
        message("0.0", 1, "assistant", "It is Paris", "policy"),
        End(agent="0.0", t=0, stop=Stop.SUBMITTED, answer="Paris", turns=1, tokens=3),
        ToolEvent(agent="0", t=0, call_id="0.0", name="spawn", arguments={"task": HOSTILE}),
        message("0", 2, "tool", "Paris", "env", call_id="0.0"),
        ToolEvent(agent="0", t=0, call_id="0.1", name="search", error="bad_arguments"),
        call("0", 2, None, purpose="sub_call", thread="a", text="a vote " + HOSTILE),
        Vote(
            agent="0", t=0, call_id="0.2", reduce="majority", calls=(2,), answers=("x",), chosen="x"
        ),
        Edit(
            agent="0", t=0, strategy="window", trigger="threshold", tokens_before=9, tokens_after=4
        ),
        Limit(agent="0", t=0, what="turn", used=8, limit=8),
        Reward(agent="0", t=0, value=score, rewards={"right": score}, metrics={"cost": None}),
        End(
            agent="0", t=0, stop=Stop.SUBMITTED, answer=HOSTILE, confidence=0.75, turns=1, tokens=6
        ),
    ]
    return Trajectory(name, events)


def written(folder: Path, *trajectories: Trajectory) -> str:
    path = write_view(folder / "view.html", trajectories, title="A run " + HOSTILE)
    return path.read_text(encoding="utf-8")


def test_every_kind_of_event_is_shown(tmp_path: Path) -> None:
    html = written(tmp_path, rich_episode("one", 1.0))
    for text in (
        "8 turns, 1,000 tokens granted",
        "3 tokens (plan 1, think 1, answer 1)",
        "tool spawn",
        "bad_arguments",
        "model call for sub_call",
        "chosen: x",
        "context edited: window",
        "9 to 4 tokens, threshold",
        "turn: 8 of 8",
        "1, right 1, cost unknown",
        "submitted after 1 turns, 6 tokens, 75 % sure",
    ):
        assert escape(text) in html, text


def test_nothing_that_was_written_in_an_episode_becomes_markup(tmp_path: Path) -> None:
    html = written(tmp_path, rich_episode("one", 1.0))
    assert HOSTILE not in html
    assert html.count("<script>") == 1
    assert html.count(escape(HOSTILE)) == 8
    assert escape(json.dumps(HOSTILE)) in html


def test_a_sub_agent_stands_inside_its_parent_after_the_call_that_spawned_it(
    tmp_path: Path,
) -> None:
    html = written(tmp_path, rich_episode("one", 1.0))
    order = [
        html.index(text) for text in ("tool spawn", "Look it up", "It is Paris", "tool search")
    ]
    assert order == sorted(order)
    inside = html[html.index("tool spawn") : html.index("tool search")]
    assert inside.count('<div class="agent">') == 1


def test_episodes_can_be_filtered_by_outcome(tmp_path: Path) -> None:
    lost = rich_episode("three", 1.0)
    lost.events[-1] = End(agent="0", t=0, stop=Stop.SANDBOX_ERROR, error="gone")
    html = written(tmp_path, rich_episode("one", 1.0), rich_episode("two", 0.0), lost)
    outcomes = [html.count(f'data-outcome="{name}"') for name in ("passed", "failed", "missing")]
    assert outcomes == [1, 1, 1]


def test_an_episode_that_is_still_open_is_shown_as_such(tmp_path: Path) -> None:
    trajectory = Trajectory("open", rich_episode("open", 1.0).events[:4])
    assert "<span>open</span>" in written(tmp_path, trajectory)
