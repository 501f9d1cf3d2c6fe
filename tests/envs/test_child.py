"""Sub-agents act in an environment of their own, with their parent's tools."""

from __future__ import annotations

from collections.abc import Mapping

import anyio
import numpy as np
import pytest
from errand import Errand

from forethought.envs.base import Env
from forethought.envs.calls import render_call
from forethought.envs.child import ChildEnv, sandbox_copies
from forethought.envs.context import Context
from forethought.envs.lazy import LazySandbox
from forethought.sandbox import SandboxUnavailable


def child_of(env: Env, prompt: str, context: Mapping[str, object] | None = None) -> ChildEnv:
    child = ChildEnv(env, prompt)
    child.reset(options=dict(context or {}))
    return child


def test_a_child_shares_tools_and_sandbox_with_its_parent_and_nothing_else() -> None:
    env = Errand()
    env.reset(seed=0)
    child = child_of(env, "Write it.", {"context": Context(rng=np.random.default_rng(0))})
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


def test_copies_of_a_sandbox_in_use_are_forks_with_its_files() -> None:
    async def scene() -> None:
        env = Errand()
        await env.areset(seed=0)
        await env.astep(render_call("write_file", {"path": "hello.txt", "text": "before"}))
        first, second = await sandbox_copies(env, 2)
        assert env.opened == ["open"]
        await first.write("hello.txt", b"by a child")
        await env.astep(render_call("write_file", {"path": "hello.txt", "text": "after"}))
        assert [await each.read("hello.txt") for each in (first, second)] == [
            b"by a child",
            b"before",
        ]
        for each in (first, second):
            await each.close()
        await env.aclose()

    anyio.run(scene)


def test_copies_of_a_sandbox_that_nobody_used_are_opened_by_those_that_use_them() -> None:
    async def scene() -> None:
        env = Errand()
        await env.areset(seed=0)
        copies = await sandbox_copies(env, 2)
        assert all(isinstance(copy, LazySandbox) and copy.is_untouched for copy in copies)
        assert env.opened == []
        await env.aclose()

    anyio.run(scene)


def test_a_child_that_never_began_closes_the_sandbox_it_was_given() -> None:
    async def scene() -> None:
        env = Errand()
        await env.areset(seed=0)
        await env.astep(render_call("write_file", {"path": "hello.txt", "text": "before"}))
        (own,) = await sandbox_copies(env, 1)
        await ChildEnv(env, "Write it.", sandbox=own).aclose()
        with pytest.raises(SandboxUnavailable):
            await own.read("hello.txt")
        await env.aclose()

    anyio.run(scene)
