"""The agent as a child process of this one, at the other end of a socket pair."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping, Sequence

import anyio.to_thread

from forethought.sandbox.wire.stream import NUM_COMPLAINT, Wire

END_S = 5.0


class ProcessWire(Wire):
    """A socket pair's near end, and the file that the agent's errors go to."""

    def __init__(self, connection: socket.socket, *, errors: int) -> None:
        super().__init__(connection)
        self._errors = errors

    def complaint(self) -> str:
        """The last 2,000 bytes of standard error."""
        start = max(0, os.fstat(self._errors).st_size - NUM_COMPLAINT)
        return os.pread(self._errors, NUM_COMPLAINT, start).decode("utf-8", "replace").strip()

    def close(self) -> None:
        """Hang up, and forget the errors."""
        super().close()
        os.close(self._errors)


def start(
    command: Sequence[str], *, env: Mapping[str, str], user: int | None = None
) -> tuple[subprocess.Popen[bytes], Wire]:
    """Start `command` with the far end as its input and output. Raises OSError.

    Its standard error goes to an anonymous file, to be quoted if it fails.
    """
    ours, theirs = socket.socketpair()
    errors = os.memfd_create("errors")
    with theirs:
        try:
            process = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=errors,
                env=dict(env),
                cwd="/",
                user=user,
                group=user,
                extra_groups=None if user is None else [],
                start_new_session=True,
            )
        except OSError:
            ours.close()
            os.close(errors)
            raise
    return process, ProcessWire(ours, errors=errors)


async def end(process: subprocess.Popen[bytes]) -> None:
    """Wait for an agent whose wire is closed; kill one that does not end by itself."""
    with anyio.CancelScope(shield=True):
        await anyio.to_thread.run_sync(_wait, process)


def _wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
