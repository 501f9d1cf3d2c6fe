"""Clocks for tests, so that what is due comes in its order however busy the machine is.

`run_jumping` is for what waits for nothing but the clock and other tasks: its seconds pass while
all wait, and take no time. A thread, a process or a socket would be overtaken; there `Leaping`
goes on as usual until it is told how much later it is.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import TypeVar, TypeVarTuple, Unpack

import anyio

from forethought.envs import Env

Found = TypeVar("Found")
Given = TypeVarTuple("Given")


class _Selector(selectors.DefaultSelector):
    """Where nothing is to be heard until the next timer is due, it is due at once."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(None)
        heard = super().select(0)
        if not heard:
            self.now += max(timeout, 0.0)
        return heard


class _Jumping(asyncio.SelectorEventLoop):
    """Seconds pass only while everybody waits."""

    def __init__(self) -> None:
        self.clock = _Selector()
        super().__init__(self.clock)

    def time(self) -> float:
        return self.clock.now


class Leaping(asyncio.SelectorEventLoop):
    """It is `leapt` seconds later than it is."""

    leapt = 0.0

    def time(self) -> float:
        return super().time() + self.leapt


def run_jumping(main: Callable[[Unpack[Given]], Awaitable[Found]], *arguments: *Given) -> Found:
    """`anyio.run` by a clock that jumps."""
    return anyio.run(main, *arguments, backend_options={"loop_factory": _Jumping})


def run_for(env: Env | None, main: Callable[[], Awaitable[Found]]) -> Found:
    """The same, unless the environment has a sandbox, which is a process."""
    has_sandbox = env is not None and env.card.needs_sandbox
    return anyio.run(main) if has_sandbox else run_jumping(main)
