"""Tools that environments grant: code and files in a sandbox, a plan, other minds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import anyio
import numpy as np
import pytest

from forethought.envs.base import Card, Env
from forethought.envs.calls import ToolCall, render_call
from forethought.envs.child import ChildEnv
from forethought.envs.context import Context, Reduction
from forethought.envs.granted import FILE_TOOLS, MIND_TOOLS, SANDBOX_TOOLS, plan, python, shown
from forethought.envs.lazy import LazySandbox
from forethought.envs.task import Task
from forethought.envs.tools import ToolResult, as_tool, run_calls, tool
from forethought.sandbox import (
    ExecResult,
    Sandbox,
    SandboxFileError,
    SandboxUnavailable,
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

    async def spawn(self, tasks: Sequence[str], *, context: Context) -> list[str]:
        self.asked.append((tuple(tasks), context.call_id))
        return [f"did {task}" for task in tasks]

    async def ask(
        self, prompts: Sequence[str], *, n: int, reduce: Reduction, context: Context
    ) -> list[str]:
        self.asked.append((tuple(prompts), n, reduce, context.call_id))
        return [f"re {prompt}" for prompt in prompts]


def test_sub_agents_get_the_tasks_and_their_reports_come_back_numbered() -> None:
    minds = Echo()
    context = Context(rng=np.random.default_rng(0), minds=minds)
    assert without_sandbox(context, "spawn", tasks=["a", "b"]).text == "1. did a\n2. did b"
    assert without_sandbox(context, "spawn", tasks=["a"]).text == "did a"
    assert minds.asked == [(("a", "b"), "0.0"), (("a",), "0.0")]


def test_questions_are_asked_three_times_each_unless_said_otherwise() -> None:
    minds = Echo()
    context = Context(rng=np.random.default_rng(0), minds=minds)
    assert without_sandbox(context, "ask", prompts=["a"]).text == "re a"
    without_sandbox(context, "ask", prompts=["a", "b"], n=5, reduce="best_of")
    assert minds.asked == [(("a",), 3, "majority", "0.0"), (("a", "b"), 5, "best_of", "0.0")]


def test_an_unknown_reduction_is_refused_with_those_there_are() -> None:
    context = Context(rng=np.random.default_rng(0), minds=Echo())
    result = without_sandbox(context, "ask", prompts=["a"], reduce="mean")
    assert result.error == "bad_arguments"
    assert "'majority'" in result.text


class Errand(Env):
    """Say hello from a file; opens its sandboxes through a list, so that they can be counted."""

    card = Card(traits=("skills",), horizon_unit="files", needs_sandbox=True)
    grants = (*FILE_TOOLS, python, plan)

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        return Task(id="errand", prompt=f"Write hello.txt. {rng.integers(1 << 30)}")

    @tool
    def ring(self) -> str:
        """ring the bell"""
        return "ding"

    def open_sandbox(self) -> AbstractAsyncContextManager[Sandbox]:
        return self._counted()

    @asynccontextmanager
    async def _counted(self) -> AsyncIterator[Sandbox]:
        self.opened.append("open")
        async with open_sandbox(backend="local") as sandbox:
            yield sandbox
        self.opened.append("closed")


def test_granted_tools_stand_beside_an_environments_own() -> None:
    assert list(Errand().tools) == [
        "ring",
        "read_file",
        "write_file",
        "edit_file",
        "python",
        "plan",
    ]


def test_a_sandbox_is_opened_at_its_first_use_once_and_closed_with_the_episode() -> None:
    env = Errand()
    env.reset(seed=0)
    env.step(render_call("ring", {}) + render_call("plan", {"items": ["wait"]}))
    assert env.opened == []
    env.step(render_call("write_file", {"path": "hello.txt", "text": "hello"}))
    assert env.step(render_call("read_file", {"path": "hello.txt"}))[0] == "hello"
    assert env.opened == ["open"]
    env.close()
    env.close()
    assert env.opened == ["open", "closed"]


def test_an_episode_that_uses_no_sandbox_opens_none() -> None:
    env = Errand()
    env.reset(seed=0)
    missing = env.step(render_call("read_file", {"path": "hello.txt"}))[0]
    assert missing == "read_file: hello.txt: no such file"
    env.close()
    assert env.opened == []


def test_a_new_episode_gets_a_new_sandbox() -> None:
    env = Errand()
    env.reset(seed=0)
    env.step(render_call("write_file", {"path": "hello.txt", "text": "hello"}))
    env.reset(seed=1)
    assert "no such file" in env.step(render_call("read_file", {"path": "hello.txt"}))[0]
    env.close()
    assert env.opened == ["open", "closed"]


def test_calls_that_first_use_a_sandbox_together_open_one() -> None:
    env = Errand()

    async def scene() -> None:
        await env.areset(seed=0)
        sandbox = env.context.sandbox
        assert sandbox is not None
        async with anyio.create_task_group() as group:
            for name in "abcd":
                group.start_soon(sandbox.write, name, name.encode())
        assert [await sandbox.read(name) for name in "abcd"] == [b"a", b"b", b"c", b"d"]
        await env.aclose()

    anyio.run(scene)
    assert env.opened == ["open", "closed"]


def test_a_sandbox_that_dies_is_no_mistake_of_the_agent() -> None:
    class Gone(Errand):
        """Its sandbox cannot be had."""

        @asynccontextmanager
        async def _counted(self) -> AsyncIterator[Sandbox]:
            raise SandboxUnavailable("the engine is down")
            yield

    env = Gone()
    env.reset(seed=0)
    with pytest.raises(SandboxUnavailable, match="the engine is down"):
        env.step(render_call("python", {"code": "1"}))
    env.close()


def test_a_closed_episodes_sandbox_stays_closed() -> None:
    async def scene() -> None:
        sandbox = LazySandbox(lambda: open_sandbox(backend="local"))
        await sandbox.write("a", b"a")
        assert sandbox.is_open
        await sandbox.close()
        assert not sandbox.is_open
        with pytest.raises(SandboxUnavailable, match="the episode has ended"):
            await sandbox.exec(["true"])

    anyio.run(scene)


def test_a_lazy_sandbox_does_all_that_its_sandbox_does() -> None:
    async def scene() -> None:
        sandbox = LazySandbox(lambda: open_sandbox(backend="local"))
        with pytest.raises(SandboxFileError, match="a: no such file"):
            await sandbox.read("a")
        result = await sandbox.exec(["sh", "-c", "cat; echo $X"], stdin=b"in ", env={"X": "env"})
        assert result.stdout == b"in env\n"
        await sandbox.write("a", b"1")
        kept = await sandbox.snapshot()
        await sandbox.reset()
        with pytest.raises(SandboxFileError):
            await sandbox.read("a")
        await sandbox.restore(kept)
        assert await sandbox.read("a", max_bytes=1) == b"1"
        await sandbox.close()

    anyio.run(scene)


def child_of(env: Env, prompt: str, context: Mapping[str, object] | None = None) -> ChildEnv:
    child = ChildEnv(env, prompt)
    child.reset(options=dict(context or {}))
    return child


def test_a_child_shares_tools_and_sandbox_with_its_parent_and_nothing_else() -> None:
    env = Errand()
    env.reset(seed=0)
    child = child_of(env, "Write it.", {"context": fresh()})
    assert list(child.tools) == [*env.tools, "submit"]
    child.step(render_call("plan", {"items": ["mine"]}))
    child.step(render_call("write_file", {"path": "hello.txt", "text": "by a child"}))
    assert env.step(render_call("read_file", {"path": "hello.txt"}))[0] == "by a child"
    assert (str(child.context.plan), str(env.context.plan)) == ("[~] mine", "")
    child.close()
    assert env.opened == ["open"], "a child leaves the sandbox to its parent"
    env.close()


@pytest.mark.parametrize(
    "last",
    ["It is done.", render_call("submit", {"answer": "It is done."})],
    ids=["plain text", "submit"],
)
def test_a_childs_last_word_is_its_report_and_not_its_parents(last: str) -> None:
    env = Errand()
    env.reset(seed=0)
    child = child_of(env, "Write it.")
    _, score, terminated, _, info = child.step(last)
    assert (score, terminated, info["score"]) == (0.0, True, None)
    assert child.submitted is not None
    assert child.submitted.answer == "It is done."
    assert (env.over, env.submitted) == (False, None)


def test_a_child_reads_the_task_it_was_given_and_may_have_children() -> None:
    env = Errand()
    env.reset(seed=0)
    child = child_of(env, "Write it.")
    grandchild = child_of(child, "Write the h.")
    assert (child.task.prompt, grandchild.task.prompt) == ("Write it.", "Write the h.")
    assert grandchild.context.sandbox is env.context.sandbox
    assert grandchild.max_steps() == env.max_steps()
