"""Models that write their tool calls in a protocol of their own, a chat server's among them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest
from desk import Desk, call, play
from serving import QUICK, Reply, Server, chat

from forethought.agents.budget import Limits
from forethought.agents.engines.client import Client
from forethought.agents.engines.http import HTTPEngine
from forethought.agents.engines.models import open_model
from forethought.agents.engines.native_calls import native_messages
from forethought.agents.engines.speaking import NativeModel, chat_template_of
from forethought.agents.loop import run_episode, system_prompt
from forethought.agents.record.log import EventLog
from forethought.agents.record.stop import Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.templates.template import Role
from forethought.envs import registry
from forethought.envs.child import ChildEnv
from forethought.envs.protocols import HERMES, NATIVE, PYTHONIC, TAGS


def speaking_desk() -> Desk:
    env = Desk()
    env.protocol = PYTHONIC
    return env


def results(trajectory: Trajectory) -> list[str]:
    return [message.text for message in trajectory.messages() if message.role == "tool"]


def test_an_episode_reads_calls_in_the_protocol_of_its_model() -> None:
    trajectory = play("[echo(text='a'), echo(text='b', times=2)]", "42", env=speaking_desk())
    assert results(trajectory) == ["a", "bb"]
    assert trajectory.reward == 1.0
    assert "in the format of [func_name1(" in trajectory.messages()[0].text


def test_a_wrong_call_is_fed_back_in_any_protocol() -> None:
    trajectory = play("[echo('a')]", "42", env=speaking_desk())
    assert results(trajectory) == [
        "Could not read this tool call: every argument needs its name: name(argument=value)."
    ]
    assert trajectory.stop is Stop.SUBMITTED


@pytest.mark.parametrize(
    "arguments",
    [
        '{"text": "\\ud800"}',
        '{"text": ' + "[" * 5000,
        '{"text": 1e999}',
        '{"times": 9' + "9" * 9999,
    ],
    ids=["surrogate", "depth", "infinity", "digits"],
)
def test_no_call_that_a_policy_writes_breaks_the_log(arguments: str, tmp_path: Path) -> None:
    text = f'<tool_call>{{"name": "echo", "arguments": {arguments}}}}}</tool_call>'
    with EventLog(tmp_path / "log.jsonl") as log:
        trajectory = play(text, "42", log=log)
    assert trajectory.stop is Stop.SUBMITTED
    assert results(trajectory)[0].startswith("Could not read this tool call")


def test_a_sub_agent_writes_as_its_parent_does() -> None:
    assert ChildEnv(speaking_desk(), "a part").protocol is PYTHONIC


@pytest.mark.parametrize("protocol", ["hermes", "llama", "pythonic", "fenced", "bare"])
def test_an_expert_plays_in_the_protocol_of_the_model_that_learns_from_it(protocol: str) -> None:
    async def main() -> Trajectory:
        env = registry.make("hops-v0", horizon=2)
        engine = open_model(f"{protocol}@oracle").engine(env)
        with EventLog(None) as log:
            return await run_episode(env, engine, id="e", log=log, seed=3)

    trajectory = anyio.run(main)
    assert trajectory.reward == 1.0
    said = [m.text for m in trajectory.messages() if m.origin == "policy"]
    assert ("<tool_call>" in said[0]) == (protocol == "hermes")


def test_a_protocol_can_be_left_to_the_models_template_and_name(tmp_path: Path) -> None:
    env = Desk()
    open_model("auto@oracle").engine(env)
    assert env.protocol is TAGS
    (tmp_path / "tokenizer_config.json").write_text('{"chat_template": "x <|python_tag|> y"}')
    assert chat_template_of(str(tmp_path)) == "x <|python_tag|> y"
    (tmp_path / "chat_template.jinja").write_text("<tool_call>")
    assert chat_template_of(str(tmp_path)) == "<tool_call>"
    assert chat_template_of("no/folder") == ""


def test_a_name_without_a_known_protocol_is_a_models_name() -> None:
    with pytest.raises(ValueError, match="no model named 'morse@oracle'"):
        open_model("morse@oracle")
    with pytest.raises(ValueError, match="native calls need a chat server: native@http://"):
        open_model("native@smollm2")


def test_two_roles_apart_a_conversation_with_calls_is_sent_in_the_apis_fields() -> None:
    ask: list[tuple[Role, str]] = [
        ("system", "Rules."),
        ("user", "Go."),
        ("assistant", "<think>hm</think>\nBoth." + call("a", x="ü") + call("b")),
        ("tool", "one"),
        ("tool", "two"),
        ("assistant", call("a")),
        ("tool", "three"),
    ]
    sent: Any = native_messages(ask)
    assert [message["role"] for message in sent] == [
        "system", "user", "assistant", "tool", "tool", "assistant", "tool",
    ]  # fmt: skip
    assert sent[2]["content"] == "Both."
    assert [each["function"] for each in sent[2]["tool_calls"]] == [
        {"name": "a", "arguments": '{"x": "ü"}'},
        {"name": "b", "arguments": "{}"},
    ]
    assert sent[5]["content"] is None
    ids = [each["id"] for message in sent for each in message.get("tool_calls", [])]
    assert ids == ["000000000", "000000001", "000000002"]
    assert [message["tool_call_id"] for message in sent if message["role"] == "tool"] == ids


@pytest.mark.parametrize(
    "tail",
    [
        [("assistant", call("a") + call("b")), ("tool", "one")],
        [("assistant", call("a")), ("tool", "one"), ("tool", "two")],
        [("tool", "one")],
        [("assistant", '<tool_call>{"name": "a", "arguments": "x"}</tool_call>'), ("tool", "no")],
    ],
    ids=["a result is missing", "one too many", "no call", "a broken call"],
)
def test_what_a_server_would_refuse_is_sent_as_text(tail: list[tuple[Role, str]]) -> None:
    sent: Any = native_messages([("user", "Go."), *tail])
    assert all("tool_calls" not in message for message in sent)
    assert {message["role"] for message in sent} <= {"user", "assistant"}
    assert "<tool_response>\n" in json.dumps(sent, ensure_ascii=False).replace("\\n", "\n")


def tool_call(name: str, arguments: object, *, id: str = "same") -> dict[str, object]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def with_calls(*calls: dict[str, object]) -> Reply:
    return chat(None, tokens=9, tool_calls=list(calls))


def play_natively(url: str) -> Trajectory:
    async def main() -> Trajectory:
        shared = HTTPEngine(Client(base_url=url, patience=QUICK), "tiny")
        model = NativeModel(name="native@x", shared=shared)
        env = Desk()
        with EventLog(None) as log:
            found = await run_episode(
                env, model.engine(env), id="e", log=log, limits=Limits(), engine_for=model.engine
            )
        await model.aclose()
        return found

    return anyio.run(main)


def test_an_episode_runs_with_a_servers_own_tool_calls(server: Server) -> None:
    server.replies = [
        with_calls(tool_call("echo", '{"text": "a"}'), tool_call("echo", {"text": "b"})),
        chat("42", tokens=2),
    ]
    trajectory = play_natively(server.url)
    assert (trajectory.reward, results(trajectory)) == (1.0, ["a", "b"])
    assert trajectory.num_sampled == 11
    first, second = server.requests
    described = {each["function"]["name"]: each["function"] for each in first["tools"]}
    assert described["echo"]["parameters"]["required"] == ["text"]
    assert first["messages"] == [{"role": "user", "content": "What is the answer?"}]
    assert [message["role"] for message in second["messages"]] == [
        "user", "assistant", "tool", "tool",
    ]  # fmt: skip
    assert [message.get("content") for message in second["messages"][2:]] == ["a", "b"]
    ids = [each["id"] for each in second["messages"][1]["tool_calls"]]
    assert len(set(ids)) == 2


@pytest.mark.parametrize(
    ("function", "result"),
    [
        ({"name": "crash_not", "arguments": None}, "There is no tool 'crash_not'"),
        ({"name": "echo", "arguments": ["a"]}, "arguments is not a JSON object"),
        ({"name": None, "arguments": "{}"}, "the call has no name"),
    ],
    ids=["no arguments", "a list", "no name"],
)
def test_a_call_that_is_no_call_is_the_models_and_not_the_servers_fault(
    server: Server, function: dict[str, object], result: str
) -> None:
    server.replies = [with_calls({"id": "x", "function": function}), chat("42", tokens=2)]
    trajectory = play_natively(server.url)
    assert trajectory.reward == 1.0
    assert result in results(trajectory)[0]


def test_arguments_that_a_server_garbled_are_fed_back(server: Server) -> None:
    server.replies = [with_calls(tool_call("echo", '{"text": "a')), chat("42", tokens=2)]
    trajectory = play_natively(server.url)
    assert trajectory.reward == 1.0
    assert results(trajectory) == [
        "Could not read this tool call: arguments is a string that holds no JSON object."
    ]
    assert "tool_calls" not in json.dumps(server.requests[1]["messages"])


def test_the_tools_are_not_told_twice() -> None:
    env = Desk()
    env.protocol = NATIVE
    assert system_prompt(env) == ""
    env.protocol = HERMES
    assert system_prompt(env).startswith("# Tools\n")
