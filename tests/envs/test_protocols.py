"""Tool protocols: what is written is read back, and what is wrong is named."""

from __future__ import annotations

import json
import keyword
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.envs import Action
from forethought.envs.calls import Json, ToolCall, render_call
from forethought.envs.protocols import (
    BARE,
    FENCED,
    HERMES,
    LLAMA,
    NATIVE,
    PROTOCOLS,
    PYTHONIC,
    TAGS,
    ToolProtocol,
    in_protocol,
    protocol_for,
)
from forethought.envs.tools import as_tool

MARKS = ["<tool_call>", "</tool_call>", "```", "<|python_tag|>", "<function=f>", "}", "{", "[", '"']
MARKS += ["'", "\\", "\n", "'''", "</think>", "; ", "name", "🙂", "\x00", "ש"]
TEXTS = st.lists(st.sampled_from(MARKS) | st.text(max_size=4), max_size=6).map("".join)
VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
NAMES = st.text(st.characters(categories=["L", "Nd"], include_characters="_"), min_size=1).filter(
    lambda name: (
        name.isidentifier()
        and not keyword.iskeyword(name)
        and unicodedata.normalize("NFKC", name) == name
    )
)
CALLS = st.lists(st.tuples(NAMES, st.dictionaries(TEXTS, VALUES, max_size=3)), max_size=3)
every_protocol = pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS.keys())


def read(protocol: ToolProtocol, text: str) -> list[tuple[str, dict[str, Json]]]:
    found = protocol.parse(text)
    assert all(call.error is None for call in found), found
    return [(call.name, call.arguments) for call in found]


def error(protocol: ToolProtocol, text: str) -> tuple[str, str | None]:
    (found,) = protocol.parse(text)
    return found.name, found.error


@every_protocol
@given(calls=CALLS)
def test_what_a_protocol_writes_it_reads_back(
    protocol: ToolProtocol, calls: list[tuple[str, dict[str, Json]]]
) -> None:
    # JSON and Python have one zero; the record does not tell 0.0 from -0.0 either.
    assert read(protocol, protocol.render(calls)) == calls


@every_protocol
@given(calls=CALLS.filter(bool), cut=st.floats(0, 1, exclude_max=True))
def test_a_half_written_call_is_never_run_as_another(
    protocol: ToolProtocol, calls: list[tuple[str, dict[str, Json]]], cut: float
) -> None:
    text = protocol.render(calls)
    found = protocol.parse(text[: int(len(text) * cut)])
    whole = [call for call in found if call.error is None]
    assert [(call.name, call.arguments) for call in whole] == calls[: len(whole)]


@every_protocol
@given(text=TEXTS | st.text())
def test_every_text_is_read_without_an_error_being_raised(
    protocol: ToolProtocol, text: str
) -> None:
    for call in protocol.parse(text):
        assert isinstance(call, ToolCall)


@every_protocol
def test_ids_are_ours_and_different_even_for_equal_calls(protocol: ToolProtocol) -> None:
    text = protocol.render([("look", {"x": 1}), ("look", {"x": 1})])
    assert [call.id for call in protocol.parse(text, turn=7)] == ["7.0", "7.1"]


@every_protocol
def test_a_megabyte_of_arguments_is_read(protocol: ToolProtocol) -> None:
    arguments: dict[str, Json] = {"text": "{[(\"'\\" * 150_000, "numbers": list(range(10_000))}
    assert read(protocol, protocol.render([("write", arguments)])) == [("write", arguments)]


@every_protocol
def test_a_call_in_a_thought_is_not_run(protocol: ToolProtocol) -> None:
    thought = protocol.render([("rm", {"path": "/"})])
    act = protocol.render([("ls", {})])
    assert read(protocol, f"<think>Not {thought}</think>\n{act}") == [("ls", {})]
    assert read(protocol, f"<think>Perhaps {thought}") == []


@every_protocol
@pytest.mark.parametrize(
    "before",
    [
        "<plan>1. look</plan>\n<think>Not {}</think>\n",
        "plan: look\n<think>Not {}</think>\n",
        "<think>Not this</think><plan>{}</plan>\n",
        "<PLAN>{}</PLAN>\n",
        "{} is what I should not do.</think>\n",
    ],
    ids=["tagged plan, thought", "plan, thought", "thought, plan", "plan", "opened by template"],
)
def test_a_call_in_a_plan_or_in_the_thought_after_it_is_not_run(
    protocol: ToolProtocol, before: str
) -> None:
    thought, act = protocol.render([("rm", {"path": "/"})]), protocol.render([("ls", {})])
    assert read(protocol, before.format(thought) + act) == [("ls", {})]


