"""Snapshot: an episode in progress, taken out of an environment so that it can be gone on from.

It holds what steps change: the attributes that the environment names in `state_fields`, those that
every environment has, the plan and the notes, the tokens spent, the random generators, and the
files of the sandbox if one is in use. What follows from the task is not kept, `begin` makes it
anew; nor are processes.
"""

from __future__ import annotations

import copy
import inspect
import pickle
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from types import MethodType
from typing import TYPE_CHECKING, TypeVar

import anyio

from forethought.envs.context import Context
from forethought.envs.lazy import LazySandbox
from forethought.envs.spaces import Text
from forethought.envs.task import Task
from forethought.envs.tools import Tool
from forethought.sandbox import Sandbox

if TYPE_CHECKING:
    from forethought.envs.base import Env

    AnyEnv = TypeVar("AnyEnv", bound=Env)

NO_TASK = Task(id="none", prompt="")
"""What an environment has before its first reset."""
_COMMON = ("submitted", "over", "num_steps", "np_random", "_np_random_seed")


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """An episode in progress; an environment made with the same options can take it up."""

    env: str
    """Class that it was taken from."""
    state: bytes
    """Pickled: unpickling runs code, so restore only what you took yourself."""
    files: bytes | None
    """Working directory of the sandbox as a tar archive; None if it was not used yet."""


async def take(env: Env) -> Snapshot:
    """The present state of `env`, which goes on undisturbed.

    Raises ValueError if it names no `state_fields` or was never reset, and TypeError for a state
    that cannot be pickled.
    """
    state = _state(env)
    sandbox = env.context.sandbox
    if isinstance(sandbox, LazySandbox):
        files = await sandbox.kept()
    else:
        files = None if sandbox is None else await sandbox.snapshot()
    return Snapshot(env=type(env).__qualname__, state=state, files=files)


async def put(env: Env, snapshot: Snapshot) -> None:
    """Make `env` go on where the snapshot was taken; what it did before is given up.

    Tools get a new context with the plan, the notes and the generator of the old one. Raises
    ValueError for the snapshot of another environment.
    """
    _fields(env)
    if snapshot.env != type(env).__qualname__:
        raise ValueError(f"a snapshot of {snapshot.env} cannot go on in {type(env).__qualname__}")
    await _go_on(env, snapshot.state, files=snapshot.files)


async def fork(env: AnyEnv, n: int) -> list[AnyEnv]:
    """`n` new environments in the state of `env`; each is to be closed like any other.

    A sandbox that is in use is forked at the same time, so each has its own from the beginning;
    one that was never used is opened by those that use it.
    """
    state = _state(env)
    sandbox, files = env.context.sandbox, None
    sandboxes: list[Sandbox] = []
    if isinstance(sandbox, LazySandbox) and not sandbox.is_open:
        files = await sandbox.kept()
    elif sandbox is not None:
        sandboxes = await sandbox.fork(n)
    twins = [_twin(env) for _ in range(n)]
    try:
        for index, twin in enumerate(twins):
            given = sandboxes[index] if sandboxes else None
            await _go_on(twin, state, files=files, sandbox=given)
    except BaseException:
        with anyio.CancelScope(shield=True):
            for twin in twins:
                await twin.aclose()
            for own in sandboxes:
                await own.close()
        raise
    return twins


def _state(env: Env) -> bytes:
    fields = _fields(env)
    if env.task is NO_TASK:
        raise ValueError(f"{type(env).__name__}: there is nothing to keep before the first reset")
    held = {name: getattr(env, name) for name in fields}
    context = env.context
    kept = (env.task, context.rng, context.plan, context.notes, context.spent, held)
    try:
        return pickle.dumps(kept)
    except (AttributeError, TypeError, pickle.PicklingError) as error:
        raise TypeError(
            f"{type(env).__name__}: what its state_fields name cannot be kept: {error}; let begin "
            "make it, or leave it out"
        ) from error


async def _go_on(
    env: Env, state: bytes, *, files: bytes | None, sandbox: Sandbox | None = None
) -> None:
    """Make `env` what the state says, in a sandbox that it will close, or with these files."""
    task, rng, plan, notes, spent, held = pickle.loads(state)
    context = Context(rng=rng, plan=plan, notes=notes, spent=spent, sandbox=sandbox)
    await env.prepare(task, context, files=files)
    if sandbox is not None:
        env.resources.push_async_callback(sandbox.close)
    env.info = {}
    for name in _fields(env):
        setattr(env, name, held[name])


def _fields(env: Env) -> tuple[str, ...]:
    if env.state_fields is None:
        raise ValueError(
            f"{type(env).__name__} cannot be forked: it does not name in `state_fields` the "
            "attributes that its steps change"
        )
    return (*_COMMON, *env.state_fields)


def _twin(env: AnyEnv) -> AnyEnv:
    """A new environment made like `env`, with nothing of its episode."""
    twin = copy.copy(env)
    twin.resources = AsyncExitStack()
    twin.observation_space, twin.action_space = Text(), Text()
    twin.tools = {name: _moved(tool, env, twin) for name, tool in env.tools.items()}
    return twin


def _moved(tool: Tool, env: Env, twin: Env) -> Tool:
    """The same tool; a method of `env` becomes that of its twin."""
    function = tool.function
    if inspect.ismethod(function) and function.__self__ is env:
        return replace(tool, function=MethodType(function.__func__, twin))
    return tool
