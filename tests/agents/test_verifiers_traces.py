"""Traces of verifiers 0.4 become trajectories with exactly their tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from forethought.agents.record.events import Call, End, Message
from forethought.agents.record.log import read_log
from forethought.agents.record.stop import Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.record.verifiers_traces import read_traces
from forethought.benchmarks.importing import import_traces
from forethought.benchmarks.results import summarise


def node(
    role: str,
    content: str,
    tokens: list[int],
    *,
    parent: int | None,
    num_sampled: int = 0,
    **message: Any,
) -> dict[str, Any]:
    return {
        "parent": parent,
        "message": {"role": role, "content": content, **message},
        "sampled": num_sampled > 0,
        "token_ids": tokens,
        "mask": [index >= len(tokens) - num_sampled for index in range(len(tokens))],
        "logprobs": [-0.5] * num_sampled,
        "timestamp": 100.0 + (parent or 0),
    }


def trace(nodes: list[dict[str, Any]], **changed: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "id": "t1",
        "verifiers": {"version": "0.4.0"},
        "task": {"type": "Addition", "data": {"idx": 0, "name": "two", "prompt": "1+1"}},
        "agent": {"name": "agent"},
        "nodes": nodes,
        "calls": [{"node": 1, "model": "qwen", "finish_reason": "stop"}],
        "rewards": {"right": {"score": 1.0, "weight": 0.5}, "style": {"score": 0.5, "weight": 1.0}},
        "metrics": {"turns": 2.0},
        "ok": True,
        **changed,
    }


def written(path: Path, *traces: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in traces))
    return path


def read_one(tmp_path: Path, **changed: Any) -> Trajectory:
    nodes = changed.pop("nodes", None) or TWO_TURNS
    (found,) = read_traces(written(tmp_path / "traces.jsonl", trace(nodes, **changed)))
    return found


TWO_TURNS = [
    node("user", "1+1", [1, 2, 3], parent=None),
    node("assistant", "let me see", [4, 50, 51, 52], parent=0, num_sampled=3),
    node("user", "well?", [5, 6], parent=1),
    node("assistant", "2", [4, 60, 61], parent=2, num_sampled=2),
]


def test_turns_that_go_on_are_one_segment_of_exactly_their_tokens(tmp_path: Path) -> None:
    found = read_one(tmp_path)
    (segment,) = found.segments()
    assert segment.ids == (1, 2, 3, 4, 50, 51, 52, 5, 6, 4, 60, 61)
    assert [(span.start, span.end) for span in segment.spans] == [(4, 7), (10, 12)]
    assert [span.logprobs for span in segment.spans] == [(-0.5,) * 3, (-0.5,) * 2]
    assert (found.num_drifts, found.num_turns) == (0, 2)
    assert [message.text for message in found.messages()] == ["1+1", "let me see", "well?", "2"]
    assert found.reward == 1.0
    assert found.start.model == "qwen"
    assert found.end == End(agent="0", t=2.0, stop=Stop.SUBMITTED, turns=2, tokens=5)


def test_a_branch_is_a_thread_of_its_own_and_each_draw_stands_in_one_segment(
    tmp_path: Path,
) -> None:
    nodes = [
        *TWO_TURNS,
        node("user", "sub-task", [7, 8], parent=None),
        node("assistant", "done", [4, 70], parent=4, num_sampled=1),
        node("user", "summary", [9], parent=0),
        node("assistant", "again 2", [4, 80, 81], parent=6, num_sampled=2),
    ]
    found = read_one(tmp_path, nodes=nodes)
    ids = {segment.ids for segment in found.segments()}
    assert ids == {
        (1, 2, 3, 4, 50, 51, 52, 5, 6, 4, 60, 61),
        (7, 8, 4, 70),
        (1, 2, 3, 9, 4, 80, 81),
    }
    calls = [span.call for segment in found.segments() for span in segment.spans]
    assert sorted(calls) == [0, 1, 2, 3]
    assert found.num_drifts == 0


def test_nodes_without_tokens_are_kept_as_text_and_not_trained(tmp_path: Path) -> None:
    relayed = [{**each, "token_ids": [], "mask": [], "logprobs": []} for each in TWO_TURNS]
    found = read_one(tmp_path, nodes=relayed)
    assert [call.trainable for call in found.calls] == [False, False]
    assert found.num_drifts == 0
    assert len(found.segments()) == 1
    assert found.messages()[-1].text == "2"


def test_tool_calls_and_thoughts_are_shown(tmp_path: Path) -> None:
    call = {"id": "c1", "name": "add", "arguments": '{"a": 1}'}
    said = {"reasoning_content": "hm", "tool_calls": [call]}
    nodes = [
        node("user", "1+1", [1], parent=None),
        node("assistant", "", [2], parent=0, num_sampled=1, **said),
        node("tool", "2", [3], parent=1, tool_call_id="c1"),
    ]
    found = read_one(tmp_path, nodes=nodes)
    called, heard = found.messages()[1:]
    tag = '<tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>'
    assert called.text == f"<think>hm</think>\n{tag}"
    assert (heard.role, heard.call_id) == ("tool", "c1")


PROVIDER = {"ok": False, "errors": [{"type": "ProviderError", "message": "429"}]}
HARNESS = {"ok": False, "errors": [{"type": "HarnessError", "message": "x"}]}


@pytest.mark.parametrize(
    ("changed", "stop", "reward"),
    [
        ({"stop_condition": "max_turns"}, Stop.TURN_LIMIT, 1.0),
        ({"is_timeout": True}, Stop.TIME_LIMIT, 1.0),
        (
            PROVIDER,
            Stop.PROVIDER_ERROR,
            None,
        ),
        (
            HARNESS,
            Stop.HARNESS_ERROR,
            None,
        ),
        ({"rewards": {"right": None}}, Stop.SUBMITTED, None),
        ({"rewards": {}}, Stop.SUBMITTED, None),
    ],
    ids=["turns", "time", "provider", "harness", "unscored", "no rewards"],
)
def test_what_infrastructure_lost_or_nobody_scored_has_no_reward(
    tmp_path: Path, changed: dict[str, Any], stop: Stop, reward: float | None
) -> None:
    found = read_one(tmp_path, **changed)
    assert (found.stop, found.reward) == (stop, reward)


def broken(**changed: Any) -> dict[str, Any]:
    return {**TWO_TURNS[1], **changed}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "traces.jsonl:1: no trace of verifiers 0.4"),
        (json.dumps(trace([], version=2)).encode(), "version"),
        (json.dumps(trace([broken(parent=5)])).encode(), "nodes.0: parent 5 does not come before"),
        (
            json.dumps(trace([TWO_TURNS[0], broken(mask=[True])])).encode(),
            "4 tokens and a mask of 1",
        ),
        (
            json.dumps(trace([TWO_TURNS[0], broken(mask=[True, False, True, True])])).encode(),
            "its sampled tokens are not the last",
        ),
        (
            json.dumps(trace([TWO_TURNS[0], broken(logprobs=[-1.0])])).encode(),
            "3 tokens and 1 logprobs",
        ),
        (b"\xff\xfe\n", "traces.jsonl:1"),
    ],
    ids=["half", "version", "parent", "mask", "order", "logprobs", "not text"],
)
def test_a_broken_trace_is_refused_with_its_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        list(read_traces(path))


def test_imported_traces_are_runs_that_can_be_summarised(tmp_path: Path) -> None:
    other = trace(TWO_TURNS, id="t2", rewards={"right": {"score": 0.0, "weight": 1.0}})
    path = written(tmp_path / "traces.jsonl", trace(TWO_TURNS), other)
    (folder,) = import_traces(path, out=tmp_path / "run")
    summary = summarise(folder.trajectories())
    assert (summary.env, summary.model) == ("verifiers/Addition", "qwen")
    assert summary.mean_reward == 0.5
    assert all(
        isinstance(event, Call | Message) or event.agent == "0"
        for event in read_log(folder.log_file)["t1"].events
    )
    folder.plan_file.unlink()  # as if it had been killed before the end
    (again,) = import_traces(path, out=tmp_path / "run")
    assert summarise(again.trajectories()) == summary
    with pytest.raises(ValueError, match="already holds a run"):
        import_traces(path, out=tmp_path / "run")
    with pytest.raises(ValueError, match="holds no trace"):
        import_traces(written(tmp_path / "empty.jsonl"), out=tmp_path / "other")