@every_protocol
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ('{"x": ' + "[" * 100_000, "nested more than 64 deep"),
        ('{"x": ' + "[" * 70 + "]" * 70 + "}", "nested more than 64 deep"),
        ('{"x": ' + "9" * 5000 + "}", "Exceeds the limit"),
        ('{"x": 1e999}', "too large"),
        ('{"x": NaN}', "NaN"),
        ('{"x": "\\ud800"}', "half of a surrogate pair"),
    ],
    ids=["too deep to read", "too deep", "digits", "infinite", "not a number", "surrogate"],
)
def test_arguments_that_no_log_could_hold_are_refused(
    protocol: ToolProtocol, arguments: str, reason: str
) -> None:
    key = "parameters" if protocol is LLAMA else "arguments"
    text = f'{{"name": "f", "{key}": {arguments}}}'
    if protocol in (TAGS, HERMES, NATIVE):
        text = f"<tool_call>{text}</tool_call>"
    elif protocol is FENCED:
        text = f"```json\n{text}\n```"
    elif protocol is PYTHONIC:
        text = f"[f(**{arguments})]"
    (call,) = protocol.parse(text)
    assert call.error is not None
    if protocol is not PYTHONIC:
        assert reason in call.error
    assert call.arguments == {}


@pytest.mark.parametrize(
    ("protocol", "text"),
    [
        (HERMES, '<tool_call>\n{"name": "open", "arguments": {"title": "Oslo"}}\n</tool_call>'),
        (HERMES, 'Yes.\n<tool_call>{"name": "open", "arguments": {"title": "Oslo"}}'),
        (LLAMA, '{"name": "open", "parameters": {"title": "Oslo"}}'),
        (LLAMA, '<|python_tag|>{"name": "open", "parameters": {"title": "Oslo"}}<|eom_id|>'),
        (LLAMA, '<|python_tag|>open.call(title="Oslo")<|eom_id|>'),
        (LLAMA, '<function=open>{"title": "Oslo"}</function><|eot_id|>'),
        (PYTHONIC, '[open(title="Oslo")]'),
        (PYTHONIC, "open(title='Oslo')"),
        (PYTHONIC, "I will: [open(title='Os' 'lo')] and then see."),
        (FENCED, '```json\n{"name": "open", "arguments": {"title": "Oslo"}}\n```'),
        (FENCED, 'So\n```\n{"name": "open", "arguments": {"title": "Oslo"}}'),
        (BARE, 'I open it: {"name": "open", "parameters": {"title": "Oslo"}}.'),
    ],
)
def test_a_call_is_read_in_each_way_that_its_family_writes_it(
    protocol: ToolProtocol, text: str
) -> None:
    assert read(protocol, text) == [("open", {"title": "Oslo"})]


@pytest.mark.parametrize(
    ("protocol", "text"),
    [
        (HERMES, '{"name": "open", "arguments": {}}'),
        (LLAMA, 'The JSON {"name": "open"} opens it.'),
        (PYTHONIC, "Oslo (Norway)"),
        (PYTHONIC, "f(x) is 3"),
        (PYTHONIC, "[1, 2] and [see above]"),
        (FENCED, '```python\nprint({"name": 1})\n```'),
        (FENCED, '{"name": "open", "arguments": {}}'),
        (BARE, '{"city": "Oslo"}'),
    ],
)
def test_what_is_no_call_in_a_protocol_is_an_answer(protocol: ToolProtocol, text: str) -> None:
    assert protocol.parse(text) == ()


@pytest.mark.parametrize(
    ("text", "name", "reason"),
    [
        ('[open(title="Oslo"', "open", "the list of calls is not closed (cut off)"),
        ('[open("Oslo")]', "open", "every argument needs its name: name(argument=value)"),
        (
            "[open(title=os.getcwd())]",
            "open",
            "os.getcwd() is no literal; write strings, numbers, lists, dictionaries, True, False "
            "or None",
        ),
        ("[f(x=f'{y}')]", "f", "f'{y}' is no literal"),
        ("[f(x={1: 2})]", "f", "the keys of a dictionary are strings"),
        ("[f(x=1, **{'x': 2})]", "f", "argument 'x' is given twice"),
        ("[f(x=1 2)]", "f", "not valid Python: "),
        ("[f(x=-'a')]", "f", "only a number has a sign"),
        ("[f(x=1), 2]", "", "a call is written name(argument=value)"),
    ],
)
def test_a_wrong_pythonic_call_says_what_is_wrong(text: str, name: str, reason: str) -> None:
    found = PYTHONIC.parse(text)[-1]
    assert found.name == name
    assert found.error is not None
    assert found.error.startswith(reason)


def test_a_pythonic_call_is_never_run() -> None:
    ran: list[int] = []
    PYTHONIC.parse("[f(x=ran.append(1)), (lambda: ran.append(1))()]")
    PYTHONIC.parse("[f(x=[ran.append(1) for _ in '1'])]")
    assert ran == []


