"""The agent as a child process of this one, at the other end of a socket pair."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Mapping, Sequence

import anyio.to_thread

from forethought.sandbox.wire import Wire

END_S = 5.0


def start(
    command: Sequence[str], *, env: Mapping[str, str], user: int | None = None
) -> tuple[subprocess.Popen[bytes], Wire]:
    """Start `command` with the far end as its input and output. Raises OSError.

    Its standard error is this process's own: an agent writes there only when it has a bug.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                env=dict(env),
                cwd="/",
                user=user,
                group=user,
                extra_groups=None if user is None else [],
                start_new_session=True,
            )
        except OSError:
            ours.close()
            raise
    return process, Wire(ours)


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
