"""One background event loop, so that synchronous Gymnasium code can drive async environments."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

_lock = threading.Lock()
_loops: list[asyncio.AbstractEventLoop] = []


def run_sync(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end on the shared loop; not to be called from within that loop."""
    return asyncio.run_coroutine_threadsafe(coroutine, _shared_loop()).result()


def _shared_loop() -> asyncio.AbstractEventLoop:
    with _lock:
        if not _loops:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="forethought-sync", daemon=True).start()
            _loops.append(loop)
        return _loops[0]
