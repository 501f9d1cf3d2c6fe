"""Leash: another process ends when this one does, however it ends."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

_WAIT_THEN_KILL = 'cat > /dev/null; kill -9 "$@"'


class Leash:
    """A small process that reads from us; when that comes to an end, by kill -9 too, it kills."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._holder = subprocess.Popen(
            ["/bin/sh", "-c", _WAIT_THEN_KILL, "leash", *map(str, pids)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in our terminal is not meant for it
        )

    def let_go(self) -> None:
        """Leave the processes to themselves."""
        self._holder.kill()
        self._holder.communicate()
