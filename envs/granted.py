"""Tools that any environment can grant its agent: code, files, a plan, sub-agents, second opinions.

    class Errand(Env):
        card = Card(traits=("skills",), horizon_unit="files", needs_sandbox=True)
        grants = (*SANDBOX_TOOLS, plan)

Those that use the sandbox run one after another, so that two calls of one turn do not race for the
same file. Sub-agents have the same sandbox and run beside each other.
"""

from __future__ import annotations

from collections.abc import Sequence

from forethought.envs.context import Context, Minds, PlanItem, Reduction, Report, WaitMode
from forethought.envs.tools import tool
from forethought.sandbox import ExecResult, Sandbox

TIMEOUT_S = 30.0
MAX_OUTPUT = 16_384
"""Bytes of stdout and of stderr that an agent may read of one command."""
MAX_FILE = 1 << 20
_MAX_COMMAND = 100_000


@tool(resource="sandbox")
async def python(code: str, context: Context) -> str:
    """run a Python program; only what it prints is seen, only files last until the next call"""
    result = await _sandbox(context).python(code, timeout_s=TIMEOUT_S, max_output=MAX_OUTPUT)
    return shown(result)


@tool(resource="sandbox")
async def bash(command: str, context: Context) -> str:
    """run a shell command"""
    if len(command) > _MAX_COMMAND:
        raise ValueError(f"a command of {len(command)} characters is too long; write a file first")
    result = await _sandbox(context).exec(
        ["bash", "-c", command], timeout_s=TIMEOUT_S, max_output=MAX_OUTPUT
    )
    return shown(result)


@tool(resource="sandbox")
async def read_file(path: str, context: Context, first_line: int = 1, num_lines: int = 200) -> str:
    """read lines of a text file"""
    lines = (await _text(path, context)).splitlines()
    if first_line < 1 or num_lines < 1:
        raise ValueError(f"lines count from 1, at least one; not {first_line} and {num_lines}")
    end = min(len(lines), first_line - 1 + num_lines)
    kept = lines[first_line - 1 : end]
    if len(kept) == len(lines):
        return "\n".join(kept) or "(empty file)"
    if not kept:
        raise ValueError(f"{path} has {len(lines)} lines, so none from {first_line} on")
    return "\n".join([*kept, f"(lines {first_line} to {end} of {len(lines)})"])


@tool(resource="sandbox")
async def write_file(path: str, text: str, context: Context) -> str:
    """write a text file, in place of what was there"""
    data = text.encode()
    await _sandbox(context).write(path, data)
    return f"wrote {len(data)} bytes to {path}"


@tool(resource="sandbox")
async def edit_file(path: str, old: str, new: str, context: Context) -> str:
    """replace a text that occurs exactly once in a file"""
    text = await _text(path, context)
    count = text.count(old) if old else 0
    if count != 1:
        raise ValueError(f"{old[:60]!r} occurs {count} times in {path}; give text that occurs once")
    await _sandbox(context).write(path, text.replace(old, new).encode())
    return f"edited {path}"


@tool
def plan(context: Context, items: Sequence[str] = (), done: Sequence[int] = ()) -> str:
    """write your plan, or tick off items of the present one by number, from 1"""
    present = [PlanItem(text=item) for item in items] or context.plan.items
    strange = [number for number in done if not 1 <= number <= len(present)]
    if strange:
        raise ValueError(f"the plan has {len(present)} items, so no item {strange[0]}")
    context.plan.items = present
    for number in done:
        present[number - 1].status = "done"
    waiting = [item for item in present if item.status != "done"]
    for index, item in enumerate(waiting):
        item.status = "doing" if index == 0 else "open"
    return str(context.plan) or "the plan is empty"


@tool
async def spawn(
    tasks: Sequence[str],
    context: Context,
    wait: bool = True,
    budget: int | None = None,
    fork: bool = False,
    own_sandbox: bool = False,
) -> str:
    """give each task to a sub-agent of its own, at once; without fork it knows only its task"""
    reports = await _minds(context).spawn(
        list(tasks),
        context=context,
        wait=wait,
        budget=budget,
        fork=fork,
        own_sandbox=own_sandbox,
    )
    if wait:
        return _numbered([report.text for report in reports])
    return f"started {', '.join(report.name for report in reports)}"


@tool
async def wait(
    context: Context,
    names: Sequence[str] = (),
    mode: WaitMode = "all",
    timeout_s: float | None = None,
) -> str:
    """wait for sub-agents that were started with wait=false, all or any of them"""
    minds = _minds(context)
    reports = await minds.wait(list(names), context=context, mode=mode, timeout_s=timeout_s)
    return _reported(reports)


@tool
async def cancel(names: Sequence[str], context: Context) -> str:
    """end sub-agents that are no longer needed"""
    return _reported(await _minds(context).cancel(list(names), context=context))


@tool
async def ask(
    prompts: Sequence[str],
    context: Context,
    n: int = 3,
    reduce: Reduction = "majority",
    deadline_s: float | None = None,
    mind: str = "",
) -> str:
    """put questions to a fresh mind, n times each, and get one answer to each"""
    answers = await _minds(context).ask(
        list(prompts), n=n, reduce=reduce, context=context, deadline_s=deadline_s, mind=mind
    )
    return _numbered(answers)


FILE_TOOLS = (read_file, write_file, edit_file)
SANDBOX_TOOLS = (python, bash, *FILE_TOOLS)
MIND_TOOLS = (spawn, wait, cancel, ask)


def shown(result: ExecResult) -> str:
    """What an agent reads of a command: its output, then in brackets what a limit did to it."""
    notes = []
    if result.timed_out:
        notes.append(f"killed after {TIMEOUT_S:g} s")
    elif result.oom_killed:
        notes.append("killed: out of memory")
    elif result.rc:
        notes.append(f"exit status {result.rc}")
    if result.truncated:
        notes.append(f"output cut at {MAX_OUTPUT} bytes")
    if result.leftovers:
        notes.append(f"{result.leftovers} background processes killed")
    text = result.text.rstrip("\n")
    lines = [text] if text else [] if notes else ["(no output)"]
    return "\n".join([*lines, *(f"[{note}]" for note in notes)])


def _sandbox(context: Context) -> Sandbox:
    if context.sandbox is None:
        raise ValueError("there is no sandbox here; the environment's card must ask for one")
    return context.sandbox


def _minds(context: Context) -> Minds:
    if context.minds is None:
        raise ValueError("there are no other minds here; do it yourself")
    return context.minds


async def _text(path: str, context: Context) -> str:
    data = await _sandbox(context).read(path, max_bytes=MAX_FILE)
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text file") from None


def _numbered(texts: Sequence[str]) -> str:
    if len(texts) == 1:
        return texts[0]
    return "\n".join(f"{number}. {text}" for number, text in enumerate(texts, 1))


def _reported(reports: Sequence[Report]) -> str:
    return "\n".join(
        f"{each.name} {each.status.replace('_', ' ')} "
        f"({each.turns} turns, {each.tokens} tokens): {each.text}"
        for each in reports
    )
