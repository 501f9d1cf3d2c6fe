from __future__ import annotations

from typing import Literal

import anyio
import numpy as np
import pytest

from forethought.envs import Context, Tool, ToolCall, ToolResult, tool
from forethought.envs.tools import as_tool, is_tool, run_calls


def add(a: int, b: int = 1) -> str:
    """add two numbers

    This is for programmers.
    """
    return str(a + b)


def results(tools: list[Tool], *calls: ToolCall) -> list[ToolResult]:
    context = Context(rng=np.random.default_rng(0))
    by_name = {item.name: item for item in tools}
    return anyio.run(run_calls, calls, by_name, context)


def call(name: str, call_id: str = "0.0", **arguments: object) -> ToolCall:
    return ToolCall(id=call_id, name=name, arguments=arguments)  # type: ignore[arg-type]


def test_the_schema_and_the_prompt_line_follow_from_the_types() -> None:
    def find(words: list[str], kind: Literal["all", "any"] = "all") -> str:
        """find pages
        with these words"""
        return " ".join(words) + kind

    found = as_tool(find)
    assert (
        found.signature
        == "find(words: list of string, kind?: all|any): find pages with these words"
    )
    assert found.schema == {
        "additionalProperties": False,
        "properties": {
            "words": {"items": {"type": "string"}, "type": "array"},
            "kind": {"default": "all", "enum": ["all", "any"], "type": "string"},
        },
        "required": ["words"],
        "type": "object",
    }


def test_a_tool_runs_with_checked_arguments_and_defaults() -> None:
    assert [r.text for r in results([as_tool(add)], call("add", a=2, b=3))] == ["5"]
    assert [r.text for r in results([as_tool(add)], call("add", a=2))] == ["3"]
    assert [r.text for r in results([as_tool(add)], call("add", a="2"))] == ["3"]


@pytest.mark.parametrize(
    ("made", "error", "text"),
    [
        (call("add", a="x"), "bad_arguments", "add: a: Input should be a valid integer"),
        (call("add"), "bad_arguments", "add: a: Field required"),
        (call("add", a=1, c=2), "bad_arguments", "add: c: Extra inputs are not permitted"),
        (call("ad", a=1), "unknown_tool", "There is no tool 'ad'. Did you mean add?"),
        (call("zzz"), "unknown_tool", "There is no tool 'zzz'. There are: add."),
        (
            ToolCall(id="0.0", name="", error="the call has no name"),
            "parse",
            "Could not read this tool call: the call has no name.",
        ),
    ],
    ids=["type", "missing", "extra", "near", "far", "broken"],
)
def test_a_wrong_call_is_told_to_the_agent(made: ToolCall, error: str, text: str) -> None:
    (result,) = results([as_tool(add)], made)
    assert result.error == error
    assert result.text.startswith(text)
    assert result.call_id == "0.0"


def test_without_tools_an_agent_is_told_to_write_text() -> None:
    (result,) = results([], call("move"))
    assert result.text == "There is no tool 'move'. Act in plain text."


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (ValueError("bad date"), "tool"),
        (KeyError("no page"), "not_found"),
        (FileNotFoundError("no page"), "not_found"),
        (PermissionError("no page"), "tool"),
        (TimeoutError("no page"), "timeout"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_a_tool_raises_for_its_user_becomes_a_result(raised: Exception, error: str) -> None:
    def page() -> str:
        """fetch a page"""
        raise raised

    (result,) = results([as_tool(page)], call("page"))
    assert result.error == error
    assert result.text == f"page: {raised.args[0]}"


@pytest.mark.parametrize("raised", [ConnectionError("gone"), ZeroDivisionError("bug")])
def test_a_dead_sandbox_and_a_bug_rise(raised: Exception) -> None:
    def page() -> str:
        """fetch a page"""
        raise raised

    with pytest.raises(type(raised), match=str(raised)):
        results([as_tool(page)], call("page"))


def test_a_tool_that_gives_no_text_is_named() -> None:
    def count() -> int:
        """count the pages"""
        return 5

    with pytest.raises(TypeError, match="tool 'count' gives 5; what an agent reads is text"):
        results([as_tool(count)], call("count"))


def test_calls_run_together_and_answer_in_their_order() -> None:
    gate = anyio.Event()

    async def wait() -> str:
        """wait for the other call"""
        with anyio.fail_after(120):
            await gate.wait()
        return "waited"

    async def go() -> str:
        """let the other call go"""
        gate.set()
        return "went"

    found = results([as_tool(wait), as_tool(go)], call("wait", "0.0"), call("go", "0.1"))
    assert [(r.call_id, r.text) for r in found] == [("0.0", "waited"), ("0.1", "went")]


def test_calls_that_share_a_resource_run_one_after_the_other() -> None:
    busy = 0
    most = 0

    @tool(resource="disk")
    async def write(text: str) -> str:
        """write to the disk"""
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await anyio.sleep(0.01)
        busy -= 1
        return text

    calls = [call("write", f"0.{index}", text=str(index)) for index in range(3)]
    assert [r.text for r in results([as_tool(write)], *calls)] == ["0", "1", "2"]
    assert most == 1


def test_a_tool_that_asks_for_the_context_gets_it_with_its_call_id() -> None:
    async def draw(context: Context, low: int) -> str:
        """draw a number"""
        return f"{context.call_id} {context.rng.integers(low, low + 1)}"

    item = as_tool(draw)
    assert item.signature == "draw(low: integer): draw a number"
    assert [r.text for r in results([item], call("draw", "4.1", low=7))] == ["4.1 7"]


def test_only_marked_functions_are_tools() -> None:
    assert not is_tool(add)
    assert is_tool(tool(add))


def test_a_tool_without_types_or_description_is_refused() -> None:
    def untyped(query) -> str:  # type: ignore[no-untyped-def]
        """search"""
        return str(query)

    def undescribed(query: str) -> str:
        return query

    with pytest.raises(ValueError, match="tool 'untyped': parameter 'query' has no type annot"):
        as_tool(untyped)
    with pytest.raises(ValueError, match="tool 'undescribed' has no docstring"):
        as_tool(undescribed)
