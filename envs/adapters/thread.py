"""OneThread: blocking calls of one environment, all from one thread of its own.

Some libraries insist on it (Playwright's synchronous face, interpreters with thread-local state),
and none of them can be waited for on an event loop. The thread starts with the first call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import anyio
import anyio.to_thread

Result = TypeVar("Result")


class OneThread:
    """Runs calls one after the other, in the order they were made."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, call: Callable[[], Result]) -> Result:
        """What a call gives. A call that has begun goes on when its waiter is cancelled."""
        return await asyncio.wrap_future(self._executor.submit(call))

    async def close(self) -> None:
        """End the thread when the call that it is in has ended; safe to call twice."""
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._executor.shutdown)
