"""The pool that sandboxes are taken from in the present task."""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forethought.sandbox.pool.pool import SandboxPool

_pool: ContextVar[SandboxPool | None] = ContextVar("pool", default=None)


def pool() -> SandboxPool | None:
    """The innermost one that is open, if it can be used here.

    A context is handed on to other threads' loops too, whose tasks cannot wait for this one's.
    """
    found = _pool.get()
    return found if found is not None and found.is_here else None


def put(pool: SandboxPool) -> Token[SandboxPool | None]:
    """Take from this one from now on."""
    return _pool.set(pool)


def put_back(token: Token[SandboxPool | None]) -> None:
    """Take from the one before again."""
    _pool.reset(token)
