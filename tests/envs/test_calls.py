import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.envs import Action
from forethought.envs.call_json import bare
from forethought.envs.calls import Json, parse_calls, render_call

ARGUMENTS = st.dictionaries(
    st.text(max_size=6),
    st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text(max_size=4)),
    max_size=3,
)


def calls(text: str) -> list[tuple[str, dict[str, Json]]]:
    found = parse_calls(text)
    assert all(call.error is None for call in found), found
    return [(call.name, call.arguments) for call in found]


def errors(text: str) -> list[str | None]:
    return [call.error for call in parse_calls(text)]


@given(name=st.text(min_size=1, max_size=8), arguments=ARGUMENTS, prose=st.text(max_size=10))
def test_a_rendered_call_is_read_back_whatever_stands_before_it(
    name: str, arguments: dict[str, Json], prose: str
) -> None:
    text = prose.replace("<", "") + render_call(name, arguments)
    if "</tool_call>" not in json.dumps(arguments, ensure_ascii=False) + name:
        assert calls(text) == [(name, arguments)]


SEARCH = '{"name": "search", "arguments": {"query": "oslo"}}'


@pytest.mark.parametrize(
    "text",
    [
        f"<tool_call>{SEARCH}</tool_call>",
        f"I look it up.\n<tool_call>\n{SEARCH}\n</tool_call>\nThen I see.",
        f"<tool_call>{SEARCH}",
        f"```json\n{SEARCH}\n```",
        f"```\n{SEARCH}\n```",
        f"```tool_call\n{SEARCH}```",
        f"I search: {SEARCH} and wait.",
        '{"tool": "search", "parameters": {"query": "oslo"}}',
        '{"function": "search", "arguments": "{\\"query\\": \\"oslo\\"}"}',
    ],
    ids=["tag", "prose", "open", "fence", "plain fence", "call fence", "bare", "tool", "string"],
)
def test_one_call_is_read_however_it_is_written(text: str) -> None:
    assert calls(text) == [("search", {"query": "oslo"})]


def test_several_calls_keep_their_order_and_get_different_ids() -> None:
    text = render_call("a", {}) + render_call("b", {"n": 1}) + render_call("a", {})
    found = parse_calls(text, turn=3)
    assert [(call.id, call.name) for call in found] == [("3.0", "a"), ("3.1", "b"), ("3.2", "a")]


def test_a_list_in_a_fence_is_several_calls() -> None:
    assert calls('```json\n[{"name": "a"}, {"name": "b"}]\n```') == [("a", {}), ("b", {})]


def test_a_call_quoted_beside_a_tagged_one_is_not_run() -> None:
    assert calls(f"not {SEARCH} but {render_call('open', {'id': 1})}") == [("open", {"id": 1})]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The answer is 4.",
        "f(x) = {1, 2}",
        'Data: {"city": "Oslo"}',
        "```python\nd = {}\n```",
        '```python\ndef who():\n    return {"name": "Bob", "age": 3}\n```',
        '```\nprint({"name": "Bob"})\n```\nThat is all.',
        'Cut off: ```python\nwho = {"name": "Bob"',
    ],
)
def test_text_and_other_json_hold_no_call(text: str) -> None:
    assert parse_calls(text) == ()


def test_a_call_after_code_is_read_and_the_objects_of_the_code_are_none() -> None:
    code = '```python\nwho = {"name": "Bob"}\n```'
    assert calls(f"{code}\n{SEARCH}") == [("search", {"query": "oslo"})]
    fenced = f"As said:\n```json\n{SEARCH}\n```\n"
    assert list(bare(fenced + SEARCH)) == 2 * list(bare(SEARCH))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("<tool_call>search oslo</tool_call>", "not valid JSON: Expecting value at character 0"),
        ("<tool_call>[1]</tool_call>", "a call is a JSON object with name and arguments"),
        ('<tool_call>{"arguments": {}}</tool_call>', "the call has no name"),
        ('{"name": "a", "arguments": [1]}', "arguments is not a JSON object"),
        ('{"name": "a", "arguments": "x"}', "arguments is a string that holds no JSON object"),
        ('{"name": "a", "arguments": {', "not valid JSON: Expecting property name"),
        (
            '<tool_call>{"name": "a\nb"}</tool_call>',
            "not valid JSON: a line break in a string is written \\n, a tab \\t; one is at",
        ),
    ],
    ids=["words", "list", "nameless", "list arguments", "string arguments", "cut off", "break"],
)
def test_a_broken_call_carries_its_error(text: str, error: str) -> None:
    (found,) = errors(text)
    assert found is not None
    assert found.startswith(error)


def test_an_action_knows_its_calls_and_keeps_its_tokens() -> None:
    action = Action.of(render_call("a", {}), turn=2, tokens=(1, 2))
    assert [call.id for call in action.calls] == ["2.0"]
    assert action.tokens == (1, 2)
