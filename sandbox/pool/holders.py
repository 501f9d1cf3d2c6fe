"""Who holds sandboxes: what decides that nobody waits for what only they themselves can give back.

An episode that holds a sandbox and asks for another (a fork of it, one to grade in) would wait for
ever if all others did the same. So whoever holds one is told apart from whoever holds none, by a
`Holder` that all tasks of an episode have in their context.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar

import anyio

_current: ContextVar[Holder | None] = ContextVar("holder", default=None)


class Holder:
    """A line of work that may hold several sandboxes, perhaps as a part of another one's."""

    def __init__(self, parent: Holder | None = None) -> None:
        self._parent = parent
        self._num_held = 0
        self._num_waiting = 0
        self._clocks: dict[anyio.CancelScope, float] = {}

    @property
    def has_any(self) -> bool:
        """Whether it, or what it is a part of, holds a sandbox at present."""
        return self._num_held > 0 or (self._parent is not None and self._parent.has_any)

    def take(self) -> None:
        """Count one more sandbox."""
        self._num_held += 1

    def give_back(self) -> None:
        """Count one less."""
        self._num_held -= 1

    @contextmanager
    def clock(self, scope: anyio.CancelScope) -> Iterator[None]:
        """Let the deadline of `scope` stand still while this waits in a pool's queue."""
        self._clocks[scope] = 0.0
        if self._num_waiting:
            self._stop(scope)
        try:
            yield
        finally:
            del self._clocks[scope]

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Stop the clocks, its own and those of what it is a part of, as long as anyone waits."""
        if self._num_waiting == 0:
            for scope in self._clocks:
                self._stop(scope)
        self._num_waiting += 1
        try:
            with nullcontext() if self._parent is None else self._parent.waiting():
                yield
        finally:
            self._num_waiting -= 1
            if self._num_waiting == 0:
                for scope, left_s in self._clocks.items():
                    scope.deadline = anyio.current_time() + left_s

    def _stop(self, scope: anyio.CancelScope) -> None:
        self._clocks[scope] = scope.deadline - anyio.current_time()
        scope.deadline = math.inf


@contextmanager
def holding(holder: Holder | None = None) -> Iterator[Holder]:
    """What runs inside is one line of work; a new one, within the present, unless one is given."""
    chosen = Holder(_current.get()) if holder is None else holder
    token = _current.set(chosen)
    try:
        yield chosen
    finally:
        _current.reset(token)


def current_holder() -> Holder:
    """The present line of work; where nobody named one, the task's own from now on."""
    holder = _current.get()
    if holder is None:
        holder = Holder()
        _current.set(holder)
    return holder
