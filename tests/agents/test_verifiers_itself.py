"""Traces made by verifiers itself, where it is installed, are read with its own tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from forethought.agents.record.verifiers_traces import read_traces

pytest.importorskip("verifiers.v1", reason="verifiers is not installed")


def test_a_branch_of_theirs_is_a_segment_of_ours(tmp_path: Path) -> None:
    from verifiers.v1.configs.agent import WireAgentConfig
    from verifiers.v1.graph import MessageNode
    from verifiers.v1.task import WireTaskData
    from verifiers.v1.trace import EXCLUDE_FIELDS, AgentInfo, ModelCall, Reward, Trace, TraceTask
    from verifiers.v1.types import AssistantMessage, ToolCall, ToolMessage, UserMessage

    call = ToolCall(id="c", name="add", arguments='{"a": 1}')
    nodes = [
        MessageNode(message=UserMessage(content="1+1"), token_ids=[1, 2], mask=[False, False]),
        MessageNode(
            parent=0,
            message=AssistantMessage(content="two", tool_calls=[call]),
            sampled=True,
            token_ids=[4, 5, 6],
            mask=[False, True, True],
            logprobs=[-0.1, -0.2],
        ),
        MessageNode(
            parent=1,
            message=ToolMessage(tool_call_id="c", content="2"),
            token_ids=[7],
            mask=[False],
        ),
    ]
    trace = Trace(
        task=TraceTask(type="Add", data=WireTaskData(idx=0, prompt="1+1")),
        agent=AgentInfo(config=WireAgentConfig()),
        nodes=nodes,
        calls=[ModelCall(node=1, model="m")],
        rewards={"right": Reward(score=1.0)},
        ok=True,
    )
    path = tmp_path / "traces.jsonl"
    path.write_text(trace.model_dump_json(exclude=EXCLUDE_FIELDS) + "\n")
    (found,) = read_traces(path)
    (segment,) = found.segments()
    (branch,) = trace.branches
    length = len(segment.ids)
    assert list(segment.ids) == branch.token_ids[:length]
    assert [span.logprobs for span in segment.spans] == [(-0.1, -0.2)]
    assert (found.reward, found.num_drifts) == (1.0, 0)
