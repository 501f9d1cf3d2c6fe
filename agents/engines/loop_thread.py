"""LoopThread: an event loop in a thread of its own, which outlives the loops that ask it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs coroutines of libraries that stay bound to the asyncio loop they began on."""

    def __init__(self, name: str) -> None:
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()
        self._is_ready.wait()

    async def run(self, work: Coroutine[None, None, T]) -> T:
        """The result of `work`; whoever is cancelled while waiting for it cancels it."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def wait(self, work: Coroutine[None, None, T]) -> T:
        """The result of `work`, blocking until it is there."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """Cancel what still runs and end the thread."""
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    def _serve(self) -> None:
        asyncio.run(self._until_closed())

    async def _until_closed(self) -> None:
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        self._is_ready.set()
        await self._closing.wait()
