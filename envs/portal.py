"""One background event loop, so that synchronous Gymnasium code can drive async environments."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

_lock = threading.Lock()
_shared: list[tuple[asyncio.AbstractEventLoop, threading.Thread]] = []


def run_sync(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end on the shared loop; an interrupt (Ctrl-C) cancels it.

    Raises RuntimeError when called from within that loop, which would wait for itself.
    """
    loop, thread = _shared_loop()
    if threading.current_thread() is thread:
        coroutine.close()
        raise RuntimeError(
            "reset, step and close wait, and cannot be called from within an environment's own "
            "async code; use areset, astep and aclose there"
        )
    future = asyncio.run_coroutine_threadsafe(coroutine, loop)
    try:
        return future.result()
    finally:
        future.cancel()


def _shared_loop() -> tuple[asyncio.AbstractEventLoop, threading.Thread]:
    with _lock:
        if not _shared:
            loop = asyncio.new_event_loop()
            thread = threading.Thread(target=loop.run_forever, name="forethought-sync", daemon=True)
            thread.start()
            _shared.append((loop, thread))
        return _shared[0]