def test_names_of_constants_are_taken_in_python_and_in_json() -> None:
    text = "[f(a=true, b=False, c=null, d=None, e=(1, -2.5))]"
    wanted = {"a": True, "b": False, "c": None, "d": None, "e": [1, -2.5]}
    assert read(PYTHONIC, text) == [("f", wanted)]


@pytest.mark.parametrize(
    ("protocol", "text", "name", "reason"),
    [
        (HERMES, "<tool_call>open Oslo</tool_call>", "", "not valid JSON: Expecting value"),
        (
            HERMES,
            '<tool_call>{"name": "f", "arg',
            "",
            "Unterminated string at character 14 (cut off)",
        ),
        (HERMES, '<tool_call>{"name": "f"} or so</tool_call>', "", "Extra data at character 13"),
        (LLAMA, '{"name": "f", "parameters": {', "", "at character 29 (cut off)"),
        (LLAMA, "<|python_tag|>open Oslo", "", "after the tag comes a JSON object"),
        (LLAMA, "<function=f>Oslo</function>", "f", "not valid JSON: Expecting value"),
        (FENCED, '```json\n{"name": "f", }\n```', "", "not valid JSON: "),
        (BARE, '{"name": "f", "arguments": {"x": 1', "", "(cut off)"),
        (BARE, '{"name": "f", "arguments": "Oslo"}', "f", "a string that holds no JSON object"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(
    protocol: ToolProtocol, text: str, name: str, reason: str
) -> None:
    found_name, found = error(protocol, text)
    assert found_name == name
    assert found is not None
    assert reason in found


def test_a_tag_in_an_argument_ends_no_call() -> None:
    arguments: dict[str, Json] = {"text": "</tool_call><tool_call>{}```"}
    for protocol in (TAGS, HERMES, NATIVE, FENCED):
        assert read(protocol, protocol.render([("write", arguments)])) == [("write", arguments)]


def look(where: str, times: int = 1) -> str:
    """look around"""
    return where * times


@every_protocol
def test_a_prompt_names_every_tool_and_shows_the_form_that_is_read(protocol: ToolProtocol) -> None:
    told = protocol.explain([as_tool(look)])
    if protocol is NATIVE:
        assert told == ""
        return
    assert "look around" in told
    assert '"where"' in told or "look(where: string, times?: integer)" in told


def test_the_default_prompt_is_short() -> None:
    assert TAGS.explain([as_tool(look)]) == (
        "Tools:\nlook(where: string, times?: integer): look around\n"
        'Call one with <tool_call>{"name": ..., "arguments": {...}}</tool_call>'
    )


def test_the_hermes_prompt_holds_the_schema_as_json() -> None:
    told = HERMES.explain([as_tool(look)])
    schema = json.loads(told.partition("<tools>\n")[2].partition("\n</tools>")[0])
    assert schema["type"] == "function"
    assert schema["function"]["parameters"]["required"] == ["where"]


@pytest.mark.parametrize(
    ("model", "template", "protocol"),
    [
        ("Qwen/Qwen3-0.6B", "", HERMES),
        ("NousResearch/Hermes-3-Llama-3.1-8B", "", HERMES),
        ("meta-llama/Llama-3.1-8B-Instruct", "", LLAMA),
        ("meta-llama/Llama-3.2-1B-Instruct", "", LLAMA),
        ("meta-llama/Llama-4-Scout", "", PYTHONIC),
        ("smollm2", "", TAGS),
        ("my/model", "{{ '<tool_call>' }}", HERMES),
        ("Qwen/like", "{{ '<|python_tag|>' }}", LLAMA),
    ],
)
def test_a_model_is_known_by_its_template_then_by_its_name(
    model: str, template: str, protocol: ToolProtocol
) -> None:
    assert protocol_for(model, chat_template=template) is protocol


def test_an_experts_reply_is_put_into_another_protocol() -> None:
    reply = "plan: look\n" + render_call("look", {"where": "Oslo"}) + render_call("end", {})
    assert in_protocol(reply, TAGS) == reply
    assert in_protocol("42", LLAMA) == "42"
    assert in_protocol(reply, PYTHONIC) == "plan: look\n[look(where='Oslo'), end()]"
    assert read(HERMES, in_protocol(reply, HERMES)) == [("look", {"where": "Oslo"}), ("end", {})]


def test_an_action_is_read_in_the_protocol_that_is_asked_for() -> None:
    text = "[look(where='Oslo')]"
    assert Action.of(text).calls == ()
    assert [call.name for call in Action.of(text, parse=PYTHONIC.parse).calls] == ["look"]


def test_a_name_that_python_would_not_read_has_no_pythonic_call() -> None:
    for name in ("look-up", "class", "", "ﬁnd"):
        with pytest.raises(ValueError, match="is no Python name"):
            PYTHONIC.render([(name, {})])
