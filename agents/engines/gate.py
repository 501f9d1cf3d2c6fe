"""Gate: many sample at once, or one changes the weights, so that a reply is of one version."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio


class Gate:
    """Who wants to change something waits for the replies under way; new ones wait for it."""

    def __init__(self) -> None:
        self._moved = anyio.Condition()
        self._num_sampling = 0
        self._is_closed = False

    @asynccontextmanager
    async def sampling(self) -> AsyncIterator[None]:
        """Hold the weights as they are."""
        async with self._moved:
            while self._is_closed:
                await self._moved.wait()
            self._num_sampling += 1
        try:
            yield
        finally:
            # Cancelled or not, whoever waits for the last reply has to hear of its end.
            with anyio.CancelScope(shield=True):
                async with self._moved:
                    self._num_sampling -= 1
                    self._moved.notify_all()

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[None]:
        """Be alone; changes are made one after another."""
        async with self._moved:
            while self._is_closed:
                await self._moved.wait()
            self._is_closed = True
        try:
            async with self._moved:
                while self._num_sampling:
                    await self._moved.wait()
            yield
        finally:
            with anyio.CancelScope(shield=True):
                async with self._moved:
                    self._is_closed = False
                    self._moved.notify_all()
