"""Tools that environments grant: code and files in a sandbox, a plan, other minds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import anyio
import numpy as np
import pytest
from errand import Errand

from forethought.envs.calls import ToolCall
from forethought.envs.context import RUNNING, Context, Reduction, Report, WaitMode
from forethought.envs.granted import MIND_TOOLS, SANDBOX_TOOLS, plan, shown
from forethought.envs.tools import ToolResult, as_tool, run_calls
from forethought.sandbox import (
    ExecResult,
    open_sandbox,
)

TOOLS = {each.__name__: as_tool(each) for each in (*SANDBOX_TOOLS, plan, *MIND_TOOLS)}
Use = Callable[..., Awaitable[ToolResult]]


def in_sandbox(scene: Callable[[Use], Awaitable[None]]) -> None:
    """Play a scene whose tool calls run in a sandbox of this machine."""

    async def play() -> None:
        async with open_sandbox(backend="local") as sandbox:
            context = Context(rng=np.random.default_rng(0), sandbox=sandbox)

            async def use(name: str, **arguments: object) -> ToolResult:
                call = ToolCall(id="0.0", name=name, arguments=arguments)  # type: ignore[arg-type]
                return (await run_calls([call], TOOLS, context))[0]

            await scene(use)

    anyio.run(play)


def without_sandbox(context: Context, name: str, **arguments: object) -> ToolResult:
    async def use() -> ToolResult:
        call = ToolCall(id="0.0", name=name, arguments=arguments)  # type: ignore[arg-type]
        return (await run_calls([call], TOOLS, context))[0]

    return anyio.run(use)


def fresh() -> Context:
    return Context(rng=np.random.default_rng(0))


def test_python_shows_what_a_program_prints() -> None:
    async def scene(use: Use) -> None:
        assert (await use("python", code="print(6 * 7)")).text == "42"
        assert (await use("python", code="x = 1")).text == "(no output)"

    in_sandbox(scene)


def test_an_exception_is_output_with_its_exit_status_and_no_error_of_the_tool() -> None:
    async def scene(use: Use) -> None:
        result = await use("python", code="print('so far'); 1 / 0")
        assert result.error is None
        assert result.text.startswith("so far\nTraceback")
        assert result.text.endswith("ZeroDivisionError: division by zero\n[exit status 1]")

    in_sandbox(scene)


def test_a_program_may_be_long_and_hold_any_text() -> None:
    async def scene(use: Use) -> None:
        text = 'ä"$`' * 60_000
        code = f"text = {text!r}\nprint(len(text))"
        assert (await use("python", code=code)).text == "240000"

    in_sandbox(scene)


def test_programs_and_commands_meet_in_files() -> None:
    async def scene(use: Use) -> None:
        await use("python", code="open('a.txt', 'w').write('one\\ntwo\\n')")
        assert (await use("bash", command="wc -l < a.txt | tr -d ' '")).text == "2"
        assert (await use("read_file", path="a.txt")).text == "one\ntwo"

    in_sandbox(scene)


def test_a_command_that_is_too_long_says_what_to_do() -> None:
    async def scene(use: Use) -> None:
        result = await use("bash", command="#" * 100_001)
        assert result.error == "tool"
        assert "100001 characters is too long; write a file first" in result.text

    in_sandbox(scene)


def test_a_file_is_written_with_its_folders_read_in_parts_and_edited() -> None:
    async def scene(use: Use) -> None:
        text = "".join(f"line {n}\n" for n in range(1, 6))
        written = await use("write_file", path="notes/deep.txt", text=text)
        assert written.text == "wrote 35 bytes to notes/deep.txt"
        part = await use("read_file", path="notes/deep.txt", first_line=2, num_lines=2)
        assert part.text == "line 2\nline 3\n(lines 2 to 3 of 5)"
        edited = await use("edit_file", path="notes/deep.txt", old="line 3", new="drei")
        assert edited.text == "edited notes/deep.txt"
        whole = await use("read_file", path="notes/deep.txt")
        assert whole.text == "line 1\nline 2\ndrei\nline 4\nline 5"

    in_sandbox(scene)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("edit_file", {"old": "a", "new": "b"}, "'a' occurs 2 times in f.txt"),
        ("edit_file", {"old": "z", "new": "b"}, "'z' occurs 0 times in f.txt"),
        ("edit_file", {"old": "", "new": "b"}, "'' occurs 0 times in f.txt"),
        ("read_file", {"first_line": 9}, "f.txt has 1 lines, so none from 9 on"),
        ("read_file", {"first_line": 0}, "lines count from 1, at least one; not 0 and 200"),
        ("read_file", {"path": "gone.txt"}, "gone.txt"),
        ("read_file", {"path": "binary"}, "binary is not a text file"),
        ("read_file", {"first_line": "x"}, "first_line: Input should be a valid integer"),
    ],
)
def test_a_mistake_with_a_file_is_told(
    name: str, arguments: dict[str, object], message: str
) -> None:
    async def scene(use: Use) -> None:
        await use("write_file", path="f.txt", text="a-a")
        await use("python", code="open('binary', 'wb').write(bytes([255, 254, 0]))")
        result = await use(name, **{"path": "f.txt", **arguments})
        assert result.error is not None
        assert message in result.text
        assert (await use("read_file", path="f.txt")).text == "a-a"

    in_sandbox(scene)


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (ExecResult(rc=0, stdout=b"out\n", stderr=b"err\n"), "out\nerr"),
        (ExecResult(rc=0, stdout=b"", stderr=b""), "(no output)"),
        (ExecResult(rc=2, stdout=b"", stderr=b""), "[exit status 2]"),
        (ExecResult(rc=0, stdout=b"\xff", stderr=b""), "\ufffd"),
        (
            ExecResult(rc=137, stdout=b"x", stderr=b"", timed_out=True),
            "x\n[killed after 30 s]",
        ),
        (
            ExecResult(rc=137, stdout=b"", stderr=b"", oom_killed=True),
            "[killed: out of memory]",
        ),
        (
            ExecResult(rc=0, stdout=b"x", stderr=b"", truncated=True, leftovers=2),
            "x\n[output cut at 16384 bytes]\n[2 background processes killed]",
        ),
    ],
    ids=["both", "silent", "failed", "not utf-8", "timeout", "memory", "cut"],
)
def test_what_a_limit_did_to_a_command_is_shown(result: ExecResult, text: str) -> None:
    assert shown(result) == text


def test_sandbox_calls_of_one_turn_run_in_their_order() -> None:
    async def scene() -> None:
        async with open_sandbox(backend="local") as sandbox:
            context = Context(rng=np.random.default_rng(0), sandbox=sandbox)
            calls = [
                ToolCall(id="0", name="bash", arguments={"command": "sleep 0.2; echo 1 >> f"}),
                ToolCall(id="1", name="python", arguments={"code": "open('f', 'a').write('2\\n')"}),
                ToolCall(id="2", name="read_file", arguments={"path": "f"}),
            ]
            assert (await run_calls(calls, TOOLS, context))[2].text == "1\n2"

    anyio.run(scene)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("python", {"code": "1"}, "there is no sandbox here"),
        ("write_file", {"path": "a", "text": "b"}, "there is no sandbox here"),
        ("spawn", {"tasks": ["x"]}, "there are no other minds here; do it yourself"),
        ("ask", {"prompts": ["x"]}, "there are no other minds here; do it yourself"),
    ],
)
def test_what_is_not_there_is_said(name: str, arguments: dict[str, object], message: str) -> None:
    result = without_sandbox(fresh(), name, **arguments)
    assert result.error == "tool"
    assert message in result.text


def test_a_plan_is_written_ticked_off_and_rewritten() -> None:
    context = fresh()
    assert without_sandbox(context, "plan", items=["look", "count", "write"]).text == (
        "[~] look\n[ ] count\n[ ] write"
    )
    assert without_sandbox(context, "plan", done=[1]).text == "[x] look\n[~] count\n[ ] write"
    assert str(context.plan) == "[x] look\n[~] count\n[ ] write"
    assert without_sandbox(context, "plan", items=["rest"], done=[1]).text == "[x] rest"


def test_a_plan_without_items_is_empty_and_unknown_items_are_not_ticked_off() -> None:
    context = fresh()
    assert without_sandbox(context, "plan").text == "the plan is empty"
    result = without_sandbox(context, "plan", items=["look"], done=[2])
    assert result.text == "plan: the plan has 1 items, so no item 2"
    assert str(context.plan) == "", "a call that failed changed nothing"


@dataclass
class Echo:
    """Minds that repeat what they are asked, and remember it."""

    asked: list[tuple[object, ...]] = field(default_factory=list)

    async def spawn(
        self,
        tasks: Sequence[str],
        *,
        context: Context,
        budget: int | None = None,
        wait: bool = True,
        fork: bool = False,
        own_sandbox: bool = False,
    ) -> list[Report]:
        self.asked.append((tuple(tasks), budget, wait, fork, own_sandbox, context.call_id))
        status = "submitted" if wait else RUNNING
        return [
            Report(name=f"0.{at}", status=status, answer=f"did {task}" if wait else None)
            for at, task in enumerate(tasks)
        ]

    async def wait(
        self,
        names: Sequence[str] = (),
        *,
        context: Context,
        mode: WaitMode = "all",
        timeout_s: float | None = None,
    ) -> list[Report]:
        self.asked.append((tuple(names), mode, timeout_s))
        return [
            Report(name="0.0", status="turn_limit", turns=3, tokens=20),
            Report(name="0.1", status=RUNNING, turns=1, tokens=9),
        ]

    async def cancel(self, names: Sequence[str], *, context: Context) -> list[Report]:
        return [Report(name=name, status="dropped", turns=1, tokens=5) for name in names]

    async def ask(
        self,
        prompts: Sequence[str],
        *,
        n: int,
        reduce: Reduction,
        context: Context,
        deadline_s: float | None = None,
        mind: str = "",
    ) -> list[str]:
        self.asked.append((tuple(prompts), n, reduce, deadline_s, mind))
        return [f"re {prompt}" for prompt in prompts]


def test_sub_agents_get_the_tasks_and_their_reports_come_back_numbered() -> None:
    minds = Echo()
    context = Context(rng=np.random.default_rng(0), minds=minds)
    assert without_sandbox(context, "spawn", tasks=["a", "b"]).text == "1. did a\n2. did b"
    assert without_sandbox(context, "spawn", tasks=["a"], fork=True, budget=9).text == "did a"
    assert minds.asked == [
        (("a", "b"), None, True, False, False, "0.0"),
        (("a",), 9, True, True, False, "0.0"),
    ]


def test_sub_agents_in_the_background_are_named_waited_for_and_ended() -> None:
    minds = Echo()
    context = Context(rng=np.random.default_rng(0), minds=minds)
    started = without_sandbox(context, "spawn", tasks=["a", "b"], wait=False)
    assert started.text == "started 0.0, 0.1"
    waited = without_sandbox(context, "wait", names=["0.0"], mode="any", timeout_s=2)
    assert waited.text == (
        "0.0 turn limit (3 turns, 20 tokens): (no answer: the sub-agent ended by turn limit)\n"
        "0.1 running (1 turns, 9 tokens): (no answer yet: the sub-agent is still at work)"
    )
    assert minds.asked[-1] == (("0.0",), "any", 2.0)
    ended = without_sandbox(context, "cancel", names=["0.1"])
    assert ended.text.startswith("0.1 dropped (1 turns, 5 tokens)")


def test_questions_are_asked_three_times_each_unless_said_otherwise() -> None:
    minds = Echo()
    context = Context(rng=np.random.default_rng(0), minds=minds)
    assert without_sandbox(context, "ask", prompts=["a"]).text == "re a"
    without_sandbox(
        context, "ask", prompts=["a", "b"], n=5, reduce="best_of", deadline_s=1.5, mind="big"
    )
    assert minds.asked == [
        (("a",), 3, "majority", None, ""),
        (("a", "b"), 5, "best_of", 1.5, "big"),
    ]


def test_an_unknown_reduction_is_refused_with_those_there_are() -> None:
    context = Context(rng=np.random.default_rng(0), minds=Echo())
    result = without_sandbox(context, "ask", prompts=["a"], reduce="mean")
    assert result.error == "bad_arguments"
    assert "'majority'" in result.text


def test_granted_tools_stand_beside_an_environments_own() -> None:
    assert list(Errand().tools) == [
        "ring",
        "read_file",
        "write_file",
        "edit_file",
        "python",
        "plan",
    ]
